#include "services/weir/progress.hpp"
#include "tests/catch.hpp"

using namespace weir;
using namespace std::chrono_literals;

TEST_CASE("rates are per second between two snapshots and count from zero after a restart") {
  job_status before, now;
  before.records_in = 100;
  before.records_out = 50;
  now.records_in = 600;
  now.records_out = 10;
  auto r = rates_between(before, now, 2s);
  CHECK(r.in == 250);
  CHECK(r.out == 5);
  CHECK(rates_between(before, now, 0s).in == 0);
}

TEST_CASE("the live line shows rates, lag, watermark delay and the checkpoint's number, age and size") {
  job_status s;
  s.job = "j";
  s.phase = job_phase::running;
  s.lag = 12'345;
  timestamp now{1'767'225'603'250'000};
  s.watermark = now - 5s;
  s.checkpoint = 17;
  s.checkpoint_at = now - 400ms;
  s.checkpoint_bytes = 3u << 19;
  s.store_bytes = 4u << 20;
  CHECK(live_line(s, {1234, 2.5}, now) ==
        "j: in 1.2k/s out 2/s lag 12.3k watermark 5.0s checkpoint 17 0.4s ago 1.5 MiB (store 4 MiB)");
  s.checkpoints_closed = 3;
  CHECK(live_line(s, {}, now).find("checkpoint 17 0.4s ago 1.5 MiB closed 3 (store") != std::string::npos);
  s.watermark = max_timestamp;
  CHECK(live_line(s, {}, now).find("watermark end") != std::string::npos);
  s.watermark = min_timestamp;
  CHECK(live_line(s, {}, now).find("watermark -") != std::string::npos);
}

TEST_CASE("the live line shows closed attempts before the first complete checkpoint") {
  job_status s;
  s.job = "j";
  s.phase = job_phase::running;
  CHECK(live_line(s, {}, {}) == "j: in 0/s out 0/s lag - watermark - checkpoint -");
  s.checkpoints_closed = 2;
  CHECK(live_line(s, {}, {}) == "j: in 0/s out 0/s lag - watermark - checkpoint - closed 2");
}

TEST_CASE("a job that is not running shows its phase and what it waits for") {
  job_status s;
  s.job = "j";
  s.detail = "for topic 'orders' on connection 'main'";
  CHECK(live_line(s, {}, {}) == "j: waiting for topic 'orders' on connection 'main'");
}

TEST_CASE("counts are shortened to three digits or so") {
  CHECK(short_count(999) == "999");
  CHECK(short_count(1500) == "1.5k");
  CHECK(short_count(2.5e6) == "2.5M");
  CHECK(short_count(3e9) == "3.0G");
}
