#include <weir/config/setting.hpp>
#include <weir/core/log_line.hpp>

namespace weir {

std::string fallback_text(setting_type type, const setting_value& value) {
  auto quoted = [](std::string_view text) {
    std::string out;
    append_json_string(out, text);
    return out;
  };
  switch (type) {
    case setting_type::text:
    case setting_type::name:
    case setting_type::choice: {
      const auto& text = std::get<std::string>(value);
      return text.empty() ? std::string{} : quoted(text);
    }
    case setting_type::integer:
      return std::to_string(std::get<std::int64_t>(value));
    case setting_type::boolean:
      return std::get<bool>(value) ? "true" : "false";
    case setting_type::time_span:
      return quoted(format_duration(duration{std::get<std::int64_t>(value)}));
    case setting_type::bytes:
      return quoted(format_byte_size({static_cast<std::uint64_t>(std::get<std::int64_t>(value))}));
    case setting_type::topic: {
      const auto* topic = std::get_if<topic_ref>(&value);
      if (topic == nullptr || topic->topic.empty())
        return {};
      return "{\"connection\": " + quoted(topic->connection) + ", \"topic\": " + quoted(topic->topic) + "}";
    }
    case setting_type::start: {
      const auto& start = std::get<start_position>(value);
      if (std::holds_alternative<start_earliest>(start))
        return "\"earliest\"";
      if (std::holds_alternative<start_latest>(start))
        return "\"latest\"";
      return std::holds_alternative<start_group>(start) ? "\"group\"" : "";
    }
    case setting_type::text_map:
      return {};
  }
  return {};
}

} // namespace weir
