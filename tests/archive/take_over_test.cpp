#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <weir/archive/archive_files.hpp>
#include <weir/core/fail_point.hpp>
#include "tests/archive/copied_job.hpp"

/// Two processes that take one copy over at the same time, of which one is frozen on the way.

using namespace weir;
using namespace weir::test;

namespace {

/// A process that looks at the copy, takes an incarnation above all others', is frozen at a step of taking over, and says at its
/// end by its exit code what came of that: 0, or an errc.
class sleeper {
 public:
  sleeper(const std::string& store, const std::string& shared, const char* where) {
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0)
      ::_exit(take_over(store, shared, where));
    int status = 0;
    REQUIRE(::waitpid(pid_, &status, WUNTRACED) == pid_);
    INFO("status " << status);
    REQUIRE(WIFSTOPPED(status));
  }
  ~sleeper() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  sleeper(const sleeper&) = delete;
  sleeper& operator=(const sleeper&) = delete;

  int wake() {
    ::kill(pid_, SIGCONT);
    int status = 0;
    REQUIRE(::waitpid(pid_, &status, 0) == pid_);
    pid_ = -1;
    REQUIRE(WIFEXITED(status));
    return WEXITSTATUS(status);
  }
  void kill() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  static int take_over(const std::string& store, const std::string& shared, const char* where) {
    copied_job job(store, shared);
    job.open();
    auto seen = job.look();
    auto standing = decide_standing(seen);
    if (standing == archive_standing::rebuild) {
      job.stop();
      if (!rebuild_from_archive(*seen.found, job.options()))
        return 255;
      job.open();
      seen = job.look();
      standing = decide_standing(seen);
    }
    for (int i = 0; i < 100; ++i)
      if (!job.store().begin_incarnation())
        return 254;
    if (std::string_view(where) == "before it")
      std::raise(SIGSTOP);
    else if (!arm_fail_points(where))
      return 253;
    auto taken = job.take_over(seen, standing);
    return taken ? 0 : static_cast<int>(taken.err().code);
  }

  pid_t pid_ = -1;
};

} // namespace

TEST_CASE("of two that take a copy over, what one has published is not hidden by the other, who slept meanwhile") {
  temporary_directory dir;
  auto shared = dir.path + "/shared";
  std::filesystem::create_directories(shared);
  const auto first = GENERATE(false, true);
  const auto* where = GENERATE("before it", "copy.before_take_over=stop");
  INFO((first ? "no copy yet, " : "a copy, ") << where);
  if (!first) {
    copied_job before(dir.path + "/before", shared);
    before.start();
    before.put("key1", "by the one before");
    REQUIRE(before.complete(3).ok());
  }

  sleeper asleep(dir.path + "/asleep", shared, where);
  copied_job awake(dir.path + "/awake", shared);
  awake.start();
  awake.began();
  awake.put("key1", "published by now");
  REQUIRE(awake.complete(10).ok());
  CHECK(asleep.wake() == static_cast<int>(errc::fenced));

  // Nothing has changed for who has it.
  awake.put("key2", "later");
  CHECK(awake.complete(11).ok());
  const auto content = awake.content();
  awake.stop();
  copied_job next(dir.path + "/next", shared);
  CHECK(next.start() == archive_standing::rebuild);
  CHECK(next.content() == content);
}

TEST_CASE("a store that was made ready beside the running job has only the rest to read when it takes over") {
  temporary_directory dir;
  auto shared = dir.path + "/shared";
  std::filesystem::create_directories(shared);
  copied_job here(dir.path + "/here", shared), there(dir.path + "/there", shared);
  auto warm = [&] { return warm_up(there.archive(), there.options()); };
  CHECK(warm().value() == 0);
  here.start();
  CHECK(warm().value() == 0);
  for (std::uint64_t k = 1; k <= 9; ++k) {
    here.began();
    here.put("key" + std::to_string(k), "value");
    REQUIRE(here.complete(k).ok());
    if (k == 3 || k == 4)
      CHECK(warm().value() == k);
    // What the ready store has read by then is deleted; it begins anew.
    if (k == 6) {
      here.began();
      REQUIRE(here.copy().snapshot_now().ok());
    }
    if (k == 6 || k == 8)
      CHECK(warm().value() == k);
  }
  const auto content = here.content();
  SECTION("it takes over") {
    CHECK(there.start() == archive_standing::roll_forward);
    CHECK(there.content() == content);
  }
  SECTION("the one before did so with a store of its own meanwhile, and is as good as new") {
    here.stop();
    CHECK(here.start() == archive_standing::go_on);
    CHECK(warm().value() == 9);
    CHECK(there.start() == archive_standing::go_on);
    CHECK(there.content() == content);
  }
}

TEST_CASE("a copy that cannot be read leaves the store that is made ready as it was") {
  temporary_directory dir;
  auto shared = dir.path + "/shared";
  std::filesystem::create_directories(shared);
  copied_job here(dir.path + "/here", shared), there(dir.path + "/there", shared);
  here.start();
  here.put("key", "value");
  REQUIRE(here.complete(1).ok());
  REQUIRE(warm_up(there.archive(), there.options()).value() == 1);
  auto away = shared + ".away";
  std::filesystem::rename(shared, away);
  auto without = warm_up(there.archive(), there.options());
  REQUIRE_FALSE(without.ok());
  CHECK(without.err().code == errc::unavailable);
  std::filesystem::rename(away, shared);
  CHECK(warm_up(there.archive(), there.options()).value() == 1);
  CHECK(there.start() == archive_standing::go_on);
}

TEST_CASE("making a store ends where it is told to, leaves what was there as it was, and can be done again") {
  temporary_directory dir;
  auto shared = dir.path + "/shared";
  std::filesystem::create_directories(shared);
  copied_job here(dir.path + "/here", shared), there(dir.path + "/there", shared);
  here.start();
  for (std::uint64_t k = 1; k <= 4; ++k) {
    here.began();
    here.put("key" + std::to_string(k), "value");
    REQUIRE(here.complete(k).ok());
  }
  const auto content = here.content();
  for (int most = 0;; ++most) {
    auto asked = 0;
    auto made = warm_up(there.archive(), there.options(), [&]() -> result<> {
      return asked++ < most ? success() : error{errc::cancelled, "enough"};
    });
    if (made) {
      CHECK(*made == 4);
      CHECK(most > 4);
      break;
    }
    CHECK(made.err().code == errc::cancelled);
    REQUIRE(most < 100);
  }
  there.start();
  CHECK(there.content() == content);
}

TEST_CASE("of two that have given their generations names the higher goes on, and neither has published before") {
  temporary_directory dir;
  auto shared = dir.path + "/shared";
  std::filesystem::create_directories(shared);
  {
    copied_job before(dir.path + "/before", shared);
    before.start();
    before.put("key1", "by the one before");
    REQUIRE(before.complete(3).ok());
  }
  sleeper low(dir.path + "/low", shared, "copy.named=stop");
  SECTION("the lower wakes when the higher has it") {
    copied_job high(dir.path + "/high", shared);
    high.start();
    CHECK(low.wake() == static_cast<int>(errc::fenced));
    high.began();
    high.put("key2", "later");
    CHECK(high.complete(11).ok());
  }
  SECTION("the lower is killed there") {
    low.kill();
    copied_job high(dir.path + "/high", shared);
    high.start();
    CHECK(high.content().checkpoint == 3);
  }
}
