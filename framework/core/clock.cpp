#include <chrono>
#include <weir/core/clock.hpp>

namespace weir {
namespace {

class machine_clock : public clock {
 public:
  [[nodiscard]] timestamp now() const override {
    auto since = std::chrono::system_clock::now().time_since_epoch();
    return {std::chrono::floor<duration>(since).count()};
  }
  [[nodiscard]] duration monotonic() const override {
    return std::chrono::floor<duration>(std::chrono::steady_clock::now().time_since_epoch());
  }
};

} // namespace

const clock& system_clock() {
  static const machine_clock instance;
  return instance;
}

} // namespace weir
