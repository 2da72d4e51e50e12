#include <algorithm>
#include <weir/record/key.hpp>
#include "tests/catch.hpp"
#include "tests/record/types.hpp"

using namespace test_types;

namespace {

using composite = std::tuple<std::string, std::int64_t, std::optional<std::uint16_t>, std::vector<std::string>>;

template <class K>
void check_order(std::vector<K> keys) {
  std::sort(keys.begin(), keys.end());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto a = weir::encoded_key(keys[i]);
    weir::byte_reader in(a);
    K back{};
    REQUIRE(weir::decode_key(in, back));
    REQUIRE(in.done());
    REQUIRE(back == keys[i]);
    if (i > 0) {
      const auto before = weir::encoded_key(keys[i - 1]);
      REQUIRE((keys[i - 1] == keys[i] ? before == a : before < a));
    }
  }
}

std::string few(generator& g) {
  static const std::string parts[] = {std::string(1, '\0'), "\x01", "\xff", "a", "b"};
  std::string s;
  for (auto n = g.below(4); n > 0; --n)
    s += parts[g.below(std::size(parts))];
  return s;
}

} // namespace

TEST_CASE("encoded keys sort as the keys do") {
  const auto seed = GENERATE(range(1, 6));
  CAPTURE(seed);
  generator g(static_cast<std::uint64_t>(seed));
  std::vector<std::int64_t> integers;
  std::vector<std::int8_t> small;
  std::vector<std::uint32_t> naturals;
  std::vector<std::string> texts;
  std::vector<composite> composites;
  std::vector<point> points;
  for (int i = 0; i < 400; ++i) {
    integers.push_back(g.integer<std::int64_t>());
    small.push_back(g.integer<std::int8_t>());
    naturals.push_back(g.integer<std::uint32_t>());
    texts.push_back(few(g));
    points.push_back(g.pt());
    std::vector<std::string> list;
    for (auto n = g.below(3); n > 0; --n)
      list.push_back(few(g));
    composites.emplace_back(few(g), g.integer<std::int64_t>(),
                            g.below(2) == 0 ? std::optional<std::uint16_t>(g.integer<std::uint16_t>()) : std::nullopt, list);
  }
  check_order(integers);
  check_order(small);
  check_order(naturals);
  check_order(texts);
  check_order(points);
  check_order(composites);
}

TEST_CASE("cut or damaged keys are refused") {
  const composite k{std::string("a\0b", 3), -1, std::uint16_t{7}, {"x", "y"}};
  const auto bytes = weir::encoded_key(k);
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    composite back;
    weir::byte_reader in(std::string_view(bytes).substr(0, n));
    CHECK_FALSE((weir::decode_key(in, back) && in.done()));
  }
  std::string text;
  weir::byte_reader bad(std::string_view("a\0\x02", 3));
  CHECK_FALSE(weir::decode_key(bad, text));
  CHECK_FALSE(bad.ok());
}

TEST_CASE("the key hash spreads successive keys over the key groups") {
  std::vector<int> groups(128);
  for (std::int64_t i = 0; i < 128 * 100; ++i)
    ++groups[weir::key_hash_of(i) % 128];
  CHECK(*std::min_element(groups.begin(), groups.end()) > 60);
  CHECK(*std::max_element(groups.begin(), groups.end()) < 145);
  CHECK(weir::key_hash_of(std::string("a")) == weir::hash_bytes(weir::encoded_key(std::string("a"))));
}
