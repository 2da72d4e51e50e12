#include <fstream>
#include <sstream>
#include <weir/record/batch_codec.hpp>
#include <weir/record/frame.hpp>
#include <weir/record/key.hpp>
#include "tests/catch.hpp"
#include "tests/record/types.hpp"

using namespace test_types;

namespace {

std::string hex(std::string_view bytes) {
  static const char* digits = "0123456789abcdef";
  std::string out;
  for (unsigned char c : bytes) {
    out += digits[c >> 4];
    out += digits[c & 15];
  }
  return out;
}

template <class T>
std::string binary(const T& v) {
  std::string out;
  weir::byte_writer w(out);
  weir::encode_binary(v, w);
  return hex(out);
}

template <class K>
std::string hash(const K& k) {
  std::string out;
  const auto h = weir::key_hash_of(k);
  for (int i = 7; i >= 0; --i)
    out += static_cast<char>(h >> (8 * i) & 0xff);
  return hex(out);
}

std::string framed(weir::frame f) {
  std::string out;
  weir::encode_frame(f, weir::codec_for<order>(), out);
  return hex(out);
}

order sample_order() { return {17, "c-0042", 1250, {1767225603250000}}; }

weir::frame sample_data() {
  auto rows = std::make_unique<weir::batch<order>>();
  weir::record_view view;
  view.key = "c-0042";
  view.value = "{}";
  weir::row_meta m{{1767225603250000}, weir::key_hash_of(std::string("c-0042")), 5, 1, 0, {}};
  m.raw = rows->keep_raw(view);
  rows->push(sample_order(), m);
  return weir::data_frame{std::move(rows)};
}

/// What this release writes, under the names of the golden file.
std::vector<std::pair<std::string, std::string>> written() {
  weir::raw_record raw;
  raw.key = "k";
  raw.headers = {{"h", "1"}, {"h", std::nullopt}};
  raw.time = {-1};
  using composite = std::pair<std::string, std::int64_t>;
  return {
      {"binary.order", binary(sample_order())},
      {"binary.i64.-3", binary(std::int64_t{-3})},
      {"binary.u32.300", binary(std::uint32_t{300})},
      {"binary.f64.1.5", binary(1.5)},
      {"binary.decimal.-1.50", binary(weir::decimal{-150, 2})},
      {"binary.enum.blue", binary(colour::blue)},
      {"binary.optional.none", binary(std::optional<bool>())},
      {"binary.vector", binary(std::vector<std::string>{"a", ""})},
      {"binary.map", binary(std::map<std::string, std::int32_t>{{"b", 2}, {"a", 1}})},
      {"binary.raw_record", binary(raw)},
      {"key.string", hex(weir::encoded_key(std::string("c-0042")))},
      {"key.string.nul", hex(weir::encoded_key(std::string("a\0b", 3)))},
      {"key.i64.-1", hex(weir::encoded_key(std::int64_t{-1}))},
      {"key.u16.258", hex(weir::encoded_key(std::uint16_t{258}))},
      {"key.pair", hex(weir::encoded_key(composite{"x", 1}))},
      {"key.struct", hex(weir::encoded_key(point{1, -1}))},
      {"key.vector", hex(weir::encoded_key(std::vector<std::uint8_t>{7, 0}))},
      {"hash.tuple", hash(std::tuple<std::string, std::int32_t>{"a", -1})},
      {"hash.string", hash(std::string("c-0042"))},
      {"hash.i64.0", hash(std::int64_t{0})},
      {"hash.i64.42", hash(std::int64_t{42})},
      {"hash.long", hash(std::string(300, 'x'))},
      {"frame.charged", framed(sample_data())},
      {"frame.watermark", framed(weir::watermark_frame{{1767225600000000}})},
      {"frame.barrier", framed(weir::barrier_frame{7, true})},
      {"frame.idle", framed(weir::status_frame{true})},
      {"frame.end", framed(weir::end_frame{})},
      {"headers", hex(weir::pack_headers(raw.headers))},
  };
}

} // namespace

TEST_CASE("formats are the ones on record: a change here breaks every stored job") {
  std::ifstream in(WEIR_SOURCE_DIR "/tests/golden/record.txt");
  std::map<std::string, std::string> golden;
  for (std::string line; std::getline(in, line);)
    if (!line.empty() && line[0] != '#')
      golden[line.substr(0, line.find(' '))] = line.substr(line.find(' ') + 1);
  const auto now = written();
  for (const auto& [name, bytes] : now) {
    INFO(name << ' ' << bytes);
    CHECK(golden[name] == bytes);
  }
  CHECK(golden.erase("frame.data") == 1); // Of an earlier release: only read.
  CHECK(golden.size() == now.size());
}

TEST_CASE("bytes on record are read back") {
  const std::string name = GENERATE("frame.data", "frame.charged");
  std::string text;
  std::ifstream in(WEIR_SOURCE_DIR "/tests/golden/record.txt");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(name + " "))
      text = line.substr(name.size() + 1);
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    bytes += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
  auto f = weir::decode_frame(bytes, weir::codec_for<order>());
  REQUIRE(f.ok());
  const auto& rows = static_cast<const weir::batch<order>&>(*std::get<weir::data_frame>(*f).rows);
  REQUIRE(rows.size() == 1);
  CHECK(rows.values[0] == sample_order());
  CHECK(rows.raw_key(0) == "c-0042");
  CHECK(rows.meta[0].offset == 5);
}
