#include <charconv>
#include <weir/config/catalog.hpp>
#include <weir/config/substitution.hpp>
#include <weir/config/value_reader.hpp>
#include <weir/core/suggest.hpp>
#include <weir/record/time_text.hpp>

namespace weir {
namespace {

namespace json = boost::json;

std::string kind_of(const json::value& v) {
  switch (v.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return "a boolean";
    case json::kind::int64:
    case json::kind::uint64:
    case json::kind::double_:
      return "a number";
    case json::kind::string:
      return "a string";
    case json::kind::array:
      return "an array";
    case json::kind::object:
      return "an object";
  }
  return "something else";
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t n = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (ec != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return n;
}

template <class Strings>
std::string listed(const Strings& words) {
  std::string out;
  for (const auto& w : words)
    out += (out.empty() ? "" : ", ") + std::string(w);
  return out;
}

} // namespace

std::string format_amount(setting_type type, std::int64_t n) {
  if (type == setting_type::time_span)
    return format_duration(duration{n});
  if (type == setting_type::bytes)
    return format_byte_size({static_cast<std::uint64_t>(n)});
  return std::to_string(n);
}

bool is_name(std::string_view text) {
  for (char c : text)
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'))
      return false;
  // "." and ".." would be folders of the store.
  return !text.empty() && text.size() <= 64 && text.find_first_not_of('.') != std::string_view::npos;
}

void value_reader::problem(const std::string& pointer, std::string message) {
  auto at = position_of(doc_, pointer);
  problems_.push_back({pointer, std::move(message), at.line, at.column});
}

void value_reader::unknown_key(const std::string& pointer, std::string_view key, const std::vector<std::string_view>& known) {
  auto guess = did_you_mean(key, known);
  problem(pointer, "there is no setting '" + std::string(key) + "' here" + (guess.empty() ? "; known: " + listed(known) : guess));
}

std::optional<value_reader::read_text> value_reader::resolve(const json::value& v, const std::string& pointer, bool secret,
                                                             const char* wanted) {
  if (!v.is_string()) {
    problem(pointer, std::string("must be ") + wanted + ", not " + kind_of(v));
    return std::nullopt;
  }
  std::string written(v.get_string());
  if (doc_.verbatim.count(pointer) != 0)
    return read_text{"the environment's value", written, true, true};
  auto done = substitute(written, environment_, secret);
  if (!done) {
    // A malformed secret may hold the secret itself.
    problem(pointer, secret && written.find("${") == std::string::npos ? "is not readable" : done.err().message);
    return std::nullopt;
  }
  if (secret && done->literal) {
    problem(pointer, "is a secret: write ${env:NAME} or ${file:/path}, nothing before or behind it and no default");
    return std::nullopt;
  }
  return read_text{std::move(written), std::move(done->text), done->any || doc_.loose.count(pointer) != 0, done->any};
}

std::optional<std::string> value_reader::text(const json::value& v, const std::string& pointer, bool secret) {
  auto t = resolve(v, pointer, secret, "a string");
  if (!t)
    return std::nullopt;
  if (t->meant.empty()) {
    problem(pointer, "must not be empty");
    return std::nullopt;
  }
  if (t->meant.find('\0') != std::string::npos) {
    problem(pointer, "must not hold a zero byte");
    return std::nullopt;
  }
  return std::move(t->meant);
}

std::optional<setting_value> value_reader::bounded(std::int64_t n, const std::string& pointer, const setting& s) {
  if (n >= s.min && n <= s.max)
    return n;
  if (s.min == s.max)
    problem(pointer, "must be " + format_amount(s.type, s.min));
  else if (s.max == std::numeric_limits<std::int64_t>::max())
    problem(pointer, "must be at least " + format_amount(s.type, s.min));
  else
    problem(pointer, "must be from " + format_amount(s.type, s.min) + " to " + format_amount(s.type, s.max));
  return std::nullopt;
}

std::optional<setting_value> value_reader::integer(const json::value& v, const std::string& pointer, const setting& s) {
  if (v.is_int64())
    return bounded(v.get_int64(), pointer, s);
  if (v.is_uint64())
    return bounded(std::numeric_limits<std::int64_t>::max(), pointer, s);
  std::optional<std::int64_t> n;
  if (v.is_string()) {
    auto t = resolve(v, pointer, false, "a whole number");
    if (!t)
      return std::nullopt;
    if (t->loose)
      n = whole_number(t->meant);
    if (!n)
      problem(pointer, "must be a whole number, not '" + t->written + "'");
  } else {
    problem(pointer, "must be a whole number, not " + (v.is_double() ? std::string("a fraction") : kind_of(v)));
  }
  return n ? bounded(*n, pointer, s) : std::nullopt;
}

std::optional<setting_value> value_reader::boolean(const json::value& v, const std::string& pointer, const setting&) {
  if (v.is_bool())
    return v.get_bool();
  if (v.is_string()) {
    auto t = resolve(v, pointer, false, "true or false");
    if (!t)
      return std::nullopt;
    if (t->loose && (t->meant == "true" || t->meant == "false"))
      return t->meant == "true";
    problem(pointer, "must be true or false, not '" + t->written + "'");
    return std::nullopt;
  }
  problem(pointer, "must be true or false, not " + kind_of(v));
  return std::nullopt;
}

std::optional<setting_value> value_reader::quantity(const json::value& v, const std::string& pointer, const setting& s) {
  bool time = s.type == setting_type::time_span;
  auto t = resolve(v, pointer, false, time ? "a duration such as \"250ms\"" : "a size such as \"64MiB\"");
  if (!t)
    return std::nullopt;
  error cause;
  if (time) {
    auto d = parse_duration(t->meant);
    if (d)
      return bounded(d->count(), pointer, s);
    cause = d.err();
  } else {
    auto b = parse_byte_size(t->meant);
    if (b)
      return bounded(static_cast<std::int64_t>(b->bytes), pointer, s);
    cause = b.err();
  }
  // What was substituted is not shown: it may be a secret that was put in the wrong place.
  problem(pointer, !t->substituted
                       ? cause.message
                       : "'" + t->written + "' does not hold " + (time ? "a duration such as 250ms" : "a size such as 64MiB"));
  return std::nullopt;
}

std::optional<setting_value> value_reader::word(const json::value& v, const std::string& pointer, const setting& s) {
  auto t = resolve(v, pointer, false, "a string");
  if (!t)
    return std::nullopt;
  for (const auto& c : s.choices)
    if (c == t->meant)
      return t->meant;
  std::vector<std::string_view> known(s.choices.begin(), s.choices.end());
  problem(pointer, "'" + t->written + "' is none of " + listed(known) + (t->substituted ? "" : did_you_mean(t->meant, known)));
  return std::nullopt;
}

std::optional<setting_value> value_reader::topic(const json::value& v, const std::string& pointer) {
  static const std::vector<std::string_view> known{"connection", "topic"};
  const auto* object = v.if_object();
  if (object == nullptr) {
    problem(pointer, R"(must be {"connection": NAME, "topic": NAME}, not )" + kind_of(v));
    return std::nullopt;
  }
  topic_ref out;
  bool good = true;
  for (const auto& member : *object) {
    auto at = pointer + "/" + pointer_token(member.key());
    std::string_view key(member.key().data(), member.key().size());
    if (key != "connection" && key != "topic") {
      unknown_key(at, key, known);
      good = false;
      continue;
    }
    auto t = text(member.value(), at, false);
    good = good && t;
    if (t)
      (key == "topic" ? out.topic : out.connection) = std::move(*t);
  }
  for (auto key : known)
    if (!object->contains(json::string_view(key.data(), key.size()))) {
      problem(pointer, "'" + std::string(key) + "' is missing");
      good = false;
    }
  return good ? std::optional<setting_value>{out} : std::nullopt;
}

std::optional<setting_value> value_reader::start(const json::value& v, const std::string& pointer) {
  static constexpr const char* forms =
      R"(must be "earliest", "latest", "group", {"timestamp": TIME} or {"offsets": {PARTITION: OFFSET}})";
  if (v.is_string()) {
    auto t = resolve(v, pointer, false, "a string");
    if (!t)
      return std::nullopt;
    if (t->meant == "earliest")
      return start_position{start_earliest{}};
    if (t->meant == "latest")
      return start_position{start_latest{}};
    if (t->meant == "group")
      return start_position{start_group{}};
    static const std::vector<std::string_view> known{"earliest", "latest", "group"};
    problem(pointer, forms + (t->substituted ? std::string{} : did_you_mean(t->meant, known)));
    return std::nullopt;
  }
  const auto* object = v.if_object();
  if (object == nullptr || object->size() != 1) {
    problem(pointer, forms);
    return std::nullopt;
  }
  auto first = *object->begin();
  std::string_view form(first.key().data(), first.key().size());
  auto at = pointer + "/" + pointer_token(form);
  if (form == "timestamp") {
    auto t = resolve(first.value(), at, false, "a time such as \"2026-01-01T00:00:00Z\"");
    if (!t)
      return std::nullopt;
    auto when = parse_timestamp(t->meant);
    if (when)
      return start_position{start_timestamp{*when}};
    problem(at, t->substituted ? "'" + t->written + "' does not hold a time such as 2026-01-01T00:00:00Z"
                               : "'" + t->written + "' is not a time such as 2026-01-01T00:00:00Z");
    return std::nullopt;
  }
  const auto* offsets = form == "offsets" ? first.value().if_object() : nullptr;
  if (offsets == nullptr) {
    problem(pointer, forms);
    return std::nullopt;
  }
  start_offsets out;
  bool good = true;
  for (const auto& entry : *offsets) {
    auto partition = whole_number({entry.key().data(), entry.key().size()});
    auto here = at + "/" + pointer_token(entry.key());
    bool fits = partition && *partition >= 0 && *partition <= std::numeric_limits<std::int32_t>::max();
    if (!fits)
      problem(here, "the key must be the number of a partition");
    bool number = entry.value().is_int64() && entry.value().get_int64() >= 0;
    if (!number)
      problem(here, "must be an offset: a whole number from 0");
    good = good && fits && number;
    if (fits && number)
      out.by_partition[static_cast<std::int32_t>(*partition)] = entry.value().get_int64();
  }
  return good ? std::optional<setting_value>{start_position{out}} : std::nullopt;
}

std::optional<setting_value> value_reader::text_map(const json::value& v, const std::string& pointer) {
  const auto* object = v.if_object();
  if (object == nullptr) {
    problem(pointer, "must be an object of strings, not " + kind_of(v));
    return std::nullopt;
  }
  std::map<std::string, std::string> out;
  bool good = true;
  for (const auto& member : *object) {
    std::string key(member.key());
    auto at = pointer + "/" + pointer_token(key);
    auto t = text(member.value(), at, is_secret_property(key));
    good = good && t;
    if (t)
      out[key] = std::move(*t);
  }
  return good ? std::optional<setting_value>{std::move(out)} : std::nullopt;
}

std::optional<setting_value> value_reader::read(const json::value& v, const std::string& pointer, const setting& s) {
  switch (s.type) {
    case setting_type::integer:
      return integer(v, pointer, s);
    case setting_type::boolean:
      return boolean(v, pointer, s);
    case setting_type::time_span:
    case setting_type::bytes:
      return quantity(v, pointer, s);
    case setting_type::choice:
      return word(v, pointer, s);
    case setting_type::topic:
      return topic(v, pointer);
    case setting_type::start:
      return start(v, pointer);
    case setting_type::text_map:
      return text_map(v, pointer);
    case setting_type::text:
    case setting_type::name:
      break;
  }
  auto t = text(v, pointer, s.secret);
  if (!t)
    return std::nullopt;
  if (s.type == setting_type::name && !is_name(*t)) {
    problem(pointer, "must be 1 to 64 of A-Z a-z 0-9 . _ -");
    return std::nullopt;
  }
  return std::move(*t);
}

} // namespace weir
