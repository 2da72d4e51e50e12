#include <atomic>
#include "actors/nodes/service_warmer.hpp"
#include "tests/nodes/node_world.hpp"

using namespace nodes_test;

namespace {

/// Stores that are made ready step by step, as the test lets them.
struct warming {
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, std::size_t> passes; ///< Begun, by service.
  bool hold = false;                         ///< Passes wait for its end.
  std::optional<error> fails;
  std::atomic<bool> until_told{false}; ///< A pass goes on until it is told to end.
  std::atomic<int> asked{0};           ///< Whether it may.
  cluster::services_record file;
  std::unique_ptr<service_warmer> warmer;

  explicit warming(duration ready_within = std::chrono::hours(1)) {
    file.version = 1;
    service_warmer_options o;
    o.pause = std::chrono::milliseconds(1);
    o.ready_within = ready_within;
    o.warm_up = [this](const cluster::services_record&, const std::string& name, const auto& go_on) -> result<std::uint64_t> {
      while (until_told) {
        ++asked;
        WEIR_TRY(go_on());
        std::this_thread::yield();
      }
      std::unique_lock lock(mutex);
      auto n = ++passes[name];
      changed.notify_all();
      changed.wait(lock, [this] { return !hold; });
      if (fails)
        return *fails;
      return n;
    };
    warmer = std::make_unique<service_warmer>(std::move(o));
  }
  ~warming() { let(false); }
  void let(bool wait) {
    std::lock_guard lock(mutex);
    hold = wait;
    changed.notify_all();
  }
  std::size_t begun(const std::string& name) {
    std::lock_guard lock(mutex);
    return passes[name];
  }
  std::optional<warm_service> of(const std::string& name) const {
    for (const auto& w : warmer->report())
      if (w.name == name)
        return w;
    return std::nullopt;
  }
};

} // namespace

TEST_CASE("stores of what is to come are made ready, again and again, until they are let go") {
  warming w;
  CHECK(w.warmer->report().empty());
  w.warmer->want(w.file, {"one", "two"});
  REQUIRE(eventually([&] { return w.of("one")->ready && w.of("two")->ready && w.begun("one") > 3; }));
  CHECK(w.of("one")->checkpoint > 0);
  w.warmer->want(w.file, {"two"});
  CHECK_FALSE(w.of("one"));
  REQUIRE(eventually([&] { return w.warmer->lets_go_of("two"); }));
  CHECK(w.warmer->report().empty());
  auto passes = w.begun("two");
  w.warmer->want(w.file, {"three"});
  REQUIRE(eventually([&] { return w.begun("three") > 3; }));
  CHECK(w.begun("two") == passes);
}

TEST_CASE("a store that is being worked at is not let go before the pass is over") {
  warming w;
  w.let(true);
  w.warmer->want(w.file, {"one"});
  REQUIRE(eventually([&] { return w.begun("one") == 1; }));
  CHECK_FALSE(w.warmer->lets_go_of("one"));
  CHECK_FALSE(w.warmer->lets_go_of("one"));
  w.let(false);
  REQUIRE(eventually([&] { return w.warmer->lets_go_of("one"); }));
  CHECK(w.begun("one") == 1);
}

TEST_CASE("a store is ready when a pass is short, or no shorter than the one before") {
  warming w(duration{-1});
  w.let(true);
  w.warmer->want(w.file, {"one"});
  REQUIRE(eventually([&] { return w.begun("one") == 1; }));
  CHECK_FALSE(w.of("one")->ready);
  w.let(false);
  REQUIRE(eventually([&] { return w.of("one")->ready; }));
}

TEST_CASE("why a store does not get ready is told, and forgotten when it does") {
  warming w;
  {
    std::lock_guard lock(w.mutex);
    w.fails = error{errc::unavailable, "the directory hangs"};
  }
  w.warmer->want(w.file, {"one"});
  REQUIRE(eventually([&] { return w.of("one")->trouble == "the directory hangs"; }));
  CHECK_FALSE(w.of("one")->ready);
  {
    std::lock_guard lock(w.mutex);
    w.fails.reset();
  }
  REQUIRE(eventually([&] { return w.of("one")->ready; }));
  CHECK(w.of("one")->trouble.empty());
}

TEST_CASE("a pass that would take long ends when the node stops") {
  warming w;
  w.until_told = true;
  w.warmer->want(w.file, {"one"});
  REQUIRE(eventually([&] { return w.asked > 0; }));
  CHECK_FALSE(w.warmer->lets_go_of("one"));
  w.warmer->request_stop();
  REQUIRE(eventually([&] { return w.warmer->lets_go_of("one"); }));
  w.warmer->stop();
  CHECK(w.begun("one") == 0);
}

TEST_CASE("a pass ends when its store is not wanted any more, but goes on when the service is to start here") {
  warming w;
  w.until_told = true;
  w.warmer->want(w.file, {"one"});
  REQUIRE(eventually([&] { return w.asked > 0; }));
  SECTION("not wanted") {
    w.warmer->want(w.file, {"two"});
    w.asked = 0;
    REQUIRE(eventually([&] { return w.asked > 1; })); // The other one's.
    CHECK(w.warmer->lets_go_of("one"));
  }
  SECTION("it starts here") {
    CHECK_FALSE(w.warmer->lets_go_of("one"));
    w.warmer->want(w.file, {});
    w.asked = 0;
    REQUIRE(eventually([&] { return w.asked > 1; }));
    CHECK_FALSE(w.warmer->lets_go_of("one"));
    w.until_told = false;
    REQUIRE(eventually([&] { return w.warmer->lets_go_of("one"); }));
    CHECK(w.begun("one") == 1);
  }
  w.until_told = false;
}
