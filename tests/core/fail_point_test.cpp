#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <set>
#include <string>
#include <weir/core/clock.hpp>
#include <weir/core/fail_point.hpp>
#include <weir/core/fail_point_spec.hpp>
#include "tests/catch.hpp"

using namespace weir;
using namespace std::chrono_literals;

namespace {
const fail_point_info& first() { return all_fail_points()[0]; }
std::string first_name() { return std::string(first().name); }

struct disarm {
  ~disarm() { (void)arm_fail_points(""); }
};
} // namespace

TEST_CASE("names of fail points are unique and each has a sentence") {
  std::set<std::string_view> names;
  for (const auto& info : all_fail_points()) {
    INFO(info.name);
    CHECK(names.insert(info.name).second);
    CHECK(info.sentence.size() > 10);
    CHECK(info.sentence.back() == '.');
    CHECK(info.name.find_first_of(":=,\t ") == std::string_view::npos);
  }
  CHECK(all_fail_points().size() == static_cast<std::size_t>(fail_point::count_));
  REQUIRE_FALSE(names.empty());
}

TEST_CASE("a specification names point, hit and action, with defaults") {
  auto name = first_name();
  auto orders =
      parse_fail_points(name + "," + name + ":3=error," + name + "=delay:250," + name + "=stop", all_fail_points()).value();
  REQUIRE(orders.size() == 4);
  CHECK(orders[0].point == first().id);
  CHECK(orders[0].hit == 1);
  CHECK(orders[0].action == fail_action::kill);
  CHECK(orders[1].hit == 3);
  CHECK(orders[1].action == fail_action::error);
  CHECK(orders[2].action == fail_action::delay);
  CHECK(orders[2].delay == 250ms);
  CHECK(orders[3].action == fail_action::stop);
  CHECK(parse_fail_points("", all_fail_points()).value().empty());
}

TEST_CASE("an unknown fail point is an error with the nearest name") {
  auto name = first_name();
  auto r = parse_fail_points(name + "x", all_fail_points());
  REQUIRE_FALSE(r.ok());
  CHECK(r.err().code == errc::invalid_argument);
  CHECK(r.err().message.find("did you mean '" + name + "'?") != std::string::npos);
}

TEST_CASE("a malformed specification arms nothing") {
  disarm after;
  auto name = first_name();
  auto tail = GENERATE(":0", ":", ":x", ":-1", ":1x", "=", "=die", "=delay", "=delay:", "=delay:x", "=delay:86400001", ",", ",,");
  INFO(tail);
  auto r = arm_fail_points(name + "=error," + name + tail);
  REQUIRE_FALSE(r.ok());
  CHECK(hit(first().id).ok());
}

TEST_CASE("an error comes at the named hit, once") {
  disarm after;
  REQUIRE(arm_fail_points(first_name() + ":2=error").ok());
  CHECK(hit(first().id).ok());
  auto second = hit(first().id);
  REQUIRE_FALSE(second.ok());
  CHECK(second.err().code == errc::unavailable);
  CHECK(second.err().message.find(first_name()) != std::string::npos);
  CHECK(hit(first().id).ok());
}

TEST_CASE("a point that is not named goes on while another is armed") {
  disarm after;
  REQUIRE(arm_fail_points(first_name() + "=error").ok());
  CHECK(hit(all_fail_points().back().id).ok());
}

TEST_CASE("a delay holds the caller for its time") {
  disarm after;
  REQUIRE(arm_fail_points(first_name() + "=delay:20").ok());
  auto before = system_clock().monotonic();
  CHECK(hit(first().id).ok());
  CHECK(system_clock().monotonic() - before >= 20ms);
}

TEST_CASE("the default action kills the process with SIGKILL") {
  disarm after;
  REQUIRE(arm_fail_points(first_name()).ok());
  auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    (void)hit(first().id);
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGKILL);
}

TEST_CASE("a process that is stopped goes on when it is told to") {
  disarm after;
  REQUIRE(arm_fail_points(first_name() + "=stop").ok());
  auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0)
    ::_exit(hit(first().id).ok() ? 7 : 0);
  int status = 0;
  REQUIRE(::waitpid(child, &status, WUNTRACED) == child);
  REQUIRE(WIFSTOPPED(status));
  CHECK(WSTOPSIG(status) == SIGSTOP);
  REQUIRE(::kill(child, SIGCONT) == 0);
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 7);
}
