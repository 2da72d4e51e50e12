#include <weir/connectors/kafka/marker.hpp>
#include "tests/catch.hpp"

using weir::kafka::decode_marker;
using weir::kafka::encode_marker;

TEST_CASE("the form of a marker is fixed: a change here breaks running jobs") {
  weir::marker m;
  m.lineage.bytes = {0x00, 0x01, 0x0f, 0xf0, 0xff, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  m.incarnation = 3;
  m.checkpoint = 42;
  m.ordinal = 7;
  CHECK(encode_marker(m) == "weir-marker 1 lineage=00010ff0ff0102030405060708090a0b incarnation=3 checkpoint=42 ordinal=7");
  m.ordinal = weir::all_records;
  CHECK(encode_marker(m) == "weir-marker 1 lineage=00010ff0ff0102030405060708090a0b incarnation=3 checkpoint=42 ordinal=all");
}

TEST_CASE("a marker survives encoding, also at the bounds") {
  for (std::uint64_t n : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0} - 1, ~std::uint64_t{0}}) {
    weir::marker m;
    m.lineage.bytes.fill(0xab);
    m.incarnation = m.checkpoint = m.ordinal = n;
    auto back = decode_marker(encode_marker(m));
    REQUIRE(back.ok());
    CHECK(*back == m);
  }
}

TEST_CASE("no damaged marker is taken for a good one") {
  const std::string good = encode_marker({});
  REQUIRE(decode_marker(good).ok());
  for (std::size_t n = 0; n < good.size(); ++n)
    CHECK(decode_marker(good.substr(0, n)).ok() == false);
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (char c : {' ', 'x', '-', '=', '\0', 'F'}) {
      if (good[i] == c)
        continue;
      auto bad = good;
      bad[i] = c;
      CAPTURE(bad);
      auto r = decode_marker(bad);
      REQUIRE_FALSE(r.ok());
      CHECK(r.err().code == weir::errc::store_corrupt);
    }
  }
  CHECK_FALSE(decode_marker(good + " ").ok());
  CHECK_FALSE(decode_marker("weir-marker 2" + good.substr(13)).ok());
  CHECK_FALSE(decode_marker("").ok());
}
