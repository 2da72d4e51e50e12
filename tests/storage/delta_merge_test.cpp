#include <map>
#include <random>
#include <set>
#include <weir/state/delta_format.hpp>
#include <weir/state/row_key.hpp>
#include <weir/storage/delta_merge.hpp>
#include "tests/catch.hpp"

using namespace weir;
using storage_detail::delta_merge;

// Against a map that takes the chunks one behind the other.

namespace {

struct made_row {
  row_action action = row_action::put;
  state_kind kind = state_kind::value;
  std::string value;
  timestamp until;
};
/// A chunk as it is made: by row key.
using made_chunk = std::map<std::string, made_row>;

std::string group_prefix(std::uint64_t state, std::uint16_t group) {
  std::string out;
  append_group_prefix(out, state, group);
  return out;
}

/// Keys that begin alike, of many lengths, one the beginning of another, with zeros in them and at their end.
std::string random_key(std::mt19937_64& random) {
  static const std::vector<std::string> starts = {
      "", "customer-00", std::string(40, 'x'), std::string("a\0", 2), std::string(14, '\0'), "\xff\xff"};
  auto key = starts[random() % starts.size()];
  for (auto n = random() % 4; n > 0; --n)
    key += static_cast<char>(std::string("\0ab\xff", 4)[random() % 4]);
  return key;
}

made_chunk random_chunk(std::mt19937_64& random, int number) {
  made_chunk out;
  for (auto n = random() % 40; n > 0; --n) {
    const std::uint64_t state = 1 + random() % 3;
    const auto group = static_cast<std::uint16_t>(random() % 3);
    made_row r;
    r.value = "chunk " + std::to_string(number);
    switch (random() % 12) {
      case 0:
        r.action = row_action::drop_until;
        r.kind = state_kind::ordered;
        r.until = timestamp{static_cast<std::int64_t>(random() % 8)};
        out[group_prefix(2, group)] = r;
        break;
      case 1: {
        r.action = row_action::declare;
        std::string key;
        append_state_prefix(key, state);
        out[key] = r;
        break;
      }
      default:
        r.action = random() % 4 == 0 ? row_action::erase : row_action::put;
        r.kind = state == 2 ? state_kind::ordered : state_kind::value;
        std::string key;
        append_row_key(key, state, r.kind, group, timestamp{static_cast<std::int64_t>(random() % 8)}, random_key(random));
        out[key] = r;
    }
  }
  return out;
}

std::string encoded(const made_chunk& rows) {
  delta_chunk_writer w;
  for (const auto& [key, r] : rows)
    switch (r.action) {
      case row_action::put:
        w.put(r.kind, key, r.value);
        break;
      case row_action::erase:
        w.erase(r.kind, key);
        break;
      case row_action::drop_until:
        w.drop_until(key, r.until);
        break;
      case row_action::declare: {
        state_declaration d;
        d.operator_name = r.value;
        w.declare(row_state_id(key), d);
        break;
      }
    }
  return w.finish();
}

/// What is left of all chunks: the newest row of each key that no newer tombstone covers, and the widest tombstone of each group.
made_chunk naive(const std::vector<made_chunk>& chunks) {
  made_chunk out;
  for (const auto& chunk : chunks) {
    for (const auto& [prefix, drop] : chunk) {
      if (drop.action != row_action::drop_until)
        continue;
      for (auto it = out.lower_bound(prefix); it != out.end() && it->first.compare(0, prefix.size(), prefix) == 0;)
        if (it->first.size() > prefix.size() && parse_row_key(state_kind::ordered, it->first)->time <= drop.until)
          it = out.erase(it);
        else
          ++it;
      auto& kept = out[prefix];
      auto until = kept.action == row_action::drop_until ? std::max(kept.until, drop.until) : drop.until;
      kept = drop;
      kept.until = until;
    }
    for (const auto& [key, r] : chunk)
      if (r.action != row_action::drop_until)
        out[key] = r;
  }
  return out;
}

void compare(const std::vector<std::string>& bytes, const made_chunk& expected, std::mt19937_64& random, bool reopen) {
  std::vector<std::string_view> views(bytes.begin(), bytes.end());
  std::vector<std::string> elsewhere;
  auto merge = std::move(*delta_merge::open(views, ""));
  auto at = expected.begin();
  for (;;) {
    auto row = merge.next();
    REQUIRE(row.ok());
    if (!*row)
      break;
    REQUIRE(at != expected.end());
    REQUIRE((*row)->row_key == at->first);
    REQUIRE((*row)->action == at->second.action);
    if (at->second.action == row_action::drop_until)
      REQUIRE((*row)->until == at->second.until);
    if (at->second.action == row_action::put)
      REQUIRE((*row)->value == at->second.value);
    ++at;
    if (random() % 8 == 0 && reopen) {
      const auto position = std::string((*row)->row_key) + '\0';
      merge = std::move(*delta_merge::open(views, position));
    } else if (random() % 8 == 0) {
      // The same bytes at other places.
      auto copies = bytes;
      views.assign(copies.begin(), copies.end());
      merge.rebase(views);
      elsewhere.swap(copies);
      views.assign(elsewhere.begin(), elsewhere.end());
      merge.rebase(views);
    }
  }
  REQUIRE(at == expected.end());
}

} // namespace

TEST_CASE("chunks merge into what they leave one behind the other, from anywhere in between") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 400; ++round) {
    CAPTURE(round);
    std::vector<made_chunk> chunks;
    std::vector<std::string> bytes;
    for (auto n = random() % 12; n > 0; --n) {
      chunks.push_back(random_chunk(random, static_cast<int>(chunks.size())));
      bytes.push_back(encoded(chunks.back()));
    }
    compare(bytes, naive(chunks), random, round % 2 != 0);
  }
}
