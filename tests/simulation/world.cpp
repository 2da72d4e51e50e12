#include "tests/simulation/world.hpp"
#include <cstdlib>
#include <iostream>

namespace weir::simulation {

void world::probe(const std::string& name) {
  ++probes_[name];
  static const auto trace = std::getenv("WEIR_TRACE") != nullptr;
  if (trace)
    std::cerr << now_ << ' ' << name << '\n';
}

bool world::step() {
  if (queue_.empty())
    return false;
  auto run = std::move(const_cast<entry&>(queue_.top()).run);
  now_ = queue_.top().time;
  queue_.pop();
  run();
  return true;
}

} // namespace weir::simulation
