#pragma once
// Tokens, strings and skipping of the JSON decoder. Anonymous namespace: see json_decoder.hpp.
#include <string>
#include <string_view>
#include <weir/record/detail/json_failure.hpp>
#include <weir/record/detail/json_scan.hpp>

namespace weir::detail {
namespace {

/// The text and the place in it. Every function returns false after `fail`; on the way out of an error each level adds its
/// name to the path.
class json_cursor {
 protected:
  json_cursor(std::string_view text, int max_depth, json_failure& failure)
      : begin_(text.data()), p_(text.data()), end_(text.data() + text.size()), depth_left_(max_depth), failure_(failure) {}

  // --- errors

  bool fail_at(const char* where, std::string what) {
    failure_.offset = static_cast<std::size_t>(where - begin_);
    failure_.what = std::move(what);
    return false;
  }
  bool fail(std::string what) { return fail_at(p_, std::move(what)); }
  [[gnu::cold, gnu::noinline]] bool expected(const char* what) {
    return fail("expected " + std::string(what) + ", found " + found());
  }
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
      case '"':
        out += '"';
        return true;
      case '\\':
        out += '\\';
        return true;
      case '/':
        out += '/';
        return true;
      case 'b':
        out += '\b';
        return true;
      case 'f':
        out += '\f';
        return true;
      case 'n':
        out += '\n';
        return true;
      case 'r':
        out += '\r';
        return true;
      case 't':
        out += '\t';
        return true;
      case 'u':
        break;
      default:
        return fail_at(start, "unknown escape in a string");
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
    while (p_ != end_ &&
           ((*p_ >= '0' && *p_ <= '9') || (*p_ >= 'a' && *p_ <= 'z') || *p_ == '-' || *p_ == '+' || *p_ == '.' || *p_ == 'E'))
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
        default:
          break;
      }
      ++p_;
    }
    return fail("the text ends in an object or array");
  }

  const char* begin_;
  const char* p_;
  const char* end_;
  int depth_left_;
  json_failure& failure_;
};

} // namespace
} // namespace weir::detail
