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

/// A directory for copies, and machines that share it.
struct machines {
  temporary_directory dir;
  std::string shared = dir.path + "/shared";
  machines() { std::filesystem::create_directories(shared); }
  [[nodiscard]] std::string disk(const std::string& name) const { return dir.path + "/" + name; }
  [[nodiscard]] copied_job job(const std::string& name) const { return {disk(name), shared}; }
  [[nodiscard]] sleeper asleep(const std::string& name, const char* where) const { return {disk(name), shared, where}; }
};

/// Checkpoints of a row each.
void work(copied_job& job, std::uint64_t from, std::uint64_t to) {
  for (auto k = from; k <= to; ++k) {
    job.began();
    job.put("key" + std::to_string(k), "value");
    REQUIRE(job.complete(k).ok());
  }
}

/// A store that is made ready, and what is known of it.
struct warm_store {
  copied_job job;
  warm_up_state state;
  result<std::uint64_t> pass(const go_on_function& go_on = {}) { return warm_up(job.archive(), job.options(), state, go_on); }
};

} // namespace

TEST_CASE("of two that take a copy over, what one has published is not hidden by the other, who slept meanwhile") {
  machines m;
  const auto first = GENERATE(false, true);
  const auto* where = GENERATE("before it", "copy.before_take_over=stop");
  INFO((first ? "no copy yet, " : "a copy, ") << where);
  if (!first) {
    auto before = m.job("before");
    before.start();
    work(before, 3, 3);
  }

  auto asleep = m.asleep("asleep", where);
  auto awake = m.job("awake");
  awake.start();
  work(awake, 10, 10);
  CHECK(asleep.wake() == static_cast<int>(errc::fenced));

  // Nothing has changed for who has it.
  work(awake, 11, 11);
  const auto content = awake.content();
  awake.stop();
  auto next = m.job("next");
  CHECK(next.start() == archive_standing::rebuild);
  CHECK(next.content() == content);
}

TEST_CASE("of two that have given their generations names the higher goes on, and neither has published before") {
  machines m;
  {
    auto before = m.job("before");
    before.start();
    work(before, 3, 3);
  }
  auto low = m.asleep("low", "copy.named=stop");
  auto high = m.job("high");
  SECTION("the lower wakes when the higher has it") {
    high.start();
    CHECK(low.wake() == static_cast<int>(errc::fenced));
    work(high, 11, 11);
  }
  SECTION("the lower is killed there") {
    low.kill();
    high.start();
    CHECK(high.content().checkpoint == 3);
  }
}

TEST_CASE("a store that was made ready beside the running job has only the rest to read when it takes over") {
  machines m;
  auto here = m.job("here");
  warm_store there{m.job("there"), {}};
  CHECK(there.pass().value() == 0);
  here.start();
  CHECK(there.pass().value() == 0);
  work(here, 1, 3);
  CHECK(there.pass().value() == 3);
  work(here, 4, 4);
  CHECK(there.pass().value() == 4);
  // What it would have to read next is deleted; it begins anew.
  work(here, 5, 6);
  REQUIRE(here.copy().snapshot_now().ok());
  CHECK(there.pass().value() == 6);
  work(here, 7, 9);
  const auto content = here.content();
  SECTION("it takes over") {
    CHECK(there.job.start() == archive_standing::roll_forward);
    CHECK(there.job.content() == content);
  }
  SECTION("the one before began again with its own store meanwhile") {
    here.stop();
    CHECK(here.start() == archive_standing::go_on);
    CHECK(there.pass().value() == 9);
    CHECK(there.job.start() == archive_standing::go_on);
    CHECK(there.job.content() == content);
  }
}

TEST_CASE("a pass that the owner of the copy overtakes is no error, and the next one makes up for it") {
  machines m;
  auto here = m.job("here");
  warm_store there{m.job("there"), {}};
  here.start();
  work(here, 1, 3);
  const auto ready = GENERATE(false, true); // It has a store already, and rolls that forward.
  if (ready)
    CHECK(there.pass().value() == 3);
  work(here, 4, 6);
  auto asked = 0;
  auto overtaken = there.pass([&]() -> result<> {
    if (asked++ == 1) {
      work(here, 7, 8);
      REQUIRE(here.copy().snapshot_now().ok());
    }
    return success();
  });
  REQUIRE(overtaken.ok());
  CHECK(overtaken.value() == 0);
  CHECK(there.pass().value() == 8);
  there.job.start();
  CHECK(there.job.content() == here.content());
}

TEST_CASE("a pass over a copy without news reads nothing") {
  machines m;
  auto here = m.job("here");
  warm_store there{m.job("there"), {}};
  here.start();
  work(here, 1, 3);
  REQUIRE(there.pass().value() == 3);
  std::filesystem::remove_all(there.job.directory());
  CHECK(there.pass().value() == 3);
  CHECK_FALSE(std::filesystem::exists(there.job.directory()));
  work(here, 4, 4);
  CHECK(there.pass().value() == 4);
  CHECK(there.job.start() == archive_standing::go_on);
}

TEST_CASE("a copy that cannot be read leaves the store that is made ready as it was") {
  machines m;
  auto here = m.job("here");
  warm_store there{m.job("there"), {}};
  here.start();
  work(here, 1, 1);
  REQUIRE(there.pass().value() == 1);
  const auto away = m.shared + ".away";
  std::filesystem::rename(m.shared, away);
  auto without = there.pass();
  REQUIRE_FALSE(without.ok());
  CHECK(without.err().code == errc::unavailable);
  std::filesystem::rename(away, m.shared);
  CHECK(there.pass().value() == 1);
  CHECK(there.job.start() == archive_standing::go_on);
}

TEST_CASE("making a store ends where it is told to, leaves what was there as it was, and can be done again") {
  machines m;
  auto here = m.job("here");
  warm_store there{m.job("there"), {}};
  here.start();
  work(here, 1, 4);
  for (int most = 0;; ++most) {
    auto asked = 0;
    auto made = there.pass([&]() -> result<> { return asked++ < most ? success() : error{errc::cancelled, "enough"}; });
    CHECK_FALSE(std::filesystem::exists(there.job.directory() + ".rebuild"));
    if (made) {
      CHECK(*made == 4);
      CHECK(most > 4);
      break;
    }
    CHECK(made.err().code == errc::cancelled);
    REQUIRE(most < 100);
  }
  there.job.start();
  CHECK(there.job.content() == here.content());
}

TEST_CASE("a copy whose owner has gone on since it was looked at is looked at again, not called damaged") {
  machines m;
  auto here = m.job("here");
  warm_store there{m.job("there"), {}};
  here.start();
  work(here, 1, 3);
  REQUIRE(there.pass().value() == 3);
  work(here, 4, 5);
  const auto seen = look_into_archive(here.archive());
  REQUIRE(seen.ok());
  work(here, 6, 6);
  REQUIRE(here.copy().snapshot_now().ok());
  const auto how = GENERATE(false, true);
  auto made = how ? rebuild_from_archive(**seen, there.job.options()) : roll_forward(**seen, there.job.options());
  REQUIRE_FALSE(made.ok());
  CHECK(made.err().code == errc::unavailable);
  CHECK(there.pass().value() == 6);
}
