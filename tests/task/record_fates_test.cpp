#include <weir/record/raw_record.hpp>
#include <weir/task/record_fates.hpp>
#include "tests/catch.hpp"

using namespace weir;

namespace {

std::string hex(std::string_view bytes) {
  static const char digits[] = "0123456789abcdef";
  std::string out;
  for (char c : bytes) {
    out += digits[static_cast<unsigned char>(c) >> 4];
    out += digits[c & 15];
  }
  return out;
}

record_fates some() {
  record_fates f;
  f.set("m", 7, 300, {"s", "too-large", "no", record_fate::letter{"d", 2}});
  f.set("m", 9, 0, {"s", "refused", "", std::nullopt});
  return f;
}

} // namespace

TEST_CASE("the bytes of record fates are those of format 1") {
  const std::string golden =
      "0102016d07ac020173"
      "09746f6f2d6c61726765"
      "026e6f01016404"
      "016d09000173"
      "0772656675736564"
      "0000";
  CHECK(hex(some().encode()) == golden);
  auto back = record_fates::decode(some().encode());
  REQUIRE(back.ok());
  CHECK(*back == some());
}

TEST_CASE("record fates that are cut, longer or of another version are refused") {
  auto whole = some().encode();
  for (std::size_t n = 0; n < whole.size(); ++n) {
    INFO("cut to " << n);
    auto cut = record_fates::decode(std::string_view(whole).substr(0, n));
    REQUIRE_FALSE(cut.ok());
    CHECK(cut.err().code == errc::store_corrupt);
  }
  CHECK(record_fates::decode(whole + "x").err().code == errc::store_corrupt);
  whole[0] = 2;
  CHECK(record_fates::decode(whole).err().code == errc::incompatible);
}

TEST_CASE("fates are found by connection, epoch and ordinal, and forgotten with their epochs") {
  auto f = some();
  f.set("other", 7, 1, {"s", "refused", "", std::nullopt});
  REQUIRE(f.find("m", 7) != nullptr);
  CHECK(f.find("m", 7)->count(300) == 1);
  CHECK(f.find("m", 8) == nullptr);
  CHECK(f.find("nobody", 7) == nullptr);
  f.forget_below("m", 9);
  CHECK(f.find("m", 7) == nullptr);
  CHECK(f.find("m", 9) != nullptr);
  CHECK(f.find("other", 7) != nullptr);
  f.forget_below("m", 100);
  f.forget_below("other", 100);
  CHECK(f == record_fates{});
}

TEST_CASE("a dead letter keeps the record's headers and says behind them who refused it and why") {
  outbox_record r;
  r.topic = "out";
  auto own = pack_headers({{"h", "1"}, {"h", std::nullopt}});
  r.packed_headers = own;
  header_list got;
  REQUIRE(
      unpack_headers(dead_letter_headers(r, {"totals", "too-large", "a record of 9 bytes", record_fate::letter{"d", 0}}), got));
  CHECK(got == header_list{{"h", "1"},
                           {"h", std::nullopt},
                           {"weir.refused.topic", "out"},
                           {"weir.reason", "too-large"},
                           {"weir.operator", "totals"},
                           {"weir.error", "a record of 9 bytes"}});
}
