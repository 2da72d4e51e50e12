#include <weir/task/memory_gate.hpp>

namespace weir {

void memory_gate::report(std::size_t before, std::size_t now) {
  bytes_.fetch_add(now - before); // Unsigned arithmetic wraps: less is added as its complement.
  // Looked at again after each change: a report that came in between saw the old side of the gate and left it to us.
  while (must_change()) {
    std::lock_guard lock(changing_);
    if (!must_change())
      continue;
    const auto closes = !closed_.load();
    closed_.store(closes);
    for (auto& f : listeners_)
      f(closes);
  }
}

} // namespace weir
