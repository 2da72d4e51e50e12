#include <array>
#include <weir/core/suggest.hpp>
#include "tests/catch.hpp"

using namespace weir;

TEST_CASE("a slip of a name finds the name, a different word finds none") {
  std::array<std::string_view, 5> names{"interval", "min_pause", "timeout", "retained", "topic"};
  CHECK(nearest_name("intervall", names) == "interval");
  CHECK(nearest_name("INTERVAL ", names) == "interval");
  CHECK(nearest_name("itnerval", names) == "interval");
  CHECK(nearest_name("min-pause", names) == "min_pause");
  CHECK(nearest_name("tpoic", names) == "topic");
  CHECK(nearest_name("colour", names).empty());
  CHECK(nearest_name("", names).empty());
  CHECK(nearest_name(std::string(100'000, 'x'), names).empty());
  CHECK(nearest_name("x", {}).empty());
}

TEST_CASE("one letter is not a slip of another letter") {
  std::array<std::string_view, 1> names{"a"};
  CHECK(nearest_name("b", names).empty());
}

TEST_CASE("the suggestion is worded for the end of a message") {
  std::array<std::string_view, 1> names{"retained"};
  CHECK(did_you_mean("retaned", names) == "; did you mean 'retained'?");
  CHECK(did_you_mean("namespace", names).empty());
}
