#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <weir/record/detail/base64.hpp>
#include <weir/record/detail/json_failure.hpp>
#include <weir/record/detail/json_scan.hpp>
#include <weir/record/json.hpp>
#include <weir/record/time_text.hpp>

namespace weir::detail {
namespace {

json_decode_fn choose_decoder() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("bmi") != 0)
    return decode_json_avx2;
#endif
  return decode_json_baseline;
}

json_decode_fn decoder() {
  static const json_decode_fn chosen = choose_decoder();
  return chosen;
}

std::int64_t read_integer(const void* p, int size, bool is_signed) {
  auto as = [&]<class T>(T) {
    T v;
    std::memcpy(&v, p, sizeof v);
    return static_cast<std::int64_t>(v);
  };
  switch (size) {
    case 1:
      return is_signed ? as(std::int8_t{}) : as(std::uint8_t{});
    case 2:
      return is_signed ? as(std::int16_t{}) : as(std::uint16_t{});
    case 4:
      return is_signed ? as(std::int32_t{}) : as(std::uint32_t{});
    default:
      return as(std::int64_t{});
  }
}

template <class T>
void append_number(T v, std::string& out) {
  char buffer[40];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, v).ptr;
  out.append(buffer, end);
}

void append_escape(unsigned char c, std::string& out) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  constexpr const char* hex = "0123456789abcdef";
  out += "\\u00";
  out += hex[c >> 4];
  out += hex[c & 15];
}

/// Writes one value; the path is built on the way out of an error, as in the decoder.
class json_encoder {
 public:
  explicit json_encoder(std::string& out) : out_(out) {}

  bool value(const void* p, const json_type& type) {
    switch (type.kind) {
      case json_kind::boolean:
        out_ += *static_cast<const bool*>(p) ? "true" : "false";
        return true;
      case json_kind::signed_integer:
        append_number(read_integer(p, type.size, true), out_);
        return true;
      case json_kind::unsigned_integer:
        append_number(static_cast<std::uint64_t>(read_integer(p, type.size, false)), out_);
        return true;
      case json_kind::float32:
        return real(*static_cast<const float*>(p));
      case json_kind::float64:
        return real(*static_cast<const double*>(p));
      case json_kind::string:
        return string(*static_cast<const std::string*>(p));
      case json_kind::bytes:
        out_ += '"';
        encode_base64(static_cast<const blob*>(p)->data, out_);
        out_ += '"';
        return true;
      case json_kind::time:
        return time(*static_cast<const timestamp*>(p));
      case json_kind::decimal:
        format_decimal(*static_cast<const decimal*>(p), out_);
        return true;
      case json_kind::enumeration:
        return enumeration(p, type);
      case json_kind::structure:
        return structure(p, type);
      case json_kind::optional:
        return optional(p, type);
      case json_kind::vector:
        return elements(p, type, '[', ']');
      case json_kind::map:
        return elements(p, type, '{', '}');
      case json_kind::tuple:
        return tuple(p, type);
    }
    return fail("no JSON form");
  }

  [[nodiscard]] std::string message() const { return path_.empty() ? what_ : path_ + ": " + what_; }

 private:
  bool fail(const char* what) {
    what_ = what;
    return false;
  }
  bool in(const std::string& part) {
    path_.insert(0, path_.empty() || path_[0] == '[' ? part : part + ".");
    return false;
  }

  template <class Real>
  bool real(Real v) {
    if (!std::isfinite(v))
      return fail("NaN and infinity have no JSON form");
    append_number(v, out_);
    return true;
  }

  bool string(std::string_view s) {
    const char* p = s.data();
    const char* end = p + s.size();
    bool high = false;
    out_ += '"';
    while (p != end) {
      const char* special = scan_string<true>(s.data(), p, end, high);
      out_.append(p, special);
      p = special;
      if (p != end)
        append_escape(static_cast<unsigned char>(*p++), out_);
    }
    out_ += '"';
    return !high || is_utf8(s.data(), end) || fail("the string is not UTF-8");
  }

  bool time(timestamp t) {
    if (!has_rfc3339_form(t))
      return fail("the time is outside the years 0000 to 9999");
    out_ += '"';
    format_timestamp(t, out_);
    out_ += '"';
    return true;
  }

  bool enumeration(const void* p, const json_type& type) {
    const auto v = read_integer(p, type.size, type.is_signed);
    for (std::size_t i = 0; i < type.count; ++i)
      if (type.enumerators[i].number == v) {
        out_ += '"';
        out_ += type.enumerators[i].name;
        out_ += '"';
        return true;
      }
    return fail("the enum has no name for this number");
  }

  bool optional(const void* p, const json_type& type) {
    if (type.container->size(p) == 0) {
      out_ += "null";
      return true;
    }
    auto each = [this, &type](const std::string*, const void* v) { return value(v, *type.element); };
    return visit(p, type, each);
  }

  bool structure(const void* p, const json_type& type) {
    char separator = '{';
    for (std::size_t i = 0; i < type.count; ++i) {
      const auto& field = type.fields[i];
      const void* v = field.at(const_cast<void*>(p)); // Only the address is taken.
      if (type.omit_null && field.type->kind == json_kind::optional && field.type->container->size(v) == 0)
        continue;
      out_ += separator;
      separator = ',';
      out_ += '"';
      out_ += field.name;
      out_ += "\":";
      if (!value(v, *field.type))
        return in(std::string(field.name));
    }
    if (separator == '{')
      out_ += '{';
    out_ += '}';
    return true;
  }

  bool tuple(const void* p, const json_type& type) {
    for (std::size_t i = 0; i < type.count; ++i) {
      out_ += i == 0 ? '[' : ',';
      if (!value(type.fields[i].at(const_cast<void*>(p)), *type.fields[i].type))
        return in("[" + std::to_string(i) + "]");
    }
    out_ += ']';
    return true;
  }

  bool elements(const void* p, const json_type& type, char open, char close) {
    std::size_t i = 0;
    out_ += open;
    auto each = [&](const std::string* key, const void* v) {
      if (i++ != 0)
        out_ += ',';
      if (key != nullptr) {
        if (!string(*key))
          return false;
        out_ += ':';
      }
      return value(v, *type.element) || in(key != nullptr ? *key : "[" + std::to_string(i - 1) + "]");
    };
    if (!visit(p, type, each))
      return false;
    out_ += close;
    return true;
  }

  template <class Each>
  static bool visit(const void* p, const json_type& type, Each& each) {
    return type.container->visit(
        p, &each, [](void* context, const std::string* key, const void* v) { return (*static_cast<Each*>(context))(key, v); });
  }

  std::string& out_;
  std::string what_;
  std::string path_;
};

} // namespace

std::string describe_json_at(const char* p, const char* end) {
  if (p == end)
    return "end of text";
  switch (*p) {
    case '"':
      return "string";
    case '{':
      return "object";
    case '[':
      return "array";
    case 't':
    case 'f':
      return "boolean";
    case 'n':
      return "null";
    case '-':
      return "number";
    default:
      break;
  }
  const auto c = static_cast<unsigned char>(*p);
  if (c >= '0' && c <= '9')
    return "number";
  if (c > 0x20 && c < 0x7f)
    return std::string{'\'', *p, '\''};
  constexpr const char* hex = "0123456789abcdef";
  return std::string("byte 0x") + hex[c >> 4] + hex[c & 15];
}

result<> decode_json_into(std::string_view text, const json_type& type, void* value, const json_limits& limits) {
  if (text.size() > limits.max_bytes)
    return {errc::too_large,
            "JSON of " + std::to_string(text.size()) + " bytes: the limit is " + std::to_string(limits.max_bytes)};
  constexpr int most = 64; // Skipping keeps one bit a level.
  json_failure failure;
  if (decoder()(text.data(), text.size(), type, value, std::clamp(limits.max_depth, 0, most), failure))
    return success();
  return {errc::decode_failed,
          (failure.path.empty() ? "JSON" : failure.path) + " at byte " + std::to_string(failure.offset) + ": " + failure.what};
}

result<> encode_json_from(const void* value, const json_type& type, std::string& out) {
  const auto before = out.size();
  json_encoder encoder(out);
  if (encoder.value(value, type))
    return success();
  out.resize(before);
  return {errc::invalid_argument, encoder.message()};
}

const char* json_variant() { return decoder() == decode_json_baseline ? "baseline" : "avx2"; }

} // namespace weir::detail
