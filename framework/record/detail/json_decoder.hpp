#pragma once
// The JSON decoder: one pass, bytes to struct, led by the type's table. Compiled once for the baseline and once for AVX2
// (json_decoder_*.cpp), hence the anonymous namespace.
//
// Why not simdjson: it indexes the whole text before the first field and wants a padded copy. Records are small and are
// decoded where librdkafka holds them; benchmarks/decode_bench compares both.
#include <charconv>
#include <limits>
#include <string>
#include <string_view>
#include <weir/record/detail/base64.hpp>
#include <weir/record/detail/json_failure.hpp>
#include <weir/record/detail/json_scan.hpp>
#include <weir/record/json_type.hpp>
#include <weir/record/time_text.hpp>

namespace weir::detail {
namespace {

/// Reads one document. Every function returns false after `fail`; on the way out each level adds its name to the path.
class json_decoder {
 public:
  json_decoder(std::string_view text, int max_depth, json_failure& failure)
      : begin_(text.data()), p_(text.data()), end_(text.data() + text.size()), depth_left_(max_depth), failure_(failure) {}

  bool document(const json_type& type, void* out) {
    blanks();
    if (!value(type, out))
      return false;
    blanks();
    return p_ == end_ || fail("expected the end of the text, found " + found());
  }

 private:
  // --- errors

  bool fail_at(const char* where, std::string what) {
    failure_.offset = static_cast<std::size_t>(where - begin_);
    failure_.what = std::move(what);
    return false;
  }
  bool fail(std::string what) { return fail_at(p_, std::move(what)); }
  [[gnu::cold, gnu::noinline]] bool expected(const char* what) { return fail("expected " + std::string(what) + ", found " + found()); }
  [[gnu::cold, gnu::noinline]] bool in_field(std::string_view name) {
    failure_.path.insert(0, failure_.path.empty() || failure_.path[0] == '[' ? std::string(name) : std::string(name) + ".");
    return false;
  }
  [[gnu::cold, gnu::noinline]] bool in_element(std::size_t i) {
    std::string at = "[" + std::to_string(i) + "]";
    failure_.path.insert(0, failure_.path.empty() || failure_.path[0] == '[' ? at : at + ".");
    return false;
  }
  /// What stands at the cursor, in words.
  [[nodiscard]] std::string found() const { return describe_json_at(p_, end_); }

  // --- tokens

  void blanks() {
    if (p_ != end_ && static_cast<unsigned char>(*p_) > ' ') [[likely]]
      return;
    while (p_ != end_ && (*p_ == ' ' || *p_ == '\n' || *p_ == '\r' || *p_ == '\t'))
      ++p_;
  }
  [[nodiscard]] bool at(char c) const { return p_ != end_ && *p_ == c; }
  bool take(char c) {
    if (!at(c))
      return false;
    ++p_;
    return true;
  }
  bool literal(std::string_view word) {
    if (static_cast<std::size_t>(end_ - p_) < word.size() || std::memcmp(p_, word.data(), word.size()) != 0)
      return false;
    p_ += word.size();
    return true;
  }
  bool enter() {
    if (depth_left_ == 0)
      return fail("nested too deep");
    --depth_left_;
    return true;
  }
  void leave() { ++depth_left_; }

  // --- strings

  /// Four hexadecimal digits at the cursor.
  bool hex4(unsigned& v) {
    if (end_ - p_ < 4)
      return fail("expected four hexadecimal digits");
    v = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = p_[i];
      unsigned d = 0;
      if (c >= '0' && c <= '9')
        d = static_cast<unsigned>(c - '0');
      else if (c >= 'a' && c <= 'f')
        d = static_cast<unsigned>(c - 'a') + 10;
      else if (c >= 'A' && c <= 'F')
        d = static_cast<unsigned>(c - 'A') + 10;
      else
        return fail("expected four hexadecimal digits");
      v = v * 16 + d;
    }
    p_ += 4;
    return true;
  }

  static void append_utf8(unsigned c, std::string& out) {
    if (c < 0x80) {
      out += static_cast<char>(c);
    } else if (c < 0x800) {
      out += static_cast<char>(0xc0 | c >> 6);
      out += static_cast<char>(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
      out += static_cast<char>(0xe0 | c >> 12);
      out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
      out += static_cast<char>(0x80 | (c & 0x3f));
    } else {
      out += static_cast<char>(0xf0 | c >> 18);
      out += static_cast<char>(0x80 | (c >> 12 & 0x3f));
      out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
      out += static_cast<char>(0x80 | (c & 0x3f));
    }
  }

  /// The escape behind a backslash at the cursor.
  bool escape(std::string& out) {
    const char* start = p_++;
    if (p_ == end_)
      return fail("the text ends in a string");
    switch (*p_++) {
      case '"': out += '"'; return true;
      case '\\': out += '\\'; return true;
      case '/': out += '/'; return true;
      case 'b': out += '\b'; return true;
      case 'f': out += '\f'; return true;
      case 'n': out += '\n'; return true;
      case 'r': out += '\r'; return true;
      case 't': out += '\t'; return true;
      case 'u': break;
      default: return fail_at(start, "unknown escape in a string");
    }
    unsigned c = 0;
    if (!hex4(c))
      return false;
    if (c >= 0xdc00 && c <= 0xdfff)
      return fail_at(start, "lone surrogate in a string");
    if (c >= 0xd800 && c <= 0xdbff) {
      unsigned low = 0;
      if (!literal("\\u"))
        return fail_at(start, "lone surrogate in a string");
      if (!hex4(low))
        return false;
      if (low < 0xdc00 || low > 0xdfff)
        return fail_at(start, "lone surrogate in a string");
      c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    append_utf8(c, out);
    return true;
  }

  /// The rest of a string with escapes; `out` holds what came before the first one.
  [[gnu::noinline]] bool escaped_rest(const char* start, bool high, std::string& out) {
    for (;;) {
      if (p_ == end_)
        return fail("the text ends in a string");
      if (*p_ == '"')
        break;
      if (*p_ != '\\')
        return fail("control character in a string");
      if (!escape(out))
        return false;
      const char* plain = p_;
      p_ = scan_string<true>(begin_, p_, end_, high);
      out.append(plain, p_);
    }
    if (high && !is_utf8(start, p_))
      return fail_at(start, "the string is not UTF-8");
    ++p_;
    return true;
  }

  /// A string at the cursor, as a view: of the text itself or, with escapes, of `scratch`.
  bool text(std::string_view& out, std::string& scratch) {
    if (!take('"'))
      return expected("string");
    const char* start = p_;
    bool high = false;
    p_ = scan_string<true>(begin_, p_, end_, high);
    if (p_ != end_ && *p_ == '"') {
      if (high && !is_utf8(start, p_))
        return fail_at(start, "the string is not UTF-8");
      out = std::string_view(start, static_cast<std::size_t>(p_ - start));
      ++p_;
      return true;
    }
    scratch.assign(start, p_);
    if (!escaped_rest(start, high, scratch))
      return false;
    out = scratch;
    return true;
  }

  bool string(std::string& out) {
    if (!take('"'))
      return expected("string");
    const char* start = p_;
    bool high = false;
    p_ = scan_string<true>(begin_, p_, end_, high);
    out.assign(start, p_);
    if (p_ != end_ && *p_ == '"') {
      if (high && !is_utf8(start, p_))
        return fail_at(start, "the string is not UTF-8");
      ++p_;
      return true;
    }
    return escaped_rest(start, high, out);
  }

  // --- skipping: what no field wants is passed over; only its brackets and strings have to match

  bool skip_string() {
    ++p_;
    for (bool high = false;;) {
      p_ = scan_string<false>(begin_, p_, end_, high);
      if (end_ - p_ < 2) {
        if (p_ != end_ && *p_ == '"') {
          ++p_;
          return true;
        }
        p_ = end_;
        return fail("the text ends in a string");
      }
      if (*p_ == '"') {
        ++p_;
        return true;
      }
      p_ += 2;
    }
  }

  bool skip_scalar() {
    const char* start = p_;
    while (p_ != end_ && ((*p_ >= '0' && *p_ <= '9') || (*p_ >= 'a' && *p_ <= 'z') || *p_ == '-' || *p_ == '+' || *p_ == '.' ||
                          *p_ == 'E'))
      ++p_;
    return p_ != start || expected("a value");
  }

  bool skip() {
    if (p_ == end_)
      return expected("a value");
    if (*p_ == '"')
      return skip_string();
    if (*p_ != '{' && *p_ != '[')
      return skip_scalar();
    std::uint64_t objects = 0; // One bit a level: object or array.
    int level = 0;
    for (; p_ != end_;) {
      switch (*p_) {
        case '"':
          if (!skip_string())
            return false;
          continue;
        case '{':
        case '[':
          if (level >= depth_left_)
            return fail("nested too deep");
          objects = objects << 1 | (*p_ == '{' ? 1 : 0);
          ++level;
          break;
        case '}':
        case ']':
          if (((objects & 1) != 0) != (*p_ == '}'))
            return fail("brackets do not match");
          objects >>= 1;
          if (--level == 0) {
            ++p_;
            return true;
          }
          break;
        default: break;
      }
      ++p_;
    }
    return fail("the text ends in an object or array");
  }

  // --- numbers

  /// Eight bytes as digits: how many of the first are digits, and their value. Source of the arithmetic: D. Lemire,
  /// "Quickly parsing eight digits", 2018; little-endian.
  static unsigned leading_digits(std::uint64_t word, std::uint64_t& v) {
    const auto not_digit = ((word ^ 0x3030303030303030U) | ((word ^ 0x3030303030303030U) + 0x0606060606060606U)) & 0xf0f0f0f0f0f0f0f0U;
    const auto count = static_cast<unsigned>(not_digit == 0 ? 8 : std::countr_zero(not_digit) / 8);
    if (count == 0)
      return 0;
    word <<= 64 - 8 * count; // In front stand bytes of zero, and as digits they count nothing.
    word = (word & 0x0f0f0f0f0f0f0f0fU) * 2561 >> 8;
    word = (word & 0x00ff00ff00ff00ffU) * 6553601 >> 16;
    v = (word & 0x0000ffff0000ffffU) * 42949672960001U >> 32;
    return count;
  }

  /// Digits at the cursor as a magnitude; the sign was taken. `start` is the number's start, for errors.
  bool magnitude(const char* start, std::uint64_t& v) {
    const char* first = p_;
    const char* p = p_;
    v = 0;
    bool overflow = false;
    if constexpr (std::endian::native == std::endian::little) {
      if (end_ - p >= 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, p, 8);
        p += leading_digits(word, v);
      }
    }
    if (p == first || p - first == 8)
      for (; p != end_; ++p) {
        const auto d = static_cast<unsigned>(static_cast<unsigned char>(*p)) - '0';
        if (d > 9)
          break;
        if (p - first >= 19) // Up to here no 64 bits can overflow.
          overflow = overflow || v > (std::numeric_limits<std::uint64_t>::max() - d) / 10;
        v = v * 10 + d;
      }
    p_ = p;
    const auto count = p - first;
    if (count == 0) {
      p_ = start;
      return start != end_ && *start == '-' ? fail("expected digits behind '-'") : expected("integer");
    }
    if (count > 1 && *first == '0')
      return fail_at(start, "a number must not start with 0");
    if (p_ != end_ && (*p_ == '.' || *p_ == 'e' || *p_ == 'E'))
      return fail_at(start, "expected integer, found a number with a fraction or exponent");
    if (overflow)
      return fail_at(start, "integer out of range");
    return true;
  }

  template <class Target>
  bool store_signed(const char* start, bool negative, std::uint64_t v, void* out) {
    const auto limit = static_cast<std::uint64_t>(std::numeric_limits<Target>::max()) + (negative ? 1 : 0);
    if (v > limit)
      return fail_at(start, "integer out of range");
    const auto result = static_cast<Target>(negative ? ~v + 1 : v);
    std::memcpy(out, &result, sizeof result);
    return true;
  }

  template <class Target>
  bool store_unsigned(const char* start, std::uint64_t v, void* out) {
    if (v > std::numeric_limits<Target>::max())
      return fail_at(start, "integer out of range");
    const auto result = static_cast<Target>(v);
    std::memcpy(out, &result, sizeof result);
    return true;
  }

  bool signed_integer(int size, void* out) {
    const char* start = p_;
    std::uint64_t v = 0;
    const bool negative = take('-');
    if (!magnitude(start, v))
      return false;
    switch (size) {
      case 1: return store_signed<std::int8_t>(start, negative, v, out);
      case 2: return store_signed<std::int16_t>(start, negative, v, out);
      case 4: return store_signed<std::int32_t>(start, negative, v, out);
      default: return store_signed<std::int64_t>(start, negative, v, out);
    }
  }

  bool unsigned_integer(int size, void* out) {
    const char* start = p_;
    std::uint64_t v = 0;
    const bool negative = take('-');
    if (!magnitude(start, v))
      return false;
    if (negative && v != 0)
      return fail_at(start, "integer out of range");
    switch (size) {
      case 1: return store_unsigned<std::uint8_t>(start, v, out);
      case 2: return store_unsigned<std::uint16_t>(start, v, out);
      case 4: return store_unsigned<std::uint32_t>(start, v, out);
      default: return store_unsigned<std::uint64_t>(start, v, out);
    }
  }

  bool digits() {
    const char* first = p_;
    while (p_ != end_ && *p_ >= '0' && *p_ <= '9')
      ++p_;
    return p_ != first;
  }

  /// A number of JSON's grammar at the cursor.
  bool number(std::string_view& out) {
    const char* start = p_;
    take('-');
    const char* first = p_;
    if (!digits()) {
      p_ = start;
      return expected("number");
    }
    if (p_ - first > 1 && *first == '0')
      return fail_at(start, "a number must not start with 0");
    if (take('.') && !digits())
      return fail("expected digits behind the point");
    if (p_ != end_ && (*p_ == 'e' || *p_ == 'E')) {
      ++p_;
      if (!take('+'))
        take('-');
      if (!digits())
        return fail("expected digits in the exponent");
    }
    out = std::string_view(start, static_cast<std::size_t>(p_ - start));
    return true;
  }

  template <class Real>
  bool real(void* out) {
    std::string_view s;
    const char* start = p_;
    if (!number(s))
      return false;
    Real v = 0;
    const auto r = std::from_chars(s.data(), s.data() + s.size(), v);
    if (r.ec == std::errc::result_out_of_range) {
      // Too small to be told from zero, or too large: only the exponent's sign or a leading "0." can make it small.
      const bool small = s.find("e-") != s.npos || s.find("E-") != s.npos || s.starts_with("0.") || s.starts_with("-0.");
      if (!small)
        return fail_at(start, "number out of range");
      v = s[0] == '-' ? -Real{0} : Real{0};
    }
    std::memcpy(out, &v, sizeof v);
    return true;
  }

  bool exact(decimal& out) {
    std::string_view s, scratch_view;
    const char* start = p_;
    std::string scratch;
    if (at('"') ? !text(s, scratch) : !number(s))
      return false;
    auto d = parse_decimal(s);
    if (!d)
      return fail_at(start, d.err().code == errc::out_of_range ? d.err().message : "expected a decimal number");
    out = d.value();
    return true;
  }

  // --- other scalars

  bool boolean(void* out) {
    if (literal("true"))
      *static_cast<bool*>(out) = true;
    else if (literal("false"))
      *static_cast<bool*>(out) = false;
    else
      return expected("boolean");
    return true;
  }

  bool time(timestamp& out) {
    std::string_view s;
    std::string scratch;
    const char* start = p_;
    if (!text(s, scratch))
      return false;
    return read_timestamp(s, out) || fail_at(start, "expected a time stamp like \"2026-01-01T00:00:00Z\"");
  }

  bool bytes(blob& out) {
    std::string_view s;
    std::string scratch;
    const char* start = p_;
    if (!text(s, scratch))
      return false;
    return decode_base64(s, out.data) || fail_at(start, "expected base64");
  }

  bool enumeration(const json_type& type, void* out) {
    std::string_view s;
    std::string scratch;
    const char* start = p_;
    if (!text(s, scratch))
      return false;
    for (std::size_t i = 0; i < type.count; ++i)
      if (type.enumerators[i].name == s) {
        const auto v = static_cast<std::uint64_t>(type.enumerators[i].number);
        switch (type.size) {
          case 1: return put(static_cast<std::uint8_t>(v), out);
          case 2: return put(static_cast<std::uint16_t>(v), out);
          case 4: return put(static_cast<std::uint32_t>(v), out);
          default: return put(v, out);
        }
      }
    return fail_at(start, "unknown name '" + std::string(s.substr(0, 40)) + "'");
  }

  template <class T>
  static bool put(T v, void* out) {
    std::memcpy(out, &v, sizeof v);
    return true;
  }

  // --- composites

  /// Index of the field called `name`; count if there is none.
  static std::size_t find_field(const json_type& type, std::string_view name) {
    for (std::size_t i = 0; i < type.count; ++i)
      if (type.fields[i].name == name)
        return i;
    return type.count;
  }

  /// The key at the cursor: takes it and gives the index of its field, looking first at the one next in order.
  bool key(const json_type& type, std::size_t next, std::size_t& index) {
#if defined(__SSE2__)
    if (end_ - p_ > 16 && *p_ == '"') {
      const auto here = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p_ + 1));
      auto is = [&here](const json_field& f) {
        const auto same = _mm_cmpeq_epi8(here, _mm_loadu_si128(reinterpret_cast<const __m128i*>(f.head.data())));
        const auto wanted = (1U << f.head_size) - 1;
        return f.head_size != 0 && (static_cast<unsigned>(_mm_movemask_epi8(same)) & wanted) == wanted;
      };
      if (next < type.count && is(type.fields[next])) {
        index = next;
        p_ += 1 + type.fields[next].head_size;
        return true;
      }
      const auto quote = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(here, _mm_set1_epi8('"'))));
      const auto slash = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(here, _mm_set1_epi8('\\'))));
      const auto size = static_cast<std::size_t>(std::countr_zero(quote | 1U << 16));
      if (size < 16 && (slash & ((1U << size) - 1)) == 0) { // A short key without escapes.
        for (index = 0; index < type.count && !is(type.fields[index]);)
          ++index;
        p_ += size + 2;
        return true;
      }
    }
#endif
    std::string_view name;
    std::string scratch;
    if (!text(name, scratch))
      return false;
    index = find_field(type, name);
    return true;
  }

  /// After the last member: every required field was seen.
  bool complete(const json_type& type, const field_set& seen, const char* start) {
    for (std::size_t word = 0; word * 64 < type.count; ++word)
      if (const auto missing = type.required[word] & ~seen[word]; missing != 0) {
        fail_at(start, "missing in this object");
        return in_field(type.fields[word * 64 + static_cast<std::size_t>(std::countr_zero(missing))].name);
      }
    return true;
  }

  bool member(const json_type& type, void* object, field_set& seen, std::size_t& next) {
    const char* key_at = p_;
    std::size_t i = 0;
    if (!key(type, next, i))
      return false;
    blanks();
    if (!take(':'))
      return expected("':'");
    blanks();
    if (i == type.count)
      return skip();
    const auto& field = type.fields[i];
    const auto bit = std::uint64_t{1} << (i % 64);
    if ((seen[i / 64] & bit) != 0) {
      fail_at(key_at, "the field is there twice");
      return in_field(field.name);
    }
    seen[i / 64] |= bit;
    next = i + 1;
    return value(*field.type, field.at(object)) || in_field(field.name);
  }

  bool structure(const json_type& type, void* object) {
    const char* start = p_;
    if (!take('{'))
      return expected("object");
    if (!enter())
      return false;
    field_set seen{};
    std::size_t next = 0;
    blanks();
    if (!take('}'))
      for (;;) {
        if (!member(type, object, seen, next))
          return false;
        blanks();
        if (take('}'))
          break;
        if (!take(','))
          return expected("',' or '}'");
        blanks();
      }
    leave();
    return complete(type, seen, start);
  }

  bool map(const json_type& type, void* out) {
    if (!take('{'))
      return expected("object");
    if (!enter())
      return false;
    type.container->clear(out);
    blanks();
    if (!take('}'))
      for (;;) {
        std::string name_of;
        const char* key_at = p_;
        if (!string(name_of))
          return false;
        const auto name = name_of.substr(0, 40);
        blanks();
        if (!take(':'))
          return expected("':'");
        blanks();
        void* slot = type.container->insert(out, std::move(name_of));
        if (slot == nullptr) {
          fail_at(key_at, "the key is there twice");
          return in_field(name);
        }
        if (!value(*type.element, slot))
          return in_field(name);
        blanks();
        if (take('}'))
          break;
        if (!take(','))
          return expected("',' or '}'");
        blanks();
      }
    leave();
    return true;
  }

  bool vector(const json_type& type, void* out) {
    if (!take('['))
      return expected("array");
    if (!enter())
      return false;
    type.container->clear(out);
    blanks();
    if (!take(']'))
      for (std::size_t i = 0;; ++i) {
        if (!value(*type.element, type.container->append(out)))
          return in_element(i);
        blanks();
        if (take(']'))
          break;
        if (!take(','))
          return expected("',' or ']'");
        blanks();
      }
    leave();
    return true;
  }

  bool tuple(const json_type& type, void* out) {
    if (!take('['))
      return expected("array");
    if (!enter())
      return false;
    for (std::size_t i = 0; i < type.count; ++i) {
      blanks();
      if (i > 0) {
        if (!take(','))
          return expected("','");
        blanks();
      }
      if (!value(*type.fields[i].type, type.fields[i].at(out)))
        return in_element(i);
    }
    blanks();
    if (!take(']'))
      return expected("']'");
    leave();
    return true;
  }

  bool value(const json_type& type, void* out) {
    switch (type.kind) {
      case json_kind::boolean: return boolean(out);
      case json_kind::signed_integer: return signed_integer(type.size, out);
      case json_kind::unsigned_integer: return unsigned_integer(type.size, out);
      case json_kind::float32: return real<float>(out);
      case json_kind::float64: return real<double>(out);
      case json_kind::string: return string(*static_cast<std::string*>(out));
      case json_kind::bytes: return bytes(*static_cast<blob*>(out));
      case json_kind::time: return time(*static_cast<timestamp*>(out));
      case json_kind::decimal: return exact(*static_cast<decimal*>(out));
      case json_kind::enumeration: return enumeration(type, out);
      case json_kind::structure: return structure(type, out);
      case json_kind::vector: return vector(type, out);
      case json_kind::map: return map(type, out);
      case json_kind::tuple: return tuple(type, out);
      case json_kind::optional: break;
    }
    if (literal("null")) {
      type.container->clear(out);
      return true;
    }
    return value(*type.element, type.container->append(out));
  }

  const char* begin_;
  const char* p_;
  const char* end_;
  int depth_left_;
  json_failure& failure_;
};

} // namespace
} // namespace weir::detail
