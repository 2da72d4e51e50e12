#include <sys/prctl.h>
#include <condition_variable>
#include <map>
#include <mutex>
#include <weir/connectors/kafka/handles.hpp>
#include <weir/connectors/kafka/main_thread.hpp>
#include "tests/catch.hpp"

using namespace std::chrono_literals;

namespace main_thread_test {

/// The timer slack of each kind of thread of a client, as the thread itself sees it.
struct slacks {
  std::mutex mutex;
  std::condition_variable changed;
  std::map<rd_kafka_thread_type_t, int> seen;

  static rd_kafka_resp_err_t on_thread_start(rd_kafka_t*, rd_kafka_thread_type_t type, const char*, void* me) {
    auto& s = *static_cast<slacks*>(me);
    std::lock_guard lock(s.mutex);
    s.seen[type] = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);
    s.changed.notify_all();
    return RD_KAFKA_RESP_ERR_NO_ERROR;
  }
  static rd_kafka_resp_err_t on_new(rd_kafka_t* rk, const rd_kafka_conf_t*, void* me, char*, std::size_t) {
    return rd_kafka_interceptor_add_on_thread_start(rk, "test", &on_thread_start, me);
  }
};

TEST_CASE("the main thread of a client may oversleep, its brokers' threads may not") {
  auto usual = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);
  slacks s;
  auto* conf = rd_kafka_conf_new();
  REQUIRE(rd_kafka_conf_set(conf, "bootstrap.servers", "127.0.0.1:1", nullptr, 0) == RD_KAFKA_CONF_OK);
  weir::kafka::spare_main_thread(conf);
  REQUIRE(rd_kafka_conf_interceptor_add_on_new(conf, "test", &slacks::on_new, &s) == RD_KAFKA_RESP_ERR_NO_ERROR);
  auto* rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nullptr, 0);
  REQUIRE(rk);
  {
    std::unique_lock lock(s.mutex);
    CHECK(s.changed.wait_for(lock, 60s,
                             [&] { return s.seen.contains(RD_KAFKA_THREAD_MAIN) && s.seen.contains(RD_KAFKA_THREAD_BROKER); }));
    CHECK(s.seen[RD_KAFKA_THREAD_BROKER] == usual);
    CHECK(s.seen[RD_KAFKA_THREAD_MAIN] == (weir::kafka::main_thread_spins() ? 1'000'000 : usual));
  }
  rd_kafka_destroy(rk);
}

} // namespace main_thread_test
