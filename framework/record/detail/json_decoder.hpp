#pragma once
// The JSON decoder: one pass, bytes to struct, led by the type's table. Compiled once for the baseline and once for AVX2
// (json_decoder_*.cpp), hence the anonymous namespace.
//
// Why not simdjson: it indexes the whole text before the first field and wants a padded copy. Records are small and are
// decoded where librdkafka holds them; benchmarks/decode_bench compares both.
#include <weir/record/detail/base64.hpp>
#include <weir/record/detail/json_numbers.hpp>
#include <weir/record/json_type.hpp>
#include <weir/record/time_text.hpp>

namespace weir::detail {
namespace {

/// Reads one document.
class json_decoder : json_numbers {
 public:
  json_decoder(std::string_view text, int max_depth, json_failure& failure) : json_numbers(text, max_depth, failure) {}

  bool document(const json_type& type, void* out) {
    blanks();
    if (!value(type, out))
      return false;
    blanks();
    return p_ == end_ || fail("expected the end of the text, found " + found());
  }

 private:
  // --- scalars

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
          case 1:
            return put(static_cast<std::uint8_t>(v), out);
          case 2:
            return put(static_cast<std::uint16_t>(v), out);
          case 4:
            return put(static_cast<std::uint32_t>(v), out);
          default:
            return put(v, out);
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
      case json_kind::boolean:
        return boolean(out);
      case json_kind::signed_integer:
        return signed_integer(type.size, out);
      case json_kind::unsigned_integer:
        return unsigned_integer(type.size, out);
      case json_kind::float32:
        return real<float>(out);
      case json_kind::float64:
        return real<double>(out);
      case json_kind::string:
        return string(*static_cast<std::string*>(out));
      case json_kind::bytes:
        return bytes(*static_cast<blob*>(out));
      case json_kind::time:
        return time(*static_cast<timestamp*>(out));
      case json_kind::decimal:
        return exact(*static_cast<decimal*>(out));
      case json_kind::enumeration:
        return enumeration(type, out);
      case json_kind::structure:
        return structure(type, out);
      case json_kind::vector:
        return vector(type, out);
      case json_kind::map:
        return map(type, out);
      case json_kind::tuple:
        return tuple(type, out);
      case json_kind::optional:
        break;
    }
    if (literal("null")) {
      type.container->clear(out);
      return true;
    }
    return value(*type.element, type.container->append(out));
  }
};

} // namespace
} // namespace weir::detail
