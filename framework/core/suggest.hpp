#pragma once
#include <span>
#include <string>
#include <string_view>

namespace weir {

/// The candidate nearest to `word` by edit distance (insert, delete, replace, swap of neighbours; case ignored), when
/// it is near enough to be a slip: at most a third of the longer word, at least one edit. Empty: none. Ties go to the
/// first. Algorithm: optimal string alignment (restricted Damerau-Levenshtein).
[[nodiscard]] std::string_view nearest_name(std::string_view word, std::span<const std::string_view> candidates);

/// "; did you mean 'x'?" for the nearest candidate, or nothing: to be put behind an error message.
[[nodiscard]] std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

} // namespace weir
