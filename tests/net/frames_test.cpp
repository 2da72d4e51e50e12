#include <weir/net/frame_session.hpp>
#include "tests/catch.hpp"

using namespace weir;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

std::string hex(std::string_view bytes) {
  std::string out;
  for (char c : bytes) {
    out += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
    out += "0123456789abcdef"[c & 15];
  }
  return out;
}

envelope sample() { return {envelope_kind::data, true, {1, 2, 3}, 4, 5, 6}; }

std::string encoded(const envelope& e, std::string_view payload) {
  std::vector<char> out;
  append_envelope(e, payload, out);
  return {out.begin(), out.end()};
}

} // namespace

TEST_CASE("an envelope has the bytes of docs/formats.md") {
  CHECK(hex(encoded(sample(), "hi")) ==
        "0101010002000000010000000000000002000000000000000300000000000000040000000000000006000000000000000500000000000000"
        "bd4bb7d76869");
}

TEST_CASE("an envelope is read back, and any changed bit of it is noticed") {
  auto whole = encoded(sample(), "payload");
  auto header = whole.substr(0, envelope_bytes), payload = whole.substr(envelope_bytes);
  auto e = decode_envelope(header);
  REQUIRE(e);
  CHECK(e->kind == envelope_kind::data);
  CHECK(e->more);
  CHECK(e->of == attempt_id{1, 2, 3});
  CHECK(e->session == 4);
  CHECK(e->channel == 5);
  CHECK(e->sequence == 6);
  CHECK(e->length == payload.size());
  CHECK(check_envelope(header, payload));
  for (std::size_t i = 0; i < whole.size() * 8; ++i) {
    auto damaged = whole;
    damaged[i / 8] = static_cast<char>(damaged[i / 8] ^ (1 << (i % 8)));
    auto h = damaged.substr(0, envelope_bytes);
    auto d = decode_envelope(h);
    INFO("bit " << i);
    CHECK((!d || !check_envelope(h, damaged.substr(envelope_bytes)) || d->length != payload.size()));
  }
  for (std::size_t n = 0; n < envelope_bytes; ++n)
    CHECK_FALSE(decode_envelope(whole.substr(0, n)));
}

TEST_CASE("an envelope says why it is refused") {
  auto header = encoded(sample(), "").substr(0, envelope_bytes);
  auto with = [&](std::size_t at, char value) {
    auto h = header;
    h[at] = value;
    return decode_envelope(h).err();
  };
  CHECK(with(0, 2).code == errc::incompatible);
  CHECK(with(7, 0x40).code == errc::too_large);
  CHECK_THAT(with(7, 0x40).message, Contains("1073741824 bytes are announced"));
  CHECK(with(1, 0).code == errc::decode_failed);
  CHECK(with(1, 4).code == errc::decode_failed);
  CHECK(with(2, 2).code == errc::decode_failed);
  CHECK(with(1, 2).code == errc::decode_failed); // Only data goes on.
}

TEST_CASE("credits and reports are read back, and cut ones are refused") {
  auto c = decode_credit(encode_credit({1000, {5, 6, 7}}), 5);
  REQUIRE(c);
  CHECK(c->bytes == 1000);
  CHECK(c->report == channel_report{5, 6, 7});
  CHECK_FALSE(decode_credit(encode_credit({1000, {5, 6, 7}}).substr(1), 5));
  CHECK_FALSE(decode_credit(encode_credit({~std::uint64_t{0}, {5, 6, 7}}), 5));
  std::vector<channel_report> reports{{1, 2, 3}, {4, 5, 6}};
  auto bytes = encode_reports(reports);
  CHECK(*decode_reports(bytes) == reports);
  CHECK(decode_reports(encode_reports({}))->empty());
  for (std::size_t n = 0; n < bytes.size(); ++n)
    CHECK_FALSE(decode_reports(bytes.substr(0, n)));
  CHECK_FALSE(decode_reports(bytes + "x"));
  CHECK_FALSE(decode_reports("\xff\xff\xff\xff\x0f")); // Four billion of them, by their count.
  CHECK(encode_reports(std::vector<channel_report>(most_reports)).size() <= longest_payload);
}

namespace {

envelope part(std::uint64_t sequence, bool more = false, std::uint32_t channel = 1) {
  return {envelope_kind::data, more, {1, 1, 1}, 1, channel, sequence};
}

} // namespace

TEST_CASE("messages come in order, once, and whole") {
  frame_session s({1, 1, 1});
  CHECK(**s.receive(part(1), "one") == "one");
  CHECK_FALSE(s.receive(part(2, true), "tw")->has_value());
  CHECK(**s.receive(part(1, false, 2), "other") == "other"); // Another channel meanwhile.
  CHECK_FALSE(s.receive(part(3, true), "")->has_value());
  CHECK(**s.receive(part(4), "o") == "two");
  CHECK(**s.receive(part(5), "") == "");
  CHECK(s.report(1) == channel_report{1, 0, 5});
  for (auto wrong : {5, 4, 1, 7}) {
    auto r = s.receive(part(static_cast<std::uint64_t>(wrong)), "x");
    REQUIRE_FALSE(r);
    CHECK(r.err().code == errc::decode_failed);
  }
  CHECK(**s.receive(part(6), "six") == "six");
}

TEST_CASE("a message in parts has a bound") {
  frame_session s({1, 1, 1});
  std::string mebibyte(std::size_t{1} << 20, 'x');
  std::uint64_t sequence = 0;
  result<std::optional<std::string>> r = std::optional<std::string>{};
  while (r && sequence < 1000)
    r = s.receive(part(++sequence, true), mebibyte);
  REQUIRE_FALSE(r);
  CHECK(r.err().code == errc::too_large);
  CHECK(sequence == frame_session::longest_message / mebibyte.size() + 1);
}

TEST_CASE("what the other end does not receive is noticed after two seconds without progress") {
  frame_session s({1, 1, 1});
  CHECK(s.check(100s));
  CHECK(s.send(1, 0s) == 1);
  CHECK(s.send(1, 1s) == 2);
  CHECK(s.check(1900ms));
  CHECK(s.check(2s).err().code == errc::unavailable);
  SECTION("progress starts the time anew") {
    CHECK(s.reported({1, 0, 1}, 1900ms));
    CHECK(s.check(3800ms));
    CHECK(s.reported({1, 0, 1}, 3800ms)); // The same again is none.
    CHECK_FALSE(s.check(3900ms));
  }
  SECTION("all received ends it") {
    CHECK(s.reported({1, 0, 2}, 1900ms));
    CHECK(s.check(100s));
    CHECK(s.send(1, 100s) == 3);
    CHECK(s.check(101s));
    CHECK_FALSE(s.check(102s));
  }
  SECTION("a node that did not run holds nothing against the other") {
    s.forgive(30s);
    CHECK(s.check(31s));
    CHECK_FALSE(s.check(32s));
  }
}

TEST_CASE("what the other end sent and did not come is noticed after two seconds") {
  frame_session s({1, 1, 1});
  CHECK(s.reported({1, 2, 0}, 0s));
  CHECK(s.check(1900ms));
  CHECK(s.receive(part(1), "x"));
  CHECK(s.reported({1, 2, 0}, 1900ms));
  CHECK(s.check(3800ms));
  SECTION("it comes") {
    CHECK(s.receive(part(2), "x"));
    CHECK(s.reported({1, 2, 0}, 3850ms));
    CHECK(s.check(100s));
  }
  SECTION("it does not") { CHECK_THAT(s.check(3900ms).err().message, Contains("of 2 frames that the other end sent 1 came")); }
}

TEST_CASE("reports that cannot be true are refused") {
  frame_session s({1, 1, 1});
  s.send(1, 0s);
  s.send(1, 0s);
  CHECK(s.reported({1, 5, 1}, 0s));
  CHECK_FALSE(s.reported({1, 5, 3}, 0s)); // More than was sent.
  CHECK_FALSE(s.reported({1, 5, 0}, 0s)); // Less than it had.
  CHECK_FALSE(s.reported({1, 4, 1}, 0s));
}
