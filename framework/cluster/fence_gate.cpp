#include <weir/cluster/fence_gate.hpp>

namespace weir::cluster {

fence_gate::verdict fence_gate::admit(const fence& f) {
  if (f < current_)
    return verdict::refused;
  if (f == current_)
    return verdict::current;
  current_ = f;
  return verdict::raised;
}

channel_gate::verdict channel_gate::on_frame(const fence& f, std::uint64_t sequence) {
  if (f != fence_ || sequence < next_)
    return verdict::stale;
  if (sequence > next_)
    return verdict::gap;
  ++next_;
  return verdict::deliver;
}

} // namespace weir::cluster
