#include <algorithm>
#include <cstddef>
#include <vector>
#include <weir/core/suggest.hpp>

namespace weir {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> two_back(b.size() + 1), back(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j)
    back[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      bool same = lower(a[i - 1]) == lower(b[j - 1]);
      row[j] = std::min({back[j] + 1, row[j - 1] + 1, back[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
        row[j] = std::min(row[j], two_back[j - 2] + 1);
    }
    std::swap(two_back, back);
    std::swap(back, row);
  }
  return back[b.size()];
}

// Longer words are not slips of a name, and the distance costs their product.
constexpr std::size_t longest_word = 256;

} // namespace

std::string_view nearest_name(std::string_view word, std::span<const std::string_view> candidates) {
  std::string_view best;
  std::size_t best_distance = 0;
  if (word.size() > longest_word)
    return best;
  for (auto candidate : candidates) {
    if (candidate.size() > longest_word)
      continue;
    auto limit = std::max<std::size_t>(1, std::max(word.size(), candidate.size()) / 3);
    auto d = distance(word, candidate);
    if (d <= limit && d < std::max(word.size(), candidate.size()) && (best.empty() || d < best_distance)) {
      best = candidate;
      best_distance = d;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates) {
  auto name = nearest_name(word, candidates);
  return name.empty() ? std::string{} : "; did you mean '" + std::string(name) + "'?";
}

} // namespace weir
