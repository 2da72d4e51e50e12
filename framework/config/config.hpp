#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>
#include <weir/config/setting.hpp>
#include <weir/connectors/connector.hpp>
#include <weir/core/logger.hpp>

namespace weir {

/// `checkpoint` of the configuration.
struct checkpoint_config {
  duration interval = std::chrono::seconds(1);
  duration min_pause{0};
  duration timeout = std::chrono::minutes(10);
  unsigned tolerated_failures = 3;
  unsigned retained = 1;
  std::string directory;
  unsigned standby = 0;
};

/// `restart`: what the supervisor does when a job fails.
struct restart_config {
  duration initial_backoff = std::chrono::milliseconds(500);
  duration max_backoff = std::chrono::seconds(60);
  unsigned max_attempts = 10;
};

struct memory_config {
  byte_size limit{std::uint64_t{512} << 20};
  byte_size channel{std::uint64_t{2} << 20};
};

struct store_config {
  std::string path = "./data/store";
  byte_size max_size{0};
};

struct outbox_config {
  byte_size limit{std::uint64_t{1} << 30};
};

struct shutdown_config {
  duration timeout = std::chrono::seconds(30);
};

struct logging_config {
  log_level level = log_level::info;
  log_format format = log_format::text;
};

struct runtime_config {
  unsigned threads = 0;
};

/// `health`: what answers over HTTP.
struct health_config {
  bool enabled = true;
  std::string listen; ///< host:port; empty: default_health_address, or a free port should that be taken.
  std::string host;   ///< Name in the Host header besides addresses and localhost.
  std::string token;
  std::string tls_cert, tls_key; ///< Files.
};

/// Where health listens unless told otherwise.
inline constexpr const char* default_health_address = "127.0.0.1:9347";

/// `host:port` of a listener: an IPv4 address, an IPv6 address in brackets, or localhost; the port may be 0.
struct listen_address {
  std::string host; ///< Without brackets.
  std::uint16_t port = 0;
  bool loopback = false;
};
/// Errors: invalid_argument when it does not have this form; a name other than localhost is refused, because what it
/// stands for may change.
result<listen_address> parse_listen_address(std::string_view text);

/// `node` of a node file: one process of a cluster.
struct node_config {
  std::string name;
  std::string cluster;
  std::string listen;                         ///< host:port; empty: what `members` says of this node.
  std::map<std::string, std::string> members; ///< host:port by name, this node among them.
  std::string ca, cert, key;                  ///< Files; all or none.
  std::string token;                          ///< File; instead of the certificates, on loopback only.
  unsigned capacity = 1;
  std::string directory;
  std::string store = "./data/node";
  std::string control; ///< Name of the connection with the control topic.
  std::string leader;  ///< Of a cluster whose control topic is on the embedded log.
  duration session = std::chrono::seconds(6);
};

/// One of `services`, or one of its shards: which code, under which name, with which settings.
struct service_config {
  std::string name; ///< Of a shard: shard_name().
  service_shard shard{};
  std::string type;
  setting_values settings;
  restart_config restart; ///< That of the file, with what the service says itself.
  std::size_t index = 0;  ///< Position in the file, for JSON pointers.
};

/// A configuration that was read and checked.
struct config {
  std::string name_space = "weir";
  std::vector<connection_settings> connections;
  std::vector<service_config> services;
  checkpoint_config checkpoint;
  restart_config restart;
  memory_config memory;
  store_config store;
  outbox_config outbox;
  shutdown_config shutdown;
  logging_config logging;
  runtime_config runtime;
  health_config health;
  node_config node; ///< Of a node file only.
};

/// What is known of a service type before any code of it runs.
struct service_description {
  std::string name;
  std::string sentence;
  std::shared_ptr<const settings_table> settings;
};

/// One thing that is wrong, where.
struct config_problem {
  std::string pointer; ///< JSON pointer; empty: the whole file.
  std::string message;
  unsigned line = 0; ///< From 1; 0: not in the file.
  unsigned column = 0;
};

/// `line:column pointer: message` as far as known.
[[nodiscard]] std::string to_string(const config_problem& p);

/// `--set /pointer=value`. Errors: invalid_argument when it does not have this form.
struct setting_override {
  std::string pointer;
  std::string value;
};
result<setting_override> parse_override(std::string_view text);

/// Where variables and secret files come from; tests give their own.
struct config_environment {
  std::function<std::optional<std::string>(const std::string& variable)> variable;
  static config_environment of_process();
};

/// A configuration, or everything that is wrong with it. `value` is complete only when there are no problems.
struct loaded_config {
  config value;
  std::vector<config_problem> problems;
  [[nodiscard]] bool ok() const { return problems.empty(); }
};

/// Reads a configuration from JSON text (comments and trailing commas allowed): substitutes ${env:X}, ${env:X:-default} and
/// ${file:/path}, applies the environment, then `overrides` (flag > environment > file), checks everything against the
/// table of settings and reports every problem, in the order of the file. Secrets never appear in a problem.
/// Reads the files named by ${file:…}; may block on them.
loaded_config read_config(std::string_view text, std::span<const service_description> types,
                          std::span<const setting_override> overrides, const config_environment& environment);

/// read_config on a file's content. A file that cannot be read is one problem. Blocks on the disk.
loaded_config load_config(const std::string& path, std::span<const service_description> types,
                          std::span<const setting_override> overrides,
                          const config_environment& environment = config_environment::of_process());

/// The same for a node file (`weir node --config`): version, namespace, `node`, `logging` and `connections`; no services.
loaded_config read_node_config(std::string_view text, std::span<const setting_override> overrides,
                               const config_environment& environment);
loaded_config load_node_config(const std::string& path, std::span<const setting_override> overrides,
                               const config_environment& environment = config_environment::of_process());

/// Whether a file is meant for `weir node`: it is JSON and has a member `node`. Blocks on the disk.
[[nodiscard]] bool is_node_file(const std::string& path);

/// The text of a services file without one of its services, written anew (comments are lost, references to secrets stay).
/// Empty when it was the last; an empty text has none. Errors: invalid_config (no JSON), not_found.
result<std::string> without_service(std::string_view text, const std::string& name);

/// Checks that a cluster may go on from one services file (empty: none) to another: `shards` are numbers, and those of services
/// of both are the same. Errors: invalid_config, incompatible.
result<> check_same_shards(std::string_view in_force, std::string_view next);

/// By the name of each service of a services file (of one with shards, of each of them), a hash of all that the file says of it:
/// of itself, and of what is beside `services`, but for logging, health and the runtime. References to secrets are hashed as they
/// are written; where `shards` is one, the shards are not known and are left out. Errors: invalid_config (no JSON, no services,
/// one without a name).
result<std::map<std::string, std::uint64_t>> service_fingerprints(std::string_view text);

/// The JSON Schema (draft 2020-12) of configurations with these service types, ends with a line break.
[[nodiscard]] std::string config_schema(std::span<const service_description> types);
/// The same of node files.
[[nodiscard]] std::string node_schema();
/// The reference page in Markdown, ends with a line break.
[[nodiscard]] std::string config_reference(std::span<const service_description> types);

} // namespace weir
