#include "tests/catch.hpp"

#include <fstream>
#include <iterator>

#include <weir/connectors/log/detail/format.hpp>

#include "tests/connectors/log/support.hpp"

using namespace weir;
using namespace weir::log_detail;
using namespace log_test;

namespace {

std::string hex(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (auto c : bytes) {
    out.push_back(digits[static_cast<unsigned char>(c) >> 4]);
    out.push_back(digits[c & 15]);
  }
  return out;
}

const marker golden_marker{{{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}}, 7, 8, all_records};

/// What the golden log holds; also how it was made.
void write_golden(const std::string& path) {
  auto c = connect(path);
  auto log = embedded_log::open(path).value();
  auto t = log->create_topic("orders", {2, 1000, 50'000, 86'400'000'000}).value();
  log_batch batch;
  auto headers = pack_headers({{"h", "1"}, {"null", std::nullopt}});
  for (int i = 0; i < 5; ++i) {
    auto value = "{\"order_id\":" + std::to_string(i) + "}";
    auto r =
        record("orders", 1, i == 0 ? std::nullopt : std::optional<std::string_view>("c-1"), value, 1'767'225'600'000 - i * 100);
    if (i == 1)
      r.packed_headers = headers;
    REQUIRE(batch.add(t, r));
  }
  REQUIRE(batch.add(t, record("orders", 1, "c-2", std::nullopt, -1)));
  REQUIRE(log->commit(batch, {}));
  auto publisher = c->open_sink(1, {}).value()->open_publisher("ns.job.log.0", "ns.weir-markers").value();
  REQUIRE(publisher->fence());
  publisher->set_group_offsets("group", {{{"orders", 1}, 4}});
  REQUIRE(publisher->commit(golden_marker).outcome == publish_outcome::done);
}

} // namespace

TEST_CASE("a chunk has the bytes of the documented example") {
  std::string chunk;
  append_record(chunk, record("t", 0, "k", "v", 1'000), 1'000);
  auto key = chunk_key(1, 0, 0);
  stamp_chunk(chunk, key, {1, 2'000, 1'000, 1'000});
  CHECK(hex(key) == "00000001000000000000000000000000");
  CHECK(hex(chunk) ==
        "0100000001000000"
        "d007000000000000"
        "e803000000000000e803000000000000"
        "4ecc8e0996a34a4f"
        "0300016b0176");
}

TEST_CASE("every flipped bit of a chunk is noticed, and so is a wrong place") {
  std::string chunk;
  append_record(chunk, record("t", 0, "key", "value", 1'000), 1'000);
  auto key = chunk_key(1, 2, 3);
  stamp_chunk(chunk, key, {1, 2'000, 1'000, 1'000});
  REQUIRE(check_chunk(key, chunk));
  CHECK_FALSE(check_chunk(chunk_key(1, 2, 4), chunk));
  for (std::size_t bit = 0; bit < chunk.size() * 8; ++bit) {
    auto damaged = chunk;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    REQUIRE_FALSE(check_chunk(key, damaged));
  }
  for (std::size_t n = 0; n < chunk.size(); ++n)
    REQUIRE_FALSE(check_chunk(key, std::string_view(chunk).substr(0, n)));
}

TEST_CASE("a chunk of a newer version is refused by name") {
  std::string chunk(chunk_header_bytes, '\0');
  chunk[0] = 2;
  CHECK(read_chunk_info(chunk).err().code == errc::incompatible);
}

TEST_CASE("entries come back, and cut or changed ones are damaged") {
  publisher_state p{3, golden_marker};
  CHECK(decode_publisher(encode_publisher(p)).value().last == golden_marker);
  CHECK_FALSE(decode_publisher(encode_publisher({1, {}})).value().last.has_value());
  auto bytes = encode_publisher(p);
  for (std::size_t n = 0; n < bytes.size(); ++n)
    REQUIRE(decode_publisher(std::string_view(bytes).substr(0, n)).err().code == errc::store_corrupt);
  bytes[4] ^= 1;
  CHECK(decode_publisher(bytes).err().code == errc::store_corrupt);
  CHECK(decode_partition(seal(std::string(24, '\xff'))).err().code == errc::store_corrupt);
  std::string_view group;
  std::uint32_t topic = 0;
  std::int32_t partition = 0;
  auto key = group_key("g", 5, 6);
  REQUIRE(parse_group_key(key, group, topic, partition));
  CHECK(group == "g");
  CHECK(topic == 5);
  CHECK(partition == 6);
  CHECK_FALSE(parse_group_key("short", group, topic, partition));
}

TEST_CASE("extreme times survive or are cut, never wrapped") {
  for (auto ms :
       {std::numeric_limits<std::int64_t>::min(), std::int64_t{-1}, std::int64_t{0}, std::numeric_limits<std::int64_t>::max()}) {
    std::string chunk;
    append_record(chunk, record("t", 0, std::nullopt, "v", ms), 1'000);
    stamp_chunk(chunk, "k", {1, 0, 1'000, ms});
    chunk_cursor c(chunk, {1, 0, 1'000, ms}, 0, 0);
    record_view r;
    REQUIRE(c.next(r));
    if (ms == -1 || ms == 0)
      CHECK(r.time.ms() == ms);
    else
      CHECK((r.time.us < 0) == (ms < 0));
    CHECK_FALSE(c.next(r));
    CHECK(c.ok());
  }
}

TEST_CASE("the log of the first release is read back") {
  scratch dir;
  std::filesystem::create_directories(dir.log());
  std::filesystem::copy(std::string(WEIR_SOURCE_DIR) + "/tests/connectors/log/golden/data.mdb", dir.log() + "/data.mdb");
  std::filesystem::permissions(dir.log() + "/data.mdb", std::filesystem::perms::owner_write, std::filesystem::perm_options::add);
  auto log = embedded_log::open(dir.log(), {.create = false}).value();
  auto t = log->topic("orders").value();
  CHECK(t.options == log_topic_options{2, 1000, 50'000, 86'400'000'000});
  CHECK(log->group_offset("group", t, 1).value() == 4);
  CHECK(log->read_marker("ns.job.log.0", 1).value() == golden_marker);
  auto c = connect(dir.log());
  auto source = c->open_source("g", 1, {}).value();
  auto reader = source->open("orders", 1, 0, [] {}).value();
  collected got;
  REQUIRE(reader->poll(100, 1 << 20, got).value().at_end);
  CHECK(values(got) == std::vector<std::string>{"{\"order_id\":0}", "{\"order_id\":1}", "{\"order_id\":2}", "{\"order_id\":3}",
                                                "{\"order_id\":4}", "(null)"});
  CHECK(got.records[0].key == std::nullopt);
  CHECK(got.records[1].headers == header_list{{"h", "1"}, {"null", std::nullopt}});
  CHECK(got.records[4].time_ms == 1'767'225'599'600);
  CHECK(got.records[5].time_ms == -1);
}

TEST_CASE("write the golden log anew", "[.golden]") {
  write_golden(std::string(WEIR_SOURCE_DIR) + "/tests/connectors/log/golden");
}
