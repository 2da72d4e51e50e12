#include <fmt/format.h>
#include <chrono>
#include <weir/core/log_line.hpp>

namespace weir {
namespace {

// Length of the well-formed UTF-8 sequence at the start of `s` (RFC 3629: no overlong forms, no surrogates), 0 if none.
std::size_t utf8_length(std::string_view s) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  auto tail = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return i < s.size() && byte(i) >= low && byte(i) <= high;
  };
  unsigned lead = byte(0);
  if (lead < 0x80)
    return 1;
  if (lead >= 0xC2 && lead <= 0xDF)
    return tail(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF)
    return tail(1, lead == 0xE0 ? 0xA0 : 0x80, lead == 0xED ? 0x9F : 0xBF) && tail(2) ? 3 : 0;
  if (lead >= 0xF0 && lead <= 0xF4)
    return tail(1, lead == 0xF0 ? 0x90 : 0x80, lead == 0xF4 ? 0x8F : 0xBF) && tail(2) && tail(3) ? 4 : 0;
  return 0;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

void append_escaped(std::string& out, std::string_view text, bool quotes) {
  for (std::size_t i = 0; i < text.size();) {
    char c = text[i];
    if (quotes && (c == '"' || c == '\\')) {
      out += '\\';
      out += c;
      ++i;
    } else if (c == '\n') {
      out += "\\n";
      ++i;
    } else if (is_control(c)) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
      ++i;
    } else if (auto n = utf8_length(text.substr(i)); n > 0) {
      out.append(text, i, n);
      i += n;
    } else {
      out += "\xEF\xBF\xBD";
      ++i;
    }
  }
}

void append_word(std::string& out, std::string_view text) {
  bool plain = !text.empty();
  for (char c : text)
    plain = plain && !is_control(c) && c != ' ' && c != '"' && c != '=';
  if (plain)
    append_escaped(out, text, false);
  else
    append_json_string(out, text);
}

} // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  append_escaped(out, text, true);
  out += '"';
}

std::string_view to_string(log_level level) {
  switch (level) {
    case log_level::trace:
      return "trace";
    case log_level::debug:
      return "debug";
    case log_level::info:
      return "info";
    case log_level::warning:
      return "warning";
    case log_level::error:
      return "error";
    case log_level::off:
      return "off";
  }
  return "unknown";
}

std::string log_time(timestamp at) {
  std::chrono::sys_time<std::chrono::milliseconds> t{std::chrono::milliseconds(at.ms())};
  auto day = std::chrono::floor<std::chrono::days>(t);
  std::chrono::year_month_day date{day};
  std::chrono::hh_mm_ss time{t - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), time.hours().count(),
                     time.minutes().count(), time.seconds().count(), time.subseconds().count());
}

std::string to_text(const log_line& line) {
  auto out = log_time(line.at);
  out += ' ';
  out += to_string(line.level);
  out += ' ';
  append_word(out, line.service);
  out += ' ';
  append_word(out, line.op);
  out += ' ';
  out += line.subtask < 0 ? "-" : std::to_string(line.subtask);
  out += ' ';
  append_escaped(out, line.message, false);
  for (const auto& field : line.fields) {
    out += ' ';
    append_word(out, field.key);
    out += '=';
    append_word(out, field.value);
  }
  return out;
}

std::string to_json(const log_line& line) {
  std::string out = "{\"time\":\"" + log_time(line.at) + "\",\"level\":\"";
  out += to_string(line.level);
  out += "\",\"service\":";
  append_json_string(out, line.service);
  out += ",\"operator\":";
  append_json_string(out, line.op);
  out += ",\"subtask\":";
  out += line.subtask < 0 ? "null" : std::to_string(line.subtask);
  out += ",\"message\":";
  append_json_string(out, line.message);
  out += ",\"fields\":{";
  bool first = true;
  for (const auto& field : line.fields) {
    if (!first)
      out += ',';
    first = false;
    append_json_string(out, field.key);
    out += ':';
    append_json_string(out, field.value);
  }
  return out + "}}";
}

} // namespace weir
