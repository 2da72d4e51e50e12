#include <weir/connectors/log/detail/format.hpp>

#include <xxhash.h>
#include <algorithm>
#include <limits>

namespace weir::log_detail {

namespace {

template <class T>
void big_endian(std::string& out, T v) {
  for (int shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>((v >> shift) & 0xff));
}

template <class T>
T from_big_endian(std::string_view in) {
  T v = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    v = static_cast<T>(v << 8 | static_cast<unsigned char>(in[i]));
  return v;
}

std::uint64_t chunk_hash(std::string_view key, std::string_view chunk) {
  // Chained through the seeds: the checksum covers the place and everything but itself.
  auto hash = XXH64(key.data(), key.size(), 0);
  hash = XXH64(chunk.data(), chunk_header_bytes - 8, hash);
  return XXH64(chunk.data() + chunk_header_bytes, chunk.size() - chunk_header_bytes, hash);
}

error corrupt(std::string_view what) { return {errc::store_corrupt, "embedded log: " + std::string(what) + " is damaged"}; }

std::string hex(const lineage_id& id) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (auto b : id.bytes) {
    out.push_back(digits[b >> 4]);
    out.push_back(digits[b & 15]);
  }
  return out;
}

} // namespace

std::string partition_key(std::uint32_t topic, std::int32_t partition) {
  std::string k;
  big_endian(k, topic);
  big_endian(k, static_cast<std::uint32_t>(partition));
  return k;
}

std::string chunk_key(std::uint32_t topic, std::int32_t partition, std::int64_t base) {
  auto k = partition_key(topic, partition);
  big_endian(k, static_cast<std::uint64_t>(base));
  return k;
}

bool parse_chunk_key(std::string_view key, std::uint32_t& topic, std::int32_t& partition, std::int64_t& base) {
  if (key.size() != 16)
    return false;
  topic = from_big_endian<std::uint32_t>(key);
  partition = static_cast<std::int32_t>(from_big_endian<std::uint32_t>(key.substr(4)));
  base = static_cast<std::int64_t>(from_big_endian<std::uint64_t>(key.substr(8)));
  return true;
}

std::string group_key(std::string_view group, std::uint32_t topic, std::int32_t partition) {
  std::string k(group);
  k.push_back('\0');
  return k + partition_key(topic, partition);
}

bool parse_group_key(std::string_view key, std::string_view& group, std::uint32_t& topic, std::int32_t& partition) {
  if (key.size() < 9 || key[key.size() - 9] != '\0')
    return false;
  group = key.substr(0, key.size() - 9);
  topic = from_big_endian<std::uint32_t>(key.substr(key.size() - 8));
  partition = static_cast<std::int32_t>(from_big_endian<std::uint32_t>(key.substr(key.size() - 4)));
  return true;
}

std::string latest_key(std::uint32_t topic, std::int32_t partition, std::string_view record_key) {
  auto k = partition_key(topic, partition);
  auto h = XXH3_128bits(record_key.data(), record_key.size());
  big_endian(k, h.high64);
  big_endian(k, h.low64);
  return k;
}

std::string seal(std::string value) {
  byte_writer(value).u64(XXH64(value.data(), value.size(), 0));
  return value;
}

result<std::string_view> unseal(std::string_view sealed, std::string_view what) {
  if (sealed.size() < 8)
    return corrupt(what);
  auto value = sealed.substr(0, sealed.size() - 8);
  if (byte_reader(sealed.substr(value.size())).u64() != XXH64(value.data(), value.size(), 0))
    return corrupt(what);
  return value;
}

std::string encode_topic(const log_topic& t) {
  std::string v;
  byte_writer w(v);
  w.u32(t.id);
  w.u32(static_cast<std::uint32_t>(t.options.partitions));
  w.u64(t.options.max_record_bytes);
  w.u64(t.options.retention_bytes);
  w.i64(t.options.retention_ms);
  w.u8(t.options.compacted ? 1 : 0);
  return seal(std::move(v));
}

result<log_topic> decode_topic(std::string_view name, std::string_view value) {
  WEIR_ASSIGN(auto body, unseal(value, "the entry of topic '" + std::string(name) + "'"));
  byte_reader r(body);
  log_topic t;
  t.name = name;
  t.id = r.u32();
  t.options.partitions = static_cast<std::int32_t>(r.u32());
  t.options.max_record_bytes = r.u64();
  t.options.retention_bytes = r.u64();
  t.options.retention_ms = r.i64();
  t.options.compacted = r.u8() != 0;
  if (!r.done())
    return corrupt("the entry of topic '" + std::string(name) + "'");
  return t;
}

std::string encode_partition(const log_partition& s) {
  std::string v;
  byte_writer w(v);
  w.i64(s.first);
  w.i64(s.next);
  w.u64(s.bytes);
  return seal(std::move(v));
}

result<log_partition> decode_partition(std::string_view value) {
  WEIR_ASSIGN(auto body, unseal(value, "the entry of a partition"));
  byte_reader r(body);
  log_partition s;
  s.first = r.i64();
  s.next = r.i64();
  s.bytes = r.u64();
  if (!r.done() || s.first < 0 || s.next < s.first)
    return corrupt("the entry of a partition");
  return s;
}

std::string encode_group_offset(std::int64_t next, std::int64_t committed_ms) {
  std::string v;
  byte_writer w(v);
  w.i64(next);
  w.i64(committed_ms);
  return seal(std::move(v));
}

result<std::int64_t> decode_group_offset(std::string_view value) {
  WEIR_ASSIGN(auto body, unseal(value, "the offset of a consumer group"));
  byte_reader r(body);
  auto next = r.i64();
  r.i64();
  if (!r.done())
    return corrupt("the offset of a consumer group");
  return next;
}

std::string encode_publisher(const publisher_state& s) {
  std::string v;
  byte_writer w(v);
  w.u64(s.epoch);
  w.u8(s.last ? 1 : 0);
  if (s.last) {
    w.bytes({reinterpret_cast<const char*>(s.last->lineage.bytes.data()), s.last->lineage.bytes.size()});
    w.u64(s.last->incarnation);
    w.u64(s.last->checkpoint);
    w.u64(s.last->ordinal);
  }
  return seal(std::move(v));
}

result<publisher_state> decode_publisher(std::string_view value) {
  WEIR_ASSIGN(auto body, unseal(value, "the marker of a publisher"));
  byte_reader r(body);
  publisher_state s;
  s.epoch = r.u64();
  if (r.u8() != 0) {
    marker m;
    auto lineage = r.bytes(m.lineage.bytes.size());
    std::copy(lineage.begin(), lineage.end(), m.lineage.bytes.begin());
    m.incarnation = r.u64();
    m.checkpoint = r.u64();
    m.ordinal = r.u64();
    s.last = m;
  }
  if (!r.done())
    return corrupt("the marker of a publisher");
  return s;
}

std::string marker_json(const marker& m) {
  return R"({"lineage":")" + hex(m.lineage) + R"(","incarnation":)" + std::to_string(m.incarnation) + R"(,"checkpoint":)" +
         std::to_string(m.checkpoint) + R"(,"ordinal":)" + (m.ordinal == all_records ? R"("all")" : std::to_string(m.ordinal)) +
         "}";
}

namespace {
constexpr std::uint8_t has_key = 1;
constexpr std::uint8_t has_value = 2;
constexpr std::uint8_t has_headers = 4;
} // namespace

void append_record(std::string& chunk, const output_record& r, std::int64_t base_time_ms) {
  if (chunk.empty())
    chunk.resize(chunk_header_bytes);
  byte_writer w(chunk);
  w.u8(static_cast<std::uint8_t>((r.key ? has_key : 0) | (r.value ? has_value : 0) |
                                 (r.packed_headers.empty() ? 0 : has_headers)));
  w.svarint(static_cast<std::int64_t>(static_cast<std::uint64_t>(r.time_ms) - static_cast<std::uint64_t>(base_time_ms)));
  if (r.key)
    w.string(*r.key);
  if (r.value)
    w.string(*r.value);
  if (!r.packed_headers.empty())
    w.string(r.packed_headers);
}

void stamp_chunk(std::string& chunk, std::string_view key, const chunk_info& info) {
  std::string header;
  byte_writer w(header);
  w.u8(chunk_version);
  w.u8(0);
  w.u16(0);
  w.u32(info.count);
  w.i64(info.append_ms);
  w.i64(info.base_time_ms);
  w.i64(info.max_time_ms);
  chunk.replace(0, header.size(), header);
  std::string hash;
  byte_writer(hash).u64(chunk_hash(key, chunk));
  chunk.replace(chunk_header_bytes - 8, 8, hash);
}

result<chunk_info> read_chunk_info(std::string_view chunk) {
  if (chunk.size() < chunk_header_bytes)
    return corrupt("a chunk");
  byte_reader r(chunk);
  auto version = r.u8();
  if (version != chunk_version)
    return {errc::incompatible, "embedded log: a chunk has version " + std::to_string(version) + "; this release reads version " +
                                    std::to_string(chunk_version)};
  r.u8();
  r.u16();
  chunk_info info;
  info.count = r.u32();
  info.append_ms = r.i64();
  info.base_time_ms = r.i64();
  info.max_time_ms = r.i64();
  return info;
}

result<chunk_info> check_chunk(std::string_view key, std::string_view chunk) {
  if (chunk.size() < chunk_header_bytes)
    return corrupt("a chunk");
  if (byte_reader(chunk.substr(chunk_header_bytes - 8)).u64() != chunk_hash(key, chunk))
    return corrupt("a chunk (its checksum does not match)");
  return read_chunk_info(chunk);
}

chunk_cursor::chunk_cursor(std::string_view chunk, const chunk_info& info, std::int32_t partition, std::int64_t base)
    : in_(chunk.substr(chunk_header_bytes)),
      base_time_ms_(info.base_time_ms),
      offset_(base),
      end_(base + info.count),
      partition_(partition) {}

bool chunk_cursor::next(record_view& out) {
  if (offset_ == end_) {
    ok_ = ok_ && in_.done();
    return false;
  }
  auto flags = in_.u8();
  auto delta = in_.svarint();
  out.key.reset();
  out.value.reset();
  if (flags & has_key)
    out.key = in_.string();
  if (flags & has_value)
    out.value = in_.string();
  out.headers = headers_view(flags & has_headers ? in_.string() : std::string_view{});
  if (!in_.ok() || flags > (has_key | has_value | has_headers)) {
    ok_ = false;
    return false;
  }
  auto ms = static_cast<std::int64_t>(static_cast<std::uint64_t>(base_time_ms_) + static_cast<std::uint64_t>(delta));
  // Times beyond what microseconds can hold are cut, not wrapped.
  constexpr auto most_ms = std::numeric_limits<std::int64_t>::max() / 1000;
  out.time = timestamp::from_ms(std::clamp(ms, -most_ms, most_ms));
  out.partition = partition_;
  out.offset = offset_++;
  return true;
}

} // namespace weir::log_detail
