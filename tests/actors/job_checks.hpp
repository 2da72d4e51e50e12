#pragma once
#include <initializer_list>
#include "tests/actors/job_world.hpp"
#include "tests/catch.hpp"

namespace job_test {

inline bool has(const std::string& text, const std::string& part) {
  INFO(text << "\n  is to contain\n" << part);
  auto found = text.find(part) != std::string::npos;
  CHECK(found);
  return found;
}

/// The job ended so; the message of a failure is shown if it did not.
inline void check_phase(const weir::job_end& end, weir::job_phase phase) {
  INFO(cause(end));
  REQUIRE(end.phase == phase);
}

/// The job failed with this code and a message that contains all `parts`.
inline void check_failed(const weir::job_end& end, weir::errc code, std::initializer_list<std::string> parts = {}) {
  check_phase(end, weir::job_phase::failed);
  INFO(cause(end));
  CHECK(end.cause->code == code);
  for (const auto& part : parts)
    has(end.cause->message, part);
}

} // namespace job_test
