#include <weir/record/batch_codec.hpp>
#include <weir/record/crc32c.hpp>
#include <weir/record/frame.hpp>
#include "tests/catch.hpp"
#include "tests/record/types.hpp"

using namespace test_types;

namespace {

weir::batch<order> sample() {
  weir::batch<order> b;
  const auto headers = weir::pack_headers({{"h", "1"}, {"h", std::nullopt}});
  for (std::int64_t i = 0; i < 5; ++i) {
    weir::row_meta m{{100 + i}, 77U + static_cast<std::uint64_t>(i), 40 + i, 3, 1, {}};
    if (i != 2) {
      weir::record_view view;
      if (i != 3)
        view.key = "key";
      if (i != 4)
        view.value = "value";
      view.headers = weir::headers_view(headers);
      m.raw = b.keep_raw(view);
    }
    b.push(order{i, "customer " + std::to_string(i), i * 10, {i}}, m);
  }
  return b;
}

std::string encode(weir::frame f) {
  std::string out;
  weir::encode_frame(f, weir::codec_for<order>(), out);
  return out;
}

void check_sample(const weir::any_batch& any) {
  const auto expected = sample();
  const auto& b = dynamic_cast<const weir::batch<order>&>(any);
  REQUIRE(b.values == expected.values);
  for (std::size_t i = 0; i < b.size(); ++i) {
    CHECK(b.meta[i].time == expected.meta[i].time);
    CHECK(b.meta[i].key_hash == expected.meta[i].key_hash);
    CHECK(b.meta[i].offset == expected.meta[i].offset);
    CHECK(b.meta[i].partition == 3);
    CHECK(b.meta[i].source == 1);
    CHECK(b.raw_key(i) == expected.raw_key(i));
    CHECK(b.raw_value(i) == expected.raw_value(i));
    CHECK(b.raw_headers(i).packed() == expected.raw_headers(i).packed());
  }
}

} // namespace

TEST_CASE("kept original bytes tell null from empty and are none where not kept") {
  auto b = sample();
  CHECK(b.raw_key(0) == "key");
  CHECK(b.raw_value(0) == "value");
  CHECK(b.raw_headers(0).unpack().size() == 2);
  CHECK_FALSE(b.raw_key(2).has_value());
  CHECK(b.raw_headers(2).unpack().empty());
  CHECK_FALSE(b.raw_key(3).has_value());
  CHECK(b.raw_value(3) == "value");
  CHECK_FALSE(b.raw_value(4).has_value());
  weir::batch<order> empty;
  weir::record_view nothing;
  nothing.key = "";
  weir::row_meta m;
  m.raw = empty.keep_raw(nothing);
  empty.push({}, m);
  CHECK(empty.raw_key(0) == "");
}

TEST_CASE("scattered rows keep order, meta and original bytes, and leave the batch empty") {
  auto b = sample();
  std::vector<std::unique_ptr<weir::any_batch>> targets;
  targets.push_back(b.make_empty());
  targets.push_back(b.make_empty());
  const std::uint32_t target_of_row[] = {1, 0, 1, 0, 1};
  b.scatter(target_of_row, targets);
  CHECK(b.size() == 0);
  CHECK(b.raw.empty());
  const auto& odd = static_cast<const weir::batch<order>&>(*targets[0]);
  const auto& even = static_cast<const weir::batch<order>&>(*targets[1]);
  REQUIRE(odd.size() == 2);
  REQUIRE(even.size() == 3);
  CHECK(odd.values[1].order_id == 3);
  CHECK(odd.raw_value(1) == "value");
  CHECK_FALSE(odd.raw_key(1).has_value());
  CHECK(even.meta[2].offset == 44);
  CHECK(even.raw_key(2) == "key");
  CHECK(even.raw_headers(2).unpack().size() == 2);
  CHECK_FALSE(even.raw_key(1).has_value());
}

TEST_CASE("a batch is charged for what its rows hold outside themselves") {
  weir::batch<order> small, large;
  small.push(order{}, {});
  order o;
  o.customer.assign(100'000, 'x');
  large.push(o, {});
  CHECK(large.bytes() >= small.bytes() + 100'000);
  weir::batch<everything> deep;
  everything e;
  e.groups["a"].resize(10'000);
  deep.push(e, {});
  CHECK(deep.bytes() >= 40'000);
  CHECK(weir::credit_cost(weir::frame{weir::data_frame{large.clone()}}) == large.bytes());
  CHECK(weir::credit_cost(weir::frame{weir::barrier_frame{1, false}}) == 0);
  large.clear();
  CHECK(large.bytes() < 1000);
}

TEST_CASE("every frame survives its encoding") {
  const auto& codec = weir::codec_for<order>();
  auto data = weir::decode_frame(encode(weir::data_frame{sample().clone()}), codec);
  REQUIRE(data.ok());
  check_sample(*std::get<weir::data_frame>(*data).rows);
  auto watermark = weir::decode_frame(encode(weir::watermark_frame{weir::max_timestamp}), codec);
  REQUIRE(watermark.ok());
  CHECK(std::get<weir::watermark_frame>(*watermark).time == weir::max_timestamp);
  auto barrier = weir::decode_frame(encode(weir::barrier_frame{1ULL << 60, true}), codec);
  REQUIRE(barrier.ok());
  CHECK(std::get<weir::barrier_frame>(*barrier).checkpoint == 1ULL << 60);
  CHECK(std::get<weir::barrier_frame>(*barrier).final_barrier);
  auto status = weir::decode_frame(encode(weir::status_frame{true}), codec);
  REQUIRE(status.ok());
  CHECK(std::get<weir::status_frame>(*status).idle);
  auto end = weir::decode_frame(encode(weir::end_frame{}), codec);
  REQUIRE(end.ok());
  CHECK(std::holds_alternative<weir::end_frame>(*end));
}

TEST_CASE("a frame with any one bit changed, cut or lengthened is refused") {
  const auto& codec = weir::codec_for<order>();
  for (const auto& bytes :
       {encode(weir::data_frame{sample().clone()}), encode(weir::barrier_frame{5, false}), encode(weir::end_frame{})}) {
    for (std::size_t i = 0; i < bytes.size() * 8; ++i) {
      auto damaged = bytes;
      damaged[i / 8] = static_cast<char>(damaged[i / 8] ^ (1 << (i % 8)));
      CHECK_FALSE(weir::decode_frame(damaged, codec).ok());
    }
    for (std::size_t n = 0; n < bytes.size(); ++n)
      CHECK_FALSE(weir::decode_frame(std::string_view(bytes).substr(0, n), codec).ok());
    CHECK_FALSE(weir::decode_frame(bytes + "x", codec).ok());
  }
}

TEST_CASE("hostile frame bodies under a right checksum are refused") {
  generator g(3);
  const auto& codec = weir::codec_for<order>();
  const auto bytes = encode(weir::data_frame{sample().clone()});
  for (int round = 0; round < 20000; ++round) {
    auto body = bytes.substr(0, bytes.size() - 4);
    for (auto n = 1 + g.below(3); n > 0; --n)
      body[2 + g.below(body.size() - 2)] = static_cast<char>(g.number());
    weir::byte_writer(body).u32(weir::crc32c(body));
    auto f = weir::decode_frame(body, codec);
    if (!f.ok())
      continue;
    const auto& rows = *std::get<weir::data_frame>(*f).rows;
    for (std::size_t i = 0; i < rows.size(); ++i) { // Slices point into the arena, or the sanitizer says so.
      CHECK(rows.raw_key(i).value_or("").size() <= rows.raw.size());
      CHECK(rows.raw_value(i).value_or("").size() <= rows.raw.size());
      CHECK(rows.raw_headers(i).packed().size() <= rows.raw.size());
    }
  }
}

TEST_CASE("rows of another schema are refused") {
  const auto bytes = encode(weir::data_frame{sample().clone()});
  CHECK_FALSE(weir::decode_frame(bytes, weir::codec_for<point>()).ok());
}

TEST_CASE("CRC-32C has its published values, in both forms, in one piece or several") {
  // RFC 3720, appendix B.4.
  CHECK(weir::crc32c(std::string(32, '\0')) == 0x8a9136aa);
  CHECK(weir::crc32c(std::string(32, '\xff')) == 0x62a8ab43);
  CHECK(weir::crc32c("123456789") == 0xe3069283);
  generator g(1);
  for (int i = 0; i < 200; ++i) {
    const auto s = g.bytes() + g.bytes();
    const auto cut = g.below(s.size() + 1);
    CHECK(weir::crc32c(s) == weir::detail::crc32c_portable(s, 0));
    CHECK(weir::crc32c(std::string_view(s).substr(cut), weir::crc32c(std::string_view(s).substr(0, cut))) == weir::crc32c(s));
  }
}

TEST_CASE("headers keep order, duplicates and nulls; damaged ones are told from none") {
  const weir::header_list headers{{"a", "1"}, {"b", std::nullopt}, {"a", ""}};
  const auto packed = weir::pack_headers(headers);
  CHECK(weir::headers_view(packed).unpack() == headers);
  CHECK(weir::pack_headers({}).empty());
  weir::header_list out;
  CHECK(weir::unpack_headers("", out));
  for (std::size_t n = 1; n < packed.size(); ++n)
    CHECK_FALSE(weir::unpack_headers(std::string_view(packed).substr(0, n), out));
  CHECK_FALSE(weir::unpack_headers(packed + "x", out));
  CHECK(out.empty());
}
