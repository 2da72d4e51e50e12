#include <boost/json.hpp>
#include <weir/config/catalog.hpp>
#include <weir/config/value_reader.hpp>
#include <weir/core/log_line.hpp>

namespace weir {
namespace {

namespace json = boost::json;

// Where a substitution may stand for a value that is no string.
json::object substitution() { return {{"type", "string"}, {"pattern", "\\$\\{(env|file):"}}; }

json::object string_schema(std::string_view pattern) {
  return {{"type", "string"}, {"pattern", json::string(pattern.data(), pattern.size())}};
}

json::object either(std::initializer_list<json::object> forms) {
  json::array all;
  for (const auto& form : forms)
    all.push_back(form);
  return {{"anyOf", all}};
}

json::object form_of(const setting& s) {
  switch (s.type) {
    case setting_type::text:
      if (s.secret)
        return string_schema("^(\\$\\{(env|file):[^}]*\\})+$");
      return {{"type", "string"}, {"minLength", 1}};
    case setting_type::name:
      return either({string_schema("^[A-Za-z0-9._-]{1,64}$"), substitution()});
    case setting_type::integer: {
      json::object number{{"type", "integer"}, {"minimum", s.min}};
      if (s.max != std::numeric_limits<std::int64_t>::max())
        number["maximum"] = s.max;
      return either({number, substitution()});
    }
    case setting_type::boolean:
      return either({json::object{{"type", "boolean"}}, substitution()});
    case setting_type::time_span:
      return either({string_schema("^(0|([0-9]+d)?([0-9]+h)?([0-9]+m(in)?)?([0-9]+s)?([0-9]+ms)?([0-9]+us)?)$"), substitution()});
    case setting_type::bytes:
      return either({string_schema("^[0-9]+(B|KiB|MiB|GiB|TiB|kB|MB|GB|TB)?$"), substitution()});
    case setting_type::choice: {
      json::array words;
      for (const auto& c : s.choices)
        words.emplace_back(c);
      return either({json::object{{"enum", words}}, substitution()});
    }
    case setting_type::topic:
      return {{"type", "object"},
              {"properties", {{"connection", {{"type", "string"}}}, {"topic", {{"type", "string"}}}}},
              {"required", {"connection", "topic"}},
              {"additionalProperties", false}};
    case setting_type::start:
      return either({json::object{{"enum", {"earliest", "latest", "group"}}},
                     json::object{{"type", "object"},
                                  {"properties", json::object{{"timestamp", json::object{{"type", "string"}}}}},
                                  {"required", json::array{"timestamp"}},
                                  {"additionalProperties", false}},
                     json::object{{"type", "object"},
                                  {"properties", json::object{{"offsets", json::object{{"type", "object"}}}}},
                                  {"required", json::array{"offsets"}},
                                  {"additionalProperties", false}},
                     substitution()});
    case setting_type::text_map:
      return {{"type", "object"}, {"additionalProperties", json::object{{"type", "string"}}}};
  }
  return {};
}

json::object schema_of(const setting& s) {
  auto out = form_of(s);
  out["description"] = s.sentence + (s.trade_off.empty() ? "" : " " + s.trade_off);
  if (!s.fallback.empty())
    out["default"] = json::parse(s.fallback);
  return out;
}

// Adds the settings of a table to `properties` and `required`.
void add_table(const settings_table& table, json::object& properties, json::array& required) {
  for (const auto& s : table.all()) {
    properties[s.name] = schema_of(s);
    if (s.required)
      required.emplace_back(s.name);
  }
}

json::object object_schema(const std::string& sentence, const settings_table& table) {
  json::object properties;
  json::array required;
  add_table(table, properties, required);
  json::object out{{"description", sentence}, {"type", "object"}, {"additionalProperties", false}, {"properties", properties}};
  if (!required.empty())
    out["required"] = required;
  return out;
}

json::object services_schema(std::span<const service_description> types) {
  json::array forms;
  for (const auto& t : types) {
    auto settings = object_schema("Settings of " + t.name + ".", *t.settings);
    json::array required{"name", "type"};
    if (settings.contains("required"))
      required.emplace_back("settings");
    setting name;
    name.type = setting_type::name;
    name.sentence = "Name of the job, of its folder in the store and of its transactional ids; unique in the file.";
    forms.push_back(json::object{{"description", t.sentence},
                                 {"type", "object"},
                                 {"additionalProperties", false},
                                 {"required", required},
                                 {"properties", json::object{{"name", schema_of(name)},
                                                             {"type", json::object{{"const", t.name}}},
                                                             {"shards", schema_of(shards_setting())},
                                                             {"settings", settings},
                                                             {"restart", json::object{{"$ref", "#/properties/restart"}}}}}});
  }
  return {{"description", "What is to run."}, {"type", "array"}, {"minItems", 1}, {"items", json::object{{"anyOf", forms}}}};
}

json::object connections_schema() {
  json::array forms;
  for (const auto& t : connection_types()) {
    auto form = object_schema(t.sentence, *t.table);
    form["properties"].get_object()["type"] = json::object{{"const", t.name}};
    form["required"].get_array().emplace_back("type");
    forms.push_back(form);
  }
  return {{"description", "Brokers and logs that services use, by name."},
          {"type", "object"},
          {"propertyNames", json::object{{"pattern", "^[A-Za-z0-9._-]{1,64}$"}}},
          {"additionalProperties", json::object{{"anyOf", forms}}}};
}

// Boost.JSON writes no line breaks, and a file that people review needs them.
void pretty(std::string& out, const json::value& v, std::size_t depth) {
  auto line = [&](std::size_t d) {
    out += '\n';
    out.append(2 * d, ' ');
  };
  auto flat = json::serialize(v);
  if (!(v.is_object() || v.is_array()) || flat.size() + 2 * depth <= 100) {
    out += flat;
    return;
  }
  bool first = true;
  auto separate = [&] {
    if (!first)
      out += ',';
    first = false;
    line(depth + 1);
  };
  if (const auto* object = v.if_object()) {
    out += '{';
    for (const auto& member : *object) {
      separate();
      append_json_string(out, {member.key().data(), member.key().size()});
      out += ": ";
      pretty(out, member.value(), depth + 1);
    }
    line(depth);
    out += '}';
  } else {
    out += '[';
    for (const auto& element : v.get_array()) {
      separate();
      pretty(out, element, depth + 1);
    }
    line(depth);
    out += ']';
  }
}

} // namespace

namespace {

json::object sections_schema(const std::vector<config_section>& sections, json::array& required) {
  json::object properties;
  properties["$schema"] = json::object{{"type", "string"}};
  for (const auto& section : sections) {
    if (section.name.empty())
      add_table(*section.table, properties, required);
    else
      properties[section.name] = object_schema(section.sentence, *section.table);
  }
  properties["connections"] = connections_schema();
  required.emplace_back("connections");
  return properties;
}

std::string document_of(const char* title, const char* command, json::object properties, json::array required) {
  json::object root{{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                    {"title", title},
                    {"description", std::string("Generated by `") + command + "` from the table of settings; do not edit."},
                    {"type", "object"},
                    {"additionalProperties", false},
                    {"required", std::move(required)},
                    {"properties", std::move(properties)}};
  std::string out;
  pretty(out, root, 0);
  return out + "\n";
}

} // namespace

std::string config_schema(std::span<const service_description> types) {
  json::array required;
  auto properties = sections_schema(config_sections(), required);
  properties["services"] = services_schema(types);
  required.emplace_back("services");
  return document_of("Weir configuration", "weir config schema", std::move(properties), std::move(required));
}

std::string node_schema() {
  json::array required;
  auto properties = sections_schema(node_sections(), required);
  required.emplace_back("node");
  return document_of("Weir node", "weir config node-schema", std::move(properties), std::move(required));
}

} // namespace weir
