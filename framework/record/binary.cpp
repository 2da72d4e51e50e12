#include <weir/record/binary.hpp>

namespace weir {

namespace detail {
namespace {

void encode_optional_text(const std::optional<std::string>& v, byte_writer& out) {
  out.u8(v ? 1 : 0);
  if (v)
    out.string(*v);
}

bool decode_optional_text(byte_reader& in, std::optional<std::string>& v) {
  auto flag = in.u8();
  if (flag > 1)
    in.fail();
  if (flag == 1)
    v.emplace(in.string());
  else
    v.reset();
  return in.ok();
}

} // namespace

void encode_raw_record(const raw_record& r, byte_writer& out) {
  encode_optional_text(r.key, out);
  encode_optional_text(r.value, out);
  out.string(pack_headers(r.headers));
  out.i64(r.time.us);
}

bool decode_raw_record(byte_reader& in, raw_record& r) {
  if (!decode_optional_text(in, r.key) || !decode_optional_text(in, r.value))
    return false;
  if (!unpack_headers(in.string(), r.headers))
    in.fail();
  r.time.us = in.i64();
  return in.ok();
}

void encode_decimal(const decimal& d, byte_writer& out) {
  __extension__ using bits = unsigned __int128;
  auto u = static_cast<bits>(d.unscaled);
  out.u8(d.scale);
  out.u64(static_cast<std::uint64_t>(u));
  out.u64(static_cast<std::uint64_t>(u >> 64));
}

bool decode_decimal(byte_reader& in, decimal& d) {
  __extension__ using bits = unsigned __int128;
  d.scale = in.u8();
  bits low = in.u64();
  bits high = in.u64();
  d.unscaled = static_cast<int128>(low | (high << 64));
  if (d.scale > decimal::max_digits)
    in.fail();
  return in.ok();
}

} // namespace detail

namespace {

/// Index behind the schema term that starts at `i`: up to a `,`, `>` or `}` on its own level.
std::size_t term_end(std::string_view s, std::size_t i) {
  int depth = 0;
  for (; i < s.size(); ++i) {
    char c = s[i];
    if (c == '<' || c == '{')
      ++depth;
    else if (c == '>' || c == '}') {
      if (depth == 0)
        break;
      --depth;
    } else if (c == ',' && depth == 0) {
      break;
    }
  }
  return i;
}

/// A new field may be absent from what is stored: it is an optional, or its name ends in `?`.
bool may_be_absent(std::string_view field) {
  auto colon = field.find(':');
  return colon != std::string_view::npos &&
         (field.substr(colon + 1).starts_with("optional<") || (colon > 0 && field[colon - 1] == '?'));
}

/// The name without its mark: gaining or losing a default does not change what is written.
std::string_view bare_name(std::string_view field) {
  auto name = field.substr(0, field.find(':'));
  if (name.ends_with('?'))
    name.remove_suffix(1);
  return name;
}

bool accepts_term(std::string_view current, std::string_view stored);

bool accepts_list(std::string_view current, std::string_view stored, bool fields) {
  std::size_t i = 0, j = 0;
  while (i < current.size()) {
    auto iend = term_end(current, i);
    auto now = current.substr(i, iend - i);
    if (j < stored.size()) {
      auto jend = term_end(stored, j);
      auto then = stored.substr(j, jend - j);
      if (fields) {
        if (bare_name(now) != bare_name(then) || !accepts_term(now.substr(now.find(':') + 1), then.substr(then.find(':') + 1)))
          return false;
      } else if (!accepts_term(now, then)) {
        return false;
      }
      j = jend + 1;
    } else if (!fields || !may_be_absent(now)) {
      return false;
    }
    i = iend + 1;
  }
  return j >= stored.size();
}

bool accepts_term(std::string_view current, std::string_view stored) {
  if (current == stored)
    return true;
  for (auto [open, close] : {std::pair{'{', '}'}, std::pair{'<', '>'}}) {
    auto a = current.find(open), b = stored.find(open);
    if (a == b && a != std::string_view::npos && current.substr(0, a) == stored.substr(0, b) && current.ends_with(close) &&
        stored.ends_with(close))
      return accepts_list(current.substr(a + 1, current.size() - a - 2), stored.substr(b + 1, stored.size() - b - 2),
                          open == '{');
  }
  return false;
}

} // namespace

bool schema_accepts(std::string_view current, std::string_view stored) { return accepts_term(current, stored); }

} // namespace weir
