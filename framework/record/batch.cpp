#include <weir/record/batch.hpp>
#include <weir/record/batch_codec.hpp>

namespace weir {
namespace {

std::size_t size_of(std::int32_t n) { return n < 0 ? 0 : static_cast<std::size_t>(n); }

std::size_t length(const raw_slice& s) { return size_of(s.key_size) + size_of(s.value_size) + s.headers_size; }

} // namespace

std::optional<std::string_view> any_batch::raw_key(std::size_t row) const {
  const auto& s = meta[row].raw;
  if (!s.kept || s.key_size < 0)
    return std::nullopt;
  return std::string_view(raw).substr(s.begin, size_of(s.key_size));
}

std::optional<std::string_view> any_batch::raw_value(std::size_t row) const {
  const auto& s = meta[row].raw;
  if (!s.kept || s.value_size < 0)
    return std::nullopt;
  return std::string_view(raw).substr(s.begin + size_of(s.key_size), size_of(s.value_size));
}

headers_view any_batch::raw_headers(std::size_t row) const {
  const auto& s = meta[row].raw;
  if (!s.kept)
    return {};
  return headers_view(std::string_view(raw).substr(s.begin + size_of(s.key_size) + size_of(s.value_size), s.headers_size));
}

raw_slice any_batch::keep_raw(const record_view& view) {
  raw_slice s;
  s.begin = static_cast<std::uint32_t>(raw.size());
  s.kept = true;
  if (view.key) {
    s.key_size = static_cast<std::int32_t>(view.key->size());
    raw.append(*view.key);
  }
  if (view.value) {
    s.value_size = static_cast<std::int32_t>(view.value->size());
    raw.append(*view.value);
  }
  s.headers_size = static_cast<std::uint32_t>(view.headers.packed().size());
  raw.append(view.headers.packed());
  return s;
}

raw_slice any_batch::copy_raw(const any_batch& from, const raw_slice& slice) {
  if (!slice.kept)
    return {};
  auto copy = slice;
  copy.begin = static_cast<std::uint32_t>(raw.size());
  raw.append(from.raw, slice.begin, length(slice));
  return copy;
}

namespace detail {

void encode_batch_frame(const any_batch& rows, std::uint64_t schema, byte_writer& out) {
  out.u64(schema);
  out.varint(rows.size());
  out.string(rows.raw);
  for (const auto& m : rows.meta) {
    out.i64(m.time.us);
    out.u64(m.key_hash);
    out.svarint(m.offset);
    out.svarint(m.partition);
    out.varint(m.source);
    out.u8(m.raw.kept ? 1 : 0);
    if (m.raw.kept) {
      out.varint(m.raw.begin);
      out.svarint(m.raw.key_size);
      out.svarint(m.raw.value_size);
      out.varint(m.raw.headers_size);
    }
  }
}

namespace {

/// A number that must fit T; otherwise the reader fails.
template <class T, class Wide>
T narrow(byte_reader& in, Wide v) {
  if (!std::in_range<T>(v)) {
    in.fail();
    return 0;
  }
  return static_cast<T>(v);
}

raw_slice decode_slice(byte_reader& in, std::size_t arena) {
  raw_slice s;
  s.kept = true;
  s.begin = narrow<std::uint32_t>(in, in.varint());
  s.key_size = narrow<std::int32_t>(in, in.svarint());
  s.value_size = narrow<std::int32_t>(in, in.svarint());
  s.headers_size = narrow<std::uint32_t>(in, in.varint());
  if (s.key_size < -1 || s.value_size < -1 || s.begin > arena || length(s) > arena - s.begin)
    in.fail();
  return s;
}

} // namespace

std::size_t decode_batch_frame(byte_reader& in, std::uint64_t schema, any_batch& rows) {
  if (in.u64() != schema)
    in.fail();
  auto n = in.varint();
  rows.raw = in.string();
  // Of each row there follow 20 bytes at least: a false count must not make us reserve memory.
  if (n > in.remaining() / 20)
    in.fail();
  for (std::uint64_t i = 0; in.ok() && i < n; ++i) {
    auto& m = rows.meta.emplace_back();
    m.time.us = in.i64();
    m.key_hash = in.u64();
    m.offset = in.svarint();
    m.partition = narrow<std::int32_t>(in, in.svarint());
    m.source = narrow<std::uint32_t>(in, in.varint());
    auto kept = in.u8();
    if (kept > 1)
      in.fail();
    if (kept == 1)
      m.raw = decode_slice(in, rows.raw.size());
  }
  return in.ok() ? n : 0;
}

} // namespace detail
} // namespace weir
