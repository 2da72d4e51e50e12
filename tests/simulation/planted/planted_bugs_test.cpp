#include <cstdlib>
#include "tests/catch.hpp"
#include "tests/simulation/scenario.hpp"

namespace {

/// The first seed that shows the bug chosen by its number; 0: none of the first 2,000.
std::uint64_t first_seed_that_fails(const char* bug) {
  REQUIRE(::setenv("WEIR_PLANTED_BUG", bug, 1) == 0);
  std::uint64_t found = 0;
  for (std::uint64_t seed = 1; seed <= 2'000 && found == 0; ++seed)
    if (!weir::simulation::run_seed(seed).wrong.empty())
      found = seed;
  REQUIRE(::unsetenv("WEIR_PLANTED_BUG") == 0);
  return found;
}

} // namespace

TEST_CASE("the simulator finds an ack of a closed attempt that counts for the running one") {
  CHECK(first_seed_that_fails("1") != 0);
}

TEST_CASE("the simulator finds an alignment that holds nothing after it was cancelled") {
  CHECK(first_seed_that_fails("2") != 0);
}

TEST_CASE("the simulator finds a partly published epoch that is published from its beginning") {
  CHECK(first_seed_that_fails("3") != 0);
}

TEST_CASE("the simulator finds a claim that takes back the marker of somebody who published before it") {
  CHECK(first_seed_that_fails("4") != 0);
}

TEST_CASE("without a bug chosen the same build finds nothing") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    CHECK(weir::simulation::run_seed(seed).wrong == "");
  }
}
