#include <condition_variable>
#include <mutex>
#include <optional>
#include <weir/cluster/log/log_control_log.hpp>
#include <weir/cluster/log/log_seat.hpp>
#include "tests/catch.hpp"
#include "tests/storage/temporary_directory.hpp"

using namespace weir;
using namespace weir::cluster;
using namespace std::chrono_literals;

namespace {

/// A seat on the log, running; what became of it can be waited for.
class seated {
 public:
  explicit seated(const std::string& directory) {
    log_seat_options o;
    o.directory = directory;
    o.name_space = "shop";
    o.seat.seat.node = "a";
    o.seat.seat.rest = 1h; // Who lost the lead here does not come back while the test looks.
    o.seat.seat.entered = [this] { note("entered"); };
    o.seat.seat.left = [this](const std::string& why) { note("left: " + why); };
    auto opened = open_log_seat(std::move(o));
    REQUIRE(opened.ok());
    seat = std::move(*opened);
  }
  std::string next() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, 20s, [this] { return !events_.empty(); }))
      return "nothing came";
    auto e = events_.front();
    events_.erase(events_.begin());
    return e;
  }
  void note(std::string e) {
    std::lock_guard lock(mutex_);
    events_.push_back(std::move(e));
    changed_.notify_all();
  }
  /// Commits one record; what came of it is the next event.
  void write(std::uint64_t n) {
    seat->with([this, n](control_seat& s) {
      s.office().commit(1, {closed_record{"job", n}}, [this](const result<>& r) { note(r ? "wrote" : "refused"); });
    });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> events_;

 public:
  std::unique_ptr<running_seat> seat; ///< Last: its thread uses the rest.
};

cluster_state read(const std::string& directory) {
  cluster_state s;
  auto all = read_log_control(directory, "shop.weir-control", 0);
  REQUIRE(all.ok());
  for (const auto& e : *all)
    REQUIRE(s.apply(e).ok());
  return s;
}

} // namespace

TEST_CASE("the leader of a cluster on the log keeps its records in its store, over restarts") {
  temporary_directory d;
  {
    seated a(d.path + "/log");
    CHECK(a.next() == "entered");
    a.write(1);
    CHECK(a.next() == "wrote");
    a.write(2);
    CHECK(a.next() == "wrote");
  }
  auto first = read(d.path + "/log");
  CHECK(first.leader().node == "a");
  REQUIRE(first.job("job") != nullptr);
  CHECK(first.job("job")->closed == 2);
  seated again(d.path + "/log");
  CHECK(again.next() == "entered");
  again.write(3);
  CHECK(again.next() == "wrote");
  auto second = read(d.path + "/log");
  CHECK(second.term() > first.term());
  CHECK(second.job("job")->closed == 3);
}

TEST_CASE("a second leader on the same store is refused while the first is there") {
  temporary_directory d;
  seated a(d.path + "/log");
  CHECK(a.next() == "entered");
  log_seat_options o;
  o.directory = d.path + "/log";
  o.name_space = "shop";
  o.seat.seat.node = "a";
  auto second = open_log_seat(std::move(o));
  REQUIRE_FALSE(second.ok());
  CHECK(second.err().code == errc::store_locked);
}

TEST_CASE("who takes the id of a control topic on the log fences every earlier taker") {
  temporary_directory d;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::function<void()>> posted;
  auto post = [&](std::function<void()> f) {
    std::lock_guard lock(mutex);
    posted.push_back(std::move(f));
    changed.notify_all();
  };
  auto answer = [&] {
    std::unique_lock lock(mutex);
    REQUIRE(changed.wait_for(lock, 20s, [&] { return !posted.empty(); }));
    auto f = std::move(posted.front());
    posted.erase(posted.begin());
    lock.unlock();
    f();
  };
  auto open = [&] {
    auto log = log_control_log::open(d.path + "/log", "shop.weir-control", post);
    REQUIRE(log.ok());
    return std::move(*log);
  };
  auto append = [&](log_control_log& log, std::uint64_t n) {
    std::optional<append_outcome> how;
    log.append({encode_control({{{0, 0}, n}, closed_record{"job", n}})}, [&](append_outcome o) { how = o; });
    answer();
    return *how;
  };
  auto take = [&](log_control_log& log) {
    bool taken = false;
    log.take([&](const result<>& r) { taken = r.ok(); });
    answer();
    REQUIRE(taken);
  };
  auto a = open(), b = open();
  CHECK(append(*a, 1) == append_outcome::unknown);
  take(*a);
  CHECK(append(*a, 2) == append_outcome::committed);
  take(*b);
  CHECK(append(*a, 3) == append_outcome::replaced);
  CHECK(append(*b, 4) == append_outcome::committed);
  take(*a);
  CHECK(append(*b, 5) == append_outcome::replaced);
  CHECK(read(d.path + "/log").job("job")->closed == 4);
}
