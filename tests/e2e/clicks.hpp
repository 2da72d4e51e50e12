#pragma once
#include <cstdint>
#include <random>

#include "tests/e2e/judge.hpp"
#include "tests/e2e/scene.hpp"

namespace weir::e2e {

/// Makes clicks for click-sessions with its default settings: out of order by less than 5 s, about one in 200 minutes too
/// late, so spread over users that sessions end now and then, some exactly at the gap.
class click_maker final : public input_maker {
 public:
  click_maker(std::uint64_t seed, unsigned users) : random_(seed), users_(users) {}
  using input_maker::next;
  [[nodiscard]] input_line next() override;
  [[nodiscard]] std::int64_t made() const override { return made_; }

 private:
  std::mt19937_64 random_;
  unsigned users_;
  std::int64_t made_ = 0;
};

/// Computes every session and every minute's top pages of click-sessions with its default settings from the clicks that are
/// not late, and compares.
[[nodiscard]] verdict judge_clicks(const world_facts& facts);

} // namespace weir::e2e
