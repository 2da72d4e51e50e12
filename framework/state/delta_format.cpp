#include <algorithm>
#include <weir/record/bytes.hpp>
#include <weir/state/delta_format.hpp>
#include <weir/state/row_key.hpp>
#include <weir/state/xxh3.hpp>

namespace weir {
namespace {

constexpr std::string_view magic = "WDC";
constexpr std::uint8_t version = 1;
constexpr std::size_t head_size = 4;
constexpr std::size_t tail_size = 12; // row count, checksum

error corrupt(const std::string& what) { return {errc::store_corrupt, "delta chunk: " + what}; }

} // namespace

delta_chunk_writer::delta_chunk_writer() {
  out_.append(magic);
  out_.push_back(static_cast<char>(version));
}

void delta_chunk_writer::key(row_action action, state_kind kind, std::string_view row_key) {
  byte_writer w(out_);
  w.u8(static_cast<std::uint8_t>(static_cast<unsigned>(action) | static_cast<unsigned>(kind) << 4));
  auto [a, b] = std::mismatch(last_.begin(), last_.end(), row_key.begin(), row_key.end());
  auto shared = static_cast<std::size_t>(a - last_.begin());
  w.varint(shared);
  w.string(row_key.substr(shared));
  last_.assign(row_key);
  ++rows_;
}

void delta_chunk_writer::put(state_kind kind, std::string_view row_key, std::string_view value) {
  key(row_action::put, kind, row_key);
  byte_writer(out_).string(value);
}

void delta_chunk_writer::erase(state_kind kind, std::string_view row_key) { key(row_action::erase, kind, row_key); }

void delta_chunk_writer::drop_until(std::string_view group_prefix, timestamp until) {
  key(row_action::drop_until, state_kind::ordered, group_prefix);
  byte_writer(out_).i64(until.us);
}

void delta_chunk_writer::declare(std::uint64_t state_id, const state_declaration& d) {
  std::string row_key;
  append_state_prefix(row_key, state_id);
  key(row_action::declare, d.kind, row_key);
  byte_writer(out_).string(encode_declaration(d));
}

std::string delta_chunk_writer::finish() {
  byte_writer w(out_);
  w.u32(rows_);
  w.u64(xxh3(out_));
  auto done = std::move(out_);
  *this = delta_chunk_writer();
  return done;
}

result<delta_chunk_reader> delta_chunk_reader::open(std::string_view chunk) {
  if (chunk.size() < head_size + tail_size)
    return corrupt("only " + std::to_string(chunk.size()) + " bytes");
  byte_reader tail(chunk.substr(chunk.size() - 8));
  if (tail.u64() != xxh3(chunk.substr(0, chunk.size() - 8)))
    return corrupt("checksum mismatch in " + std::to_string(chunk.size()) + " bytes");
  return open_checked(chunk);
}

result<delta_chunk_reader> delta_chunk_reader::open_checked(std::string_view chunk) {
  if (chunk.size() < head_size + tail_size || chunk.substr(0, magic.size()) != magic)
    return corrupt("not a delta chunk");
  if (static_cast<std::uint8_t>(chunk[3]) != version)
    return error{errc::incompatible,
                 "delta chunk: version " + std::to_string(static_cast<std::uint8_t>(chunk[3])) + ", this release reads 1"};
  delta_chunk_reader r;
  r.chunk_ = chunk;
  r.position_ = head_size;
  r.end_ = chunk.size() - tail_size;
  byte_reader tail(chunk.substr(r.end_));
  r.rows_ = tail.u32();
  return r;
}

result<bool> delta_chunk_reader::next() {
  if (position_ == end_) {
    if (seen_ != rows_)
      return corrupt("holds " + std::to_string(seen_) + " rows, announces " + std::to_string(rows_));
    return false;
  }
  byte_reader in(chunk_.substr(position_, end_ - position_));
  auto head = in.u8();
  auto shared = in.varint();
  auto suffix = in.string();
  if (!in.ok() || (head & 0x0f) > 3 || (head >> 4) > 1 || shared > key_.size())
    return corrupt("malformed row at byte " + std::to_string(position_));
  action_ = static_cast<row_action>(head & 0x0f);
  kind_ = static_cast<state_kind>(head >> 4);
  key_.resize(shared);
  key_.append(suffix);
  value_ = {};
  value_offset_ = 0;
  until_ = {};
  bool fits = key_.size() <= max_row_key;
  switch (action_) {
    case row_action::put:
    case row_action::declare:
      value_ = in.string();
      value_offset_ = in.ok() ? static_cast<std::size_t>(value_.data() - chunk_.data()) : 0;
      break;
    case row_action::drop_until:
      until_.us = in.i64();
      fits = key_.size() == value_row_prefix && kind_ == state_kind::ordered;
      break;
    case row_action::erase:
      break;
  }
  if (action_ == row_action::declare)
    fits = key_.size() == 8;
  else if (action_ != row_action::drop_until)
    fits = fits && key_.size() >= (kind_ == state_kind::ordered ? ordered_row_prefix : value_row_prefix);
  if (!in.ok() || !fits)
    return corrupt("malformed row at byte " + std::to_string(position_));
  position_ = end_ - in.remaining();
  ++seen_;
  return true;
}

std::string encode_declaration(const state_declaration& d) {
  std::string out;
  byte_writer w(out);
  w.u8(1);
  w.u8(static_cast<std::uint8_t>(d.kind));
  w.string(d.operator_name);
  w.string(d.state_name);
  w.string(d.schema);
  return out;
}

result<state_declaration> decode_declaration(std::string_view bytes) {
  byte_reader in(bytes);
  auto v = in.u8();
  auto kind = in.u8();
  state_declaration d;
  d.operator_name = in.string();
  d.state_name = in.string();
  d.schema = in.string();
  if (!in.done() || v != 1 || kind > 1)
    return error{errc::store_corrupt, "state declaration: malformed"};
  d.kind = static_cast<state_kind>(kind);
  return d;
}

} // namespace weir
