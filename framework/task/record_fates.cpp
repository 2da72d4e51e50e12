#include <weir/record/bytes.hpp>
#include <weir/record/raw_record.hpp>
#include <weir/task/record_fates.hpp>

namespace weir {
namespace {

constexpr std::uint8_t version = 1;

} // namespace

const record_fates::of_epoch* record_fates::find(const std::string& connection, std::uint64_t checkpoint) const {
  auto c = by_connection_.find(connection);
  if (c == by_connection_.end())
    return nullptr;
  auto e = c->second.find(checkpoint);
  return e == c->second.end() ? nullptr : &e->second;
}

void record_fates::set(const std::string& connection, std::uint64_t checkpoint, std::uint64_t ordinal, record_fate fate) {
  by_connection_[connection][checkpoint][ordinal] = std::move(fate);
}

void record_fates::forget_below(const std::string& connection, std::uint64_t checkpoint) {
  auto c = by_connection_.find(connection);
  if (c == by_connection_.end())
    return;
  c->second.erase(c->second.begin(), c->second.lower_bound(checkpoint));
  if (c->second.empty())
    by_connection_.erase(c);
}

std::string record_fates::encode() const {
  std::string out;
  byte_writer w(out);
  w.u8(version);
  std::uint64_t n = 0;
  for (const auto& [connection, epochs] : by_connection_)
    for (const auto& [checkpoint, fates] : epochs)
      n += fates.size();
  w.varint(n);
  for (const auto& [connection, epochs] : by_connection_)
    for (const auto& [checkpoint, fates] : epochs)
      for (const auto& [ordinal, fate] : fates) {
        w.string(connection);
        w.varint(checkpoint);
        w.varint(ordinal);
        w.string(fate.sink);
        w.string(fate.reason);
        w.string(fate.cause);
        w.u8(fate.dead_letter ? 1 : 0);
        if (fate.dead_letter) {
          w.string(fate.dead_letter->topic);
          w.svarint(fate.dead_letter->partition);
        }
      }
  return out;
}

result<record_fates> record_fates::decode(std::string_view bytes) {
  byte_reader in(bytes);
  if (auto v = in.u8(); in.ok() && v != version)
    return error{errc::incompatible, "record fates: format " + std::to_string(v) + ", this release reads 1"};
  record_fates all;
  for (auto n = in.varint(); n > 0 && in.ok(); --n) {
    std::string connection(in.string());
    auto checkpoint = in.varint();
    auto ordinal = in.varint();
    record_fate fate;
    fate.sink = in.string();
    fate.reason = in.string();
    fate.cause = in.string();
    if (in.u8() != 0) {
      record_fate::letter letter;
      letter.topic = in.string();
      letter.partition = static_cast<std::int32_t>(in.svarint());
      fate.dead_letter = std::move(letter);
    }
    all.set(connection, checkpoint, ordinal, std::move(fate));
  }
  if (!in.done())
    return error{errc::store_corrupt, "record fates: malformed"};
  return all;
}

std::string dead_letter_headers(const outbox_record& r, const record_fate& fate) {
  auto headers = headers_view(r.packed_headers).unpack();
  headers.emplace_back("weir.refused.topic", std::string(r.topic));
  headers.emplace_back("weir.reason", fate.reason);
  headers.emplace_back("weir.operator", fate.sink);
  headers.emplace_back("weir.error", fate.cause);
  return pack_headers(headers);
}

} // namespace weir
