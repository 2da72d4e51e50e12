#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <weir/config/catalog.hpp>
#include <weir/config/document.hpp>
#include <weir/config/value_reader.hpp>
#include <weir/core/suggest.hpp>
#include <weir/record/key.hpp>

namespace weir {
namespace {

namespace json = boost::json;

std::string_view view(json::string_view s) { return {s.data(), s.size()}; }

/// A services file, or the file of a node.
enum class file_kind : std::uint8_t { services, node };

const std::vector<config_section>& sections_of(file_kind kind) {
  return kind == file_kind::node ? node_sections() : config_sections();
}

class config_loader {
 public:
  config_loader(json_document doc, file_kind kind, std::span<const service_description> types,
                const config_environment& environment, loaded_config& out)
      : doc_(std::move(doc)), kind_(kind), types_(types), out_(out), reader_(doc_, environment, out.problems) {}

  void load() {
    const auto* root = doc_.root.if_object();
    if (root == nullptr)
      return reader_.problem("", "the configuration must be an object: { … }");
    std::vector<std::string_view> known{"connections"};
    if (kind_ == file_kind::services)
      known.emplace_back("services");
    for (const auto& section : sections_of(kind_)) {
      if (section.name.empty())
        for (const auto& s : section.table->all())
          known.push_back(s.name);
      else
        known.push_back(section.name);
    }
    for (const auto& member : *root) {
      auto key = view(member.key());
      // Editors find the schema by it.
      if (key != "$schema" && std::find(known.begin(), known.end(), key) == known.end())
        reader_.unknown_key("/" + pointer_token(key), key, known);
    }
    for (const auto& section : sections_of(kind_))
      load_section(*root, section);
    load_connections(*root);
    if (kind_ == file_kind::services)
      load_services(*root);
    else
      check_control();
  }

 private:
  // The members of `object` that the table names; notes what is unknown, wrong or missing.
  // What `inherited` holds counts where the object says nothing.
  setting_values group(const json::object& object, const std::string& pointer, const settings_table& table,
                       std::span<const std::string_view> reserved, bool report_unknown, setting_values inherited = {}) {
    auto values = std::move(inherited);
    auto before = out_.problems.size();
    std::vector<std::string_view> known(reserved.begin(), reserved.end());
    for (const auto& s : table.all())
      known.push_back(s.name);
    for (const auto& member : object) {
      auto key = view(member.key());
      auto at = pointer + "/" + pointer_token(key);
      auto found = std::find_if(table.all().begin(), table.all().end(), [&](const setting& s) { return s.name == key; });
      if (found != table.all().end()) {
        if (auto value = reader_.read(member.value(), at, *found))
          values[found->name] = std::move(*value);
      } else if (report_unknown && std::find(reserved.begin(), reserved.end(), key) == reserved.end()) {
        reader_.unknown_key(at, key, known);
      }
    }
    for (const auto& s : table.all())
      if (s.required && !object.contains(s.name))
        reader_.problem(pointer, "'" + s.name + "' is missing: " + s.sentence);
    if (out_.problems.size() == before)
      for (const auto& broken : table.check(values))
        reader_.problem(pointer + "/" + pointer_token(broken.name), broken.message);
    return values;
  }

  void load_section(const json::object& root, const config_section& section) {
    static const json::object nothing;
    const auto* object = &root;
    auto pointer = section.name.empty() ? std::string{} : "/" + section.name;
    if (!section.name.empty()) {
      const auto* value = root.if_contains(section.name);
      object = value == nullptr ? &nothing : value->if_object();
      if (object == nullptr)
        return reader_.problem(pointer, "must be an object");
    }
    auto values = group(*object, pointer, *section.table, {}, !section.name.empty());
    section.apply(out_.value, values);
    if (section.name == "restart")
      restart_values_ = std::move(values);
  }

  // `restart` of a service: like that of the file, which counts for what the service does not say.
  void load_restart(const json::object& object, const std::string& pointer, service_config& service) {
    service.restart = out_.value.restart;
    const auto* value = object.if_contains("restart");
    if (value == nullptr)
      return;
    const auto* given = value->if_object();
    if (given == nullptr)
      return reader_.problem(pointer + "/restart", "must be an object");
    for (const auto& section : config_sections()) {
      if (section.name != "restart")
        continue;
      config merged;
      section.apply(merged, group(*given, pointer + "/restart", *section.table, {}, true, restart_values_));
      service.restart = merged.restart;
    }
  }

  // What every element of connections and services has: an object, its type, the type's table.
  template <class Types>
  auto type_of(const json::object& object, const std::string& pointer, const Types& types, const char* what)
      -> decltype(&*std::begin(types)) {
    const auto* value = object.if_contains("type");
    std::vector<std::string_view> known;
    known.reserve(std::size(types));
    for (const auto& t : types)
      known.push_back(t.name);
    std::string list;
    for (auto k : known)
      list += (list.empty() ? "" : ", ") + std::string(k);
    if (value == nullptr) {
      reader_.problem(pointer, "'type' is missing; known types: " + list);
      return nullptr;
    }
    auto text = reader_.text(*value, pointer + "/type", false);
    if (!text)
      return nullptr;
    for (const auto& t : types)
      if (t.name == *text)
        return &t;
    reader_.problem(pointer + "/type", std::string("there is no ") + what + " type of this name" + did_you_mean(*text, known) +
                                           " (known: " + list + ")");
    return nullptr;
  }

  void load_connections(const json::object& root) {
    const auto* value = root.if_contains("connections");
    if (value == nullptr)
      return reader_.problem("", "'connections' is missing: the brokers and logs that services use, by name");
    const auto* object = value->if_object();
    if (object == nullptr)
      return reader_.problem("/connections", "must be an object of connections by name");
    for (const auto& member : *object) {
      std::string name(member.key());
      auto pointer = "/connections/" + pointer_token(name);
      connection_names_.push_back(name);
      if (!is_name(name))
        reader_.problem(pointer, "the name of a connection must be 1 to 64 of A-Z a-z 0-9 . _ -");
      const auto* entry = member.value().if_object();
      if (entry == nullptr) {
        reader_.problem(pointer, "must be an object");
        continue;
      }
      const auto* type = type_of(*entry, pointer, connection_types(), "connection");
      if (type == nullptr)
        continue;
      static constexpr std::string_view reserved[] = {"type"};
      out_.value.connections.push_back(settings_of_connection(name, *type, group(*entry, pointer, *type->table, reserved, true)));
    }
  }

  static connection_settings settings_of_connection(const std::string& name, const connection_type& type,
                                                    const setting_values& values) {
    connection_settings out{name, type.name, {}, {}};
    for (const auto& s : type.table->all()) {
      auto given = values.find(s.name);
      if (given == values.end())
        continue;
      const auto& [key, value] = *given;
      if (const auto* text = std::get_if<std::string>(&value))
        out.options[key] = *text;
      else if (const auto* flag = std::get_if<bool>(&value))
        out.options[key] = *flag ? "true" : "false";
      else if (const auto* number = std::get_if<std::int64_t>(&value);
               number != nullptr && (*number != 0 || s.min > 0 || s.type == setting_type::time_span))
        out.options[key] = format_amount(s.type, *number);
      else if (const auto* map = std::get_if<std::map<std::string, std::string>>(&value))
        out.properties = *map;
    }
    return out;
  }

  void load_services(const json::object& root) {
    const auto* value = root.if_contains("services");
    if (value == nullptr)
      return reader_.problem("", "'services' is missing: what is to run, [{\"name\": …, \"type\": …, \"settings\": {…}}]");
    const auto* array = value->if_array();
    if (array == nullptr)
      return reader_.problem("/services", "must be an array of services");
    if (array->empty())
      return reader_.problem("/services", "must name at least one service");
    for (std::size_t i = 0; i < array->size(); ++i)
      load_service((*array)[i], i);
  }

  void load_service(const json::value& value, std::size_t index) {
    auto pointer = "/services/" + std::to_string(index);
    const auto* object = value.if_object();
    if (object == nullptr)
      return reader_.problem(pointer, "must be an object with name, type and settings");
    static const std::vector<std::string_view> known{"name", "type", "shards", "settings", "restart"};
    for (const auto& member : *object)
      if (std::find(known.begin(), known.end(), view(member.key())) == known.end())
        reader_.unknown_key(pointer + "/" + pointer_token(member.key()), view(member.key()), known);
    service_config service;
    service.index = index;
    load_restart(*object, pointer, service);
    setting name_setting;
    name_setting.type = setting_type::name;
    if (const auto* name = object->if_contains("name")) {
      if (auto read = reader_.read(*name, pointer + "/name", name_setting))
        service.name = std::get<std::string>(*read);
    } else {
      reader_.problem(pointer, "'name' is missing: the name of the job, its store and its transactional ids");
    }
    const auto shards = shards_of(*object, pointer);
    if (const auto* type = type_of(*object, pointer, types_, "service")) {
      service.type = type->name;
      static const json::object nothing;
      const auto* given = object->if_contains("settings");
      const auto* settings = given == nullptr ? &nothing : given->if_object();
      if (settings == nullptr)
        reader_.problem(pointer + "/settings", "must be an object");
      else
        service.settings = group(*settings, pointer + "/settings", *type->settings, {}, true);
      check_topics(service, pointer + "/settings");
    }
    if (shards == 1) {
      add_service(std::move(service), pointer);
      return;
    }
    if (!is_name(shard_name(service.name, shards - 1)) && !service.name.empty())
      reader_.problem(pointer + "/name", "is too long for names of shards, '" + shard_name(service.name, shards - 1) +
                                             "': they have 64 characters at most");
    for (std::uint32_t i = 0; i < shards; ++i) {
      auto one = service;
      one.shard = {i, shards, service.name};
      one.name = shard_name(service.name, i);
      if (!add_service(std::move(one), pointer))
        return;
    }
  }

  std::uint32_t shards_of(const json::object& service, const std::string& pointer) {
    const auto* given = service.if_contains("shards");
    auto read = given == nullptr ? std::nullopt : reader_.read(*given, pointer + "/shards", shards_setting());
    return read ? static_cast<std::uint32_t>(std::get<std::int64_t>(*read)) : 1;
  }

  /// False: its name is taken, which is a problem now.
  bool add_service(service_config service, const std::string& pointer) {
    auto& all = out_.value.services;
    auto of = [](const service_config& s) { return s.shard.whole() ? s.name : s.shard.service; };
    auto other = std::find_if(all.begin(), all.end(), [&](const auto& s) {
      return s.index != service.index && (s.name == service.name || of(s) == of(service));
    });
    if (other == all.end() || service.name.empty()) {
      all.push_back(std::move(service));
      return true;
    }
    const auto there = "/services/" + std::to_string(other->index);
    reader_.problem(pointer + "/name", of(*other) == of(service) ? there + " has this name already"
                                       : other->shard.whole()
                                           ? there + " has the name '" + service.name + "' of a shard of this one"
                                           : there + " has a shard '" + service.name + "'");
    return false;
  }

  void check_control() {
    std::vector<std::string_view> known(connection_names_.begin(), connection_names_.end());
    const auto& node = out_.value.node;
    if (!node.control.empty() && std::find(known.begin(), known.end(), node.control) == known.end())
      reader_.problem("/node/control", "there is no connection of this name" + did_you_mean(node.control, known));
    for (const auto& c : out_.value.connections)
      if (c.name == node.control && (c.type == "log") == node.leader.empty())
        reader_.problem("/node/leader", c.type == "log"
                                            ? "a cluster on the embedded log needs one: the node that has the log"
                                            : "only a cluster on the embedded log has one; on Kafka the nodes find it");
  }

  void check_topics(const service_config& service, const std::string& pointer) {
    std::vector<std::string_view> known(connection_names_.begin(), connection_names_.end());
    for (const auto& [name, value] : service.settings)
      if (const auto* topic = std::get_if<topic_ref>(&value);
          topic != nullptr && std::find(known.begin(), known.end(), topic->connection) == known.end())
        reader_.problem(pointer + "/" + pointer_token(name) + "/connection",
                        "there is no connection of this name" + did_you_mean(topic->connection, known));
  }

  json_document doc_;
  file_kind kind_;
  std::span<const service_description> types_;
  loaded_config& out_;
  value_reader reader_;
  std::vector<std::string> connection_names_;
  setting_values restart_values_; ///< As the file gives them for all services.
};

constexpr std::size_t max_config_bytes = std::size_t{4} << 20;

} // namespace

std::string to_string(const config_problem& p) {
  std::string out;
  if (p.line > 0)
    out = std::to_string(p.line) + ":" + std::to_string(p.column) + " ";
  return out + (p.pointer.empty() ? "" : p.pointer + ": ") + p.message;
}

result<setting_override> parse_override(std::string_view text) {
  auto equals = text.find('=');
  if (equals == std::string_view::npos || equals < 2 || text.front() != '/')
    return {errc::invalid_argument, "--set needs /pointer=value, such as --set /checkpoint/interval=5s"};
  return setting_override{std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
}

config_environment config_environment::of_process() {
  return {[](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>{value};
  }};
}

namespace {

loaded_config read_file_of(file_kind kind, std::string_view text, std::span<const service_description> types,
                           std::span<const setting_override> overrides, const config_environment& environment) {
  loaded_config out;
  auto doc = parse_document(text, out.problems);
  if (!out.ok() && out.problems.front().pointer.empty())
    return out; // No JSON: nothing more can be said.
  if (doc.root.is_object())
    for (const auto& section : sections_of(kind))
      for (const auto& s : section.table->all())
        if (auto value = s.environment.empty() ? std::nullopt : environment.variable(s.environment); value && !value->empty()) {
          auto pointer = (section.name.empty() ? "" : "/" + section.name) + "/" + s.name;
          if (auto set = apply_variable(doc, pointer, *value); !set)
            out.problems.push_back({pointer, "cannot be set from " + s.environment + ": " + set.err().message});
        }
  for (const auto& o : overrides)
    if (auto set = apply_override(doc, o); !set)
      out.problems.push_back({o.pointer, "--set " + set.err().message});
  config_loader{std::move(doc), kind, types, environment, out}.load();
  std::stable_sort(out.problems.begin(), out.problems.end(), [](const config_problem& a, const config_problem& b) {
    return std::pair(a.line, a.column) < std::pair(b.line, b.column);
  });
  return out;
}

/// The file's text; none: `problems` says why.
std::optional<std::string> text_of_file(const std::string& path, std::vector<config_problem>& problems) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text;
  if (file) {
    text.resize(max_config_bytes + 1);
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
  }
  if (!file && !file.eof()) {
    problems.push_back({"", "cannot be read: " + std::string(std::strerror(errno == 0 ? EIO : errno))});
    return std::nullopt;
  }
  if (text.size() > max_config_bytes) {
    problems.push_back({"", "is larger than 4MiB"});
    return std::nullopt;
  }
  return text;
}

} // namespace

loaded_config read_config(std::string_view text, std::span<const service_description> types,
                          std::span<const setting_override> overrides, const config_environment& environment) {
  return read_file_of(file_kind::services, text, types, overrides, environment);
}

loaded_config load_config(const std::string& path, std::span<const service_description> types,
                          std::span<const setting_override> overrides, const config_environment& environment) {
  loaded_config out;
  auto text = text_of_file(path, out.problems);
  return text ? read_config(*text, types, overrides, environment) : out;
}

loaded_config read_node_config(std::string_view text, std::span<const setting_override> overrides,
                               const config_environment& environment) {
  return read_file_of(file_kind::node, text, {}, overrides, environment);
}

loaded_config load_node_config(const std::string& path, std::span<const setting_override> overrides,
                               const config_environment& environment) {
  loaded_config out;
  auto text = text_of_file(path, out.problems);
  return text ? read_node_config(*text, overrides, environment) : out;
}

bool is_node_file(const std::string& path) {
  std::vector<config_problem> problems;
  auto text = text_of_file(path, problems);
  if (!text)
    return false;
  auto doc = parse_document(*text, problems);
  return doc.root.is_object() && doc.root.get_object().contains("node");
}

result<std::string> without_service(std::string_view text, const std::string& name) {
  auto missing = error{errc::not_found, "there is no service '" + name + "' in the services file in force"};
  if (text.empty())
    return missing;
  std::vector<config_problem> problems;
  auto doc = parse_document(text, problems);
  auto* root = problems.empty() ? doc.root.if_object() : nullptr;
  auto* services = root != nullptr && root->contains("services") ? root->at("services").if_array() : nullptr;
  if (services == nullptr)
    return error{errc::invalid_config, "the services file in force cannot be read"};
  for (auto* it = services->begin(); it != services->end(); ++it) {
    const auto* found = it->if_object() != nullptr ? it->get_object().if_contains("name") : nullptr;
    if (found == nullptr || !found->is_string())
      continue;
    const std::string of(view(found->get_string()));
    const auto* shards = it->get_object().if_contains("shards");
    for (std::int64_t i = 0; shards != nullptr && shards->is_int64() && i < std::min(shards->get_int64(), shards_setting().max);
         ++i)
      if (name == shard_name(of, static_cast<std::uint32_t>(i)))
        missing.message += ": '" + name + "' is a shard of '" + of + "', which goes as a whole";
    if (of != name)
      continue;
    services->erase(it);
    return services->empty() ? std::string{} : json::serialize(doc.root);
  }
  return missing;
}

namespace {

/// By service; 1: it has none.
result<std::map<std::string, std::int64_t>> shard_counts(std::string_view text) {
  std::vector<config_problem> problems;
  auto doc = parse_document(text, problems);
  auto* root = problems.empty() ? doc.root.if_object() : nullptr;
  auto* services = root != nullptr && root->contains("services") ? root->at("services").if_array() : nullptr;
  if (services == nullptr)
    return error{errc::invalid_config, "the services file cannot be read"};
  std::map<std::string, std::int64_t> out;
  for (std::size_t i = 0; i < services->size(); ++i) {
    const auto* object = services->at(i).if_object();
    const auto* name = object != nullptr ? object->if_contains("name") : nullptr;
    const auto* shards = object != nullptr ? object->if_contains("shards") : nullptr;
    if (shards != nullptr && !shards->is_int64())
      return error{errc::invalid_config,
                   "/services/" + std::to_string(i) +
                       "/shards: must be a number in a cluster's file, not a reference or a text: each node "
                       "would read it for itself"};
    if (name != nullptr && name->is_string())
      out[std::string(view(name->get_string()))] = shards == nullptr ? 1 : shards->get_int64();
  }
  return out;
}

} // namespace

result<> check_same_shards(std::string_view in_force, std::string_view next) {
  WEIR_ASSIGN(auto wanted, shard_counts(next));
  auto now = in_force.empty() ? result<std::map<std::string, std::int64_t>>(std::map<std::string, std::int64_t>{})
                              : shard_counts(in_force);
  if (!now)
    return success(); // What is in force cannot be read, and so does not run.
  for (const auto& [name, count] : *now)
    if (auto found = wanted.find(name); found != wanted.end() && found->second != count)
      return error{errc::incompatible, "service '" + name + "' has " + std::to_string(count) +
                                           " shards by the file in force and " + std::to_string(found->second) +
                                           " by this one: its state cannot be divided anew. Give the service another name"};
  return success();
}

result<std::map<std::string, std::uint64_t>> service_fingerprints(std::string_view text) {
  std::vector<config_problem> problems;
  auto doc = parse_document(text, problems);
  auto* root = problems.empty() ? doc.root.if_object() : nullptr;
  auto* services = root != nullptr && root->contains("services") ? root->at("services").if_array() : nullptr;
  if (services == nullptr)
    return error{errc::invalid_config, "the services file cannot be read"};
  auto each = std::move(*services);
  for (const auto* beside : {"services", "$schema", "logging", "health", "runtime"})
    root->erase(beside);
  // Who stands by is no business of a service that runs.
  if (auto* checkpoint = root->if_contains("checkpoint"); checkpoint != nullptr && checkpoint->is_object()) {
    checkpoint->as_object().erase("standby");
    if (checkpoint->as_object().empty())
      root->erase("checkpoint");
  }
  const auto rest = json::serialize(doc.root);
  std::map<std::string, std::uint64_t> out;
  for (const auto& service : each) {
    const auto* object = service.if_object();
    const auto* name = object != nullptr ? object->if_contains("name") : nullptr;
    if (name == nullptr || !name->is_string())
      return error{errc::invalid_config, "a service of the services file has no name"};
    const std::string of(name->get_string());
    const auto hash = hash_bytes(json::serialize(service) + rest);
    const auto* shards = object->if_contains("shards");
    if (shards != nullptr && !shards->is_int64())
      continue;
    const auto count = shards == nullptr ? 1 : shards->get_int64();
    if (count == 1)
      out[of] = hash;
    for (std::int64_t i = 0; count > 1 && i < std::min(count, shards_setting().max); ++i)
      out[shard_name(of, static_cast<std::uint32_t>(i))] = hash;
  }
  return out;
}

} // namespace weir
