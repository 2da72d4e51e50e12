#include "tests/simulation/world.hpp"

namespace weir::simulation {

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
