#pragma once
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <weir/core/result.hpp>

namespace weir {

/// Appends values to a byte string: fixed-width integers little-endian, varints LEB128, strings with a varint length.
class byte_writer {
 public:
  explicit byte_writer(std::string& out) : out_(&out) {}
  void u8(std::uint8_t v) { out_->push_back(static_cast<char>(v)); }
  void u16(std::uint16_t v) { fixed(v); }
  void u32(std::uint32_t v) { fixed(v); }
  void u64(std::uint64_t v) { fixed(v); }
  void i64(std::int64_t v) { fixed(static_cast<std::uint64_t>(v)); }
  void varint(std::uint64_t v) {
    while (v >= 0x80) {
      u8(static_cast<std::uint8_t>(v | 0x80));
      v >>= 7;
    }
    u8(static_cast<std::uint8_t>(v));
  }
  /// Zigzag, so that small negative values are short.
  void svarint(std::int64_t v) { varint((static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63)); }
  void bytes(std::string_view v) { out_->append(v); }
  void string(std::string_view v) {
    varint(v.size());
    bytes(v);
  }
  [[nodiscard]] std::string& buffer() { return *out_; }

 private:
  template <class T>
  void fixed(T v) {
    char b[sizeof(T)];
    for (std::size_t i = 0; i < sizeof(T); ++i)
      b[i] = static_cast<char>((v >> (8 * i)) & 0xff);
    out_->append(b, sizeof(T));
  }
  std::string* out_;
};

/// Reads what byte_writer wrote. Every read past the end or of a malformed value makes the reader fail for good and
/// returns zero or empty: check `ok()` once at the end. Strings are views into the input.
class byte_reader {
 public:
  explicit byte_reader(std::string_view in) : p_(in.data()), end_(in.data() + in.size()) {}
  std::uint8_t u8() { return static_cast<std::uint8_t>(fixed<std::uint8_t>()); }
  std::uint16_t u16() { return fixed<std::uint16_t>(); }
  std::uint32_t u32() { return fixed<std::uint32_t>(); }
  std::uint64_t u64() { return fixed<std::uint64_t>(); }
  std::int64_t i64() { return static_cast<std::int64_t>(fixed<std::uint64_t>()); }
  std::uint64_t varint() {
    std::uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (p_ == end_)
        break;
      auto b = static_cast<unsigned char>(*p_++);
      if (shift == 63 && b > 1)
        break;
      v |= static_cast<std::uint64_t>(b & 0x7f) << shift;
      if (b < 0x80)
        return v;
    }
    fail();
    return 0;
  }
  std::int64_t svarint() {
    auto v = varint();
    return static_cast<std::int64_t>((v >> 1) ^ (~(v & 1) + 1));
  }
  std::string_view bytes(std::uint64_t n) {
    if (n > remaining()) {
      fail();
      return {};
    }
    std::string_view v(p_, n);
    p_ += n;
    return v;
  }
  /// The bytes before the next zero byte, which is read, too. Fails when there is none.
  std::string_view until_zero() {
    const auto* zero = p_ == end_ ? nullptr : static_cast<const char*>(std::memchr(p_, 0, remaining()));
    if (zero == nullptr) {
      fail();
      return {};
    }
    std::string_view v(p_, static_cast<std::size_t>(zero - p_));
    p_ = zero + 1;
    return v;
  }
  std::string_view string() { return bytes(varint()); }
  [[nodiscard]] std::size_t remaining() const { return static_cast<std::size_t>(end_ - p_); }
  [[nodiscard]] bool ok() const { return ok_; }
  /// True when everything was read and nothing failed.
  [[nodiscard]] bool done() const { return ok_ && p_ == end_; }
  void fail() {
    ok_ = false;
    p_ = end_;
  }

 private:
  template <class T>
  T fixed() {
    if (remaining() < sizeof(T)) {
      fail();
      return 0;
    }
    T v = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i)
      v = static_cast<T>(v | static_cast<T>(static_cast<T>(static_cast<unsigned char>(p_[i])) << (8 * i)));
    p_ += sizeof(T);
    return v;
  }
  const char* p_;
  const char* end_;
  bool ok_ = true;
};

} // namespace weir
