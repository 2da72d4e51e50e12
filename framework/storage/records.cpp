#include <weir/record/bytes.hpp>
#include <weir/state/xxh3.hpp>
#include <weir/storage/records.hpp>

namespace weir::storage_detail {
namespace {

constexpr std::uint8_t version = 1;
constexpr std::size_t head_size = 4;

error malformed(const char* what) { return {errc::store_corrupt, std::string(what) + ": malformed"}; }

void write_refs(byte_writer& w, const std::vector<chunk_ref>& refs) {
  w.varint(refs.size());
  for (const auto& r : refs) {
    w.varint(r.sequence);
    w.varint(r.bytes);
  }
}

std::vector<chunk_ref> read_refs(byte_reader& in) {
  std::vector<chunk_ref> refs;
  for (auto n = in.varint(); n > 0 && in.ok(); --n) {
    chunk_ref r;
    r.sequence = in.varint();
    r.bytes = in.varint();
    refs.push_back(r);
  }
  return refs;
}

} // namespace

std::string seal(sealed kind, std::string_view payload) {
  std::string out;
  out.reserve(payload.size() + head_size + 8);
  byte_writer w(out);
  w.bytes("WS");
  w.u8(static_cast<std::uint8_t>(kind));
  w.u8(version);
  w.bytes(payload);
  w.u64(xxh3(out));
  return out;
}

result<std::string_view> unseal(sealed kind, std::string_view bytes, const std::string& what) {
  if (bytes.size() < head_size + 8 || bytes.substr(0, 2) != "WS" || bytes[2] != static_cast<char>(kind))
    return error{errc::store_corrupt, what + ": not the expected record (" + std::to_string(bytes.size()) + " bytes)"};
  byte_reader tail(bytes.substr(bytes.size() - 8));
  if (tail.u64() != xxh3(bytes.substr(0, bytes.size() - 8)))
    return error{errc::store_corrupt, what + ": checksum mismatch in " + std::to_string(bytes.size()) + " bytes"};
  if (auto v = static_cast<std::uint8_t>(bytes[3]); v != version)
    return error{errc::incompatible, what + ": format " + std::to_string(v) + ", this release reads 1"};
  return bytes.substr(head_size, bytes.size() - head_size - 8);
}

std::string sealed_number(std::uint64_t n) {
  std::string out;
  byte_writer(out).varint(n);
  return seal(sealed::meta, out);
}

std::string sealed_copied(const copied_change& c) {
  std::string out;
  byte_writer w(out);
  w.varint(c.serial);
  w.u64(c.sum);
  return seal(sealed::meta, out);
}

result<copied_change> parse_copied(std::string_view bytes, const std::string& what) {
  WEIR_ASSIGN(auto payload, unseal(sealed::meta, bytes, what));
  byte_reader in(payload);
  copied_change c;
  c.serial = in.varint();
  c.sum = in.u64();
  if (!in.done())
    return error{errc::store_corrupt, what + ": malformed"};
  return c;
}

std::string number_key(std::uint64_t n) {
  std::string key(8, '\0');
  for (int i = 7; i >= 0; --i, n >>= 8)
    key[static_cast<std::size_t>(i)] = static_cast<char>(n & 0xff);
  return key;
}

std::uint64_t parse_number_key(std::string_view key) {
  std::uint64_t n = 0;
  for (char c : key)
    n = n << 8 | static_cast<unsigned char>(c);
  return n;
}

std::string encode_manifest(const manifest_record& r) {
  std::string out;
  byte_writer w(out);
  const auto& m = r.manifest;
  w.varint(m.number);
  w.varint(m.incarnation);
  w.i64(m.completed_at_us);
  w.varint(m.delta_bytes);
  w.varint(m.outbox_records);
  w.u8(m.ended ? 1 : 0);
  w.string(m.plan_fingerprint);
  w.varint(m.contributions.size());
  for (const auto& c : m.contributions) {
    w.string(c.who.vertex);
    w.svarint(c.who.index);
    w.string(c.inline_state);
    w.varint(c.delta_end);
    w.varint(c.outbox_end);
    w.u8(c.finished ? 1 : 0);
  }
  w.string(m.job_state);
  write_refs(w, r.deltas);
  w.varint(r.next_sequence);
  return seal(sealed::manifest, out);
}

result<manifest_record> decode_manifest(std::string_view payload) {
  byte_reader in(payload);
  manifest_record r;
  auto& m = r.manifest;
  m.number = in.varint();
  m.incarnation = in.varint();
  m.completed_at_us = in.i64();
  m.delta_bytes = in.varint();
  m.outbox_records = in.varint();
  m.ended = in.u8() != 0;
  m.plan_fingerprint = in.string();
  for (auto n = in.varint(); n > 0 && in.ok(); --n) {
    contribution c;
    c.who.vertex = in.string();
    c.who.index = static_cast<std::int32_t>(in.svarint());
    c.inline_state = in.string();
    c.delta_end = in.varint();
    c.outbox_end = in.varint();
    c.finished = in.u8() != 0;
    m.contributions.push_back(std::move(c));
  }
  m.job_state = in.string();
  r.deltas = read_refs(in);
  r.next_sequence = in.varint();
  if (!in.done())
    return malformed("checkpoint manifest");
  return r;
}

std::string encode_epoch(const epoch_record& r) {
  std::string out;
  byte_writer w(out);
  write_refs(w, r.chunks);
  return seal(sealed::epoch, out);
}

result<epoch_record> decode_epoch(std::string_view payload) {
  byte_reader in(payload);
  epoch_record r;
  r.chunks = read_refs(in);
  if (!in.done())
    return malformed("outbox list");
  return r;
}

std::string encode_chunk(const chunk_record& r) {
  std::string out;
  out.reserve(r.bytes.size() + r.who.vertex.size() + 32);
  byte_writer w(out);
  w.string(r.who.vertex);
  w.svarint(r.who.index);
  w.varint(r.incarnation);
  w.varint(r.number);
  w.bytes(r.bytes);
  return seal(sealed::chunk, out);
}

result<chunk_record> decode_chunk(std::string_view payload) {
  byte_reader in(payload);
  chunk_record r;
  r.who.vertex = in.string();
  r.who.index = static_cast<std::int32_t>(in.svarint());
  r.incarnation = in.varint();
  r.number = in.varint();
  r.bytes = in.bytes(in.remaining());
  if (!in.ok())
    return malformed("chunk record");
  return r;
}

std::string encode_apply(const apply_state& s) {
  std::string out;
  byte_writer w(out);
  w.varint(s.applied_end);
  w.varint(s.target);
  w.u8(s.running ? 1 : 0);
  w.string(s.position);
  return seal(sealed::meta, out);
}

result<apply_state> decode_apply(std::string_view payload) {
  byte_reader in(payload);
  apply_state s;
  s.applied_end = in.varint();
  s.target = in.varint();
  s.running = in.u8() != 0;
  s.position = in.string();
  if (!in.done())
    return malformed("state of applying");
  return s;
}

std::string encode_marker(const marker& m) {
  std::string out;
  byte_writer w(out);
  for (auto b : m.lineage.bytes)
    w.u8(b);
  w.varint(m.incarnation);
  w.varint(m.checkpoint);
  w.varint(m.ordinal);
  return seal(sealed::meta, out);
}

result<marker> decode_marker(std::string_view payload) {
  byte_reader in(payload);
  marker m;
  for (auto& b : m.lineage.bytes)
    b = in.u8();
  m.incarnation = in.varint();
  m.checkpoint = in.varint();
  m.ordinal = in.varint();
  if (!in.done())
    return malformed("published marker");
  return m;
}

std::uint32_t base_checksum(std::string_view row_key, std::string_view value) {
  return static_cast<std::uint32_t>(xxh3(value, xxh3(row_key)));
}

result<std::string_view> check_base_row(std::string_view row_key, std::string_view stored) {
  byte_reader in(stored);
  auto sum = in.u32();
  auto value = in.bytes(in.remaining());
  if (!in.ok() || sum != base_checksum(row_key, value))
    return error{errc::store_corrupt, "base row: checksum mismatch in a value of " + std::to_string(stored.size()) + " bytes"};
  return value;
}

} // namespace weir::storage_detail
