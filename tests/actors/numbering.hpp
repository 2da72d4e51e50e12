#pragma once
#include <algorithm>
#include <string>
#include <vector>
#include <weir/weir.hpp>

// A job's smallest keyed state: lines that are counted.

namespace job_test {

/// Numbers the lines of each key; the state shows whether a record counted twice or not at all.
struct number_lines : weir::process_function<std::string, std::string, std::string> {
  weir::value_state<std::int64_t> seen{*this, "seen"};
  void process(const std::string& line, context& ctx) {
    auto n = seen.get(ctx) + 1;
    seen.set(ctx, n);
    ctx.emit(line + "#" + std::to_string(n));
  }
};

inline weir::topic<std::string> at(const std::string& name) { return {{"main", name}}; }
/// The key of a line.
inline std::string itself(const std::string& line) { return line; }

/// Line `i` of those that take `keys` keys in turn.
inline std::string line_of(int i, int keys = 10) { return "k" + std::to_string(i % keys); }
/// What number_lines makes of the first `n` of them, sorted.
inline std::vector<std::string> numbered_lines(int n, int keys = 10) {
  std::vector<std::string> out;
  for (int i = 0; i < n; ++i)
    out.push_back(line_of(i, keys) + "#" + std::to_string(i / keys + 1));
  std::sort(out.begin(), out.end());
  return out;
}

} // namespace job_test
