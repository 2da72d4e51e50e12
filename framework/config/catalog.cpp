#include <weir/config/catalog.hpp>

namespace weir {
namespace {

using namespace std::chrono_literals;

constexpr byte_size mib(std::uint64_t n) { return {n << 20}; }

/// Shorter ones can be guessed.
constexpr std::size_t least_token_bytes = 16;

struct top_config {
  std::int64_t version = 0;
  std::string name_space = "weir";
};

const settings_of<top_config>& top_table() {
  static const auto table = [] {
    settings_of<top_config> t;
    t.add("version", &top_config::version, "Version of the form of this file. This release reads 1.",
          {.required = true, .bounds = between(1, 1)});
    t.add("namespace", &top_config::name_space,
          "First part of every name that Weir creates at a broker: transactional ids, consumer groups, the marker topic.",
          {.trade_off = "Two installations on one cluster need two names: with the same one they fence each other.",
           .effect = change_effect::fixed,
           .environment = "WEIR_NAMESPACE",
           .name = true});
    return t;
  }();
  return table;
}

const settings_of<checkpoint_config>& checkpoint_table() {
  static const auto table = [] {
    settings_of<checkpoint_config> t;
    t.add("interval", &checkpoint_config::interval, "Time from the start of one checkpoint to the start of the next.",
          {.bounds = between(10ms, 24h),
           .trade_off = "Shorter: exactly-once output is seen sooner and less is read again after a crash; longer: fewer "
                        "transactions and less writing.",
           .environment = "WEIR_CHECKPOINT_INTERVAL"});
    t.add("min_pause", &checkpoint_config::min_pause, "Least time from the end of one checkpoint to the start of the next.",
          {.bounds = between(0ms, 24h),
           .trade_off = "Leaves room for work when checkpoints take about as long as the interval.",
           .environment = "WEIR_CHECKPOINT_MIN_PAUSE"});
    t.add("timeout", &checkpoint_config::timeout, "A checkpoint that is not complete after this time is closed; nothing is lost.",
          {.bounds = between(1s, 24h),
           .trade_off = "Too short under back pressure and none completes; too long and a stuck one is noticed late.",
           .environment = "WEIR_CHECKPOINT_TIMEOUT"});
    t.add("tolerated_failures", &checkpoint_config::tolerated_failures,
          "So many checkpoints in a row may fail before the job is restarted.",
          {.bounds = between(0, 1000), .environment = "WEIR_CHECKPOINT_TOLERATED_FAILURES"});
    t.add("retained", &checkpoint_config::retained, "Complete checkpoints that stay restorable.",
          {.bounds = between(1, 100),
           .trade_off = "Each one more keeps one more delta out of the base: disk, and time at start.",
           .environment = "WEIR_CHECKPOINT_RETAINED"});
    t.add("directory", &checkpoint_config::directory,
          "Directory for copies of the checkpoints, durable there before they count as complete; empty: none.",
          {.trade_off =
               "With one, the loss of the machine's disk loses nothing; each checkpoint waits for two syncs there. It must be "
               "there, and be on another disk or machine to be of use.",
           .environment = "WEIR_CHECKPOINT_DIRECTORY"});
    t.add("standby", &checkpoint_config::standby,
          "So many other nodes of a cluster keep the store of each service ready to go on from (weir node; else without effect).",
          {.bounds = between(0, 16),
           .trade_off =
               "A lost node's services go on in seconds whatever the size of their state; each standby reads the copies and "
               "writes its store as the owner does, and has its size on the disk.",
           .environment = "WEIR_CHECKPOINT_STANDBY"});
    return t;
  }();
  return table;
}

const settings_of<restart_config>& restart_table() {
  static const auto table = [] {
    settings_of<restart_config> t;
    t.add("initial_backoff", &restart_config::initial_backoff,
          "Wait before the first restart after a failure; doubles each time.",
          {.bounds = between(1ms, 1h), .environment = "WEIR_RESTART_INITIAL_BACKOFF"});
    t.add("max_backoff", &restart_config::max_backoff, "Longest wait between two restarts.",
          {.bounds = between(1ms, 24h), .environment = "WEIR_RESTART_MAX_BACKOFF"});
    t.add("max_attempts", &restart_config::max_attempts,
          "Restarts in a row, without a complete checkpoint between, after which the job fails with its cause.",
          {.bounds = between(0, 1'000'000),
           .trade_off = "More outlasts longer faults of a broker; fewer shows a lasting fault sooner.",
           .environment = "WEIR_RESTART_MAX_ATTEMPTS"});
    t.rule([](const restart_config& c) -> std::optional<setting_problem> {
      if (c.initial_backoff <= c.max_backoff)
        return std::nullopt;
      return setting_problem{"initial_backoff", "is longer than max_backoff (" + format_duration(c.max_backoff) + ")"};
    });
    return t;
  }();
  return table;
}

const settings_of<memory_config>& memory_table() {
  static const auto table = [] {
    settings_of<memory_config> t;
    t.add("limit", &memory_config::limit,
          "What queues, channels, state caches and producers of the process may hold together; services share it by their tasks.",
          {.bounds = between(mib(16), mib(std::uint64_t{16} << 20)),
           .trade_off = "A job that cannot fit refuses to start and says by how much; less means more reads from disk.",
           .environment = "WEIR_MEMORY_LIMIT"});
    t.add("channel", &memory_config::channel, "Credit of each receiving task: bytes under way to it.",
          {.bounds = between(byte_size{std::uint64_t{64} << 10}, mib(1024)),
           .trade_off = "More evens out bursts, less keeps checkpoints short under back pressure.",
           .environment = "WEIR_MEMORY_CHANNEL"});
    t.rule([](const memory_config& c) -> std::optional<setting_problem> {
      if (c.channel <= c.limit)
        return std::nullopt;
      return setting_problem{"channel", "is more than limit (" + format_byte_size(c.limit) + ")"};
    });
    return t;
  }();
  return table;
}

const settings_of<store_config>& store_table() {
  static const auto table = [] {
    settings_of<store_config> t;
    t.add("path", &store_config::path,
          "Directory of the stores, one folder for each job; relative to where weir is started. Made with mode 0700.",
          {.trade_off = "Must be on a local disk that honours fsync; whoever loses it loses the state since the last backup.",
           .effect = change_effect::fixed,
           .environment = "WEIR_STORE_PATH"});
    t.add("max_size", &store_config::max_size, "Bytes a job's store may take on disk; 0: only the disk limits it.",
          {.trade_off = "A full store stops the job with everything durable so far in place.",
           .environment = "WEIR_STORE_MAX_SIZE"});
    return t;
  }();
  return table;
}

const settings_of<outbox_config>& outbox_table() {
  static const auto table = [] {
    settings_of<outbox_config> t;
    t.add("limit", &outbox_config::limit,
          "Durable output that is not published yet; at this limit sinks take no more and back pressure reaches the sources.",
          {.bounds = between(mib(1), mib(std::uint64_t{16} << 20)),
           .trade_off = "More outlasts a longer outage of the output's broker, on disk.",
           .environment = "WEIR_OUTBOX_LIMIT"});
    return t;
  }();
  return table;
}

const settings_of<shutdown_config>& shutdown_table() {
  static const auto table = [] {
    settings_of<shutdown_config> t;
    t.add("timeout", &shutdown_config::timeout,
          "Time for the last checkpoint and its output after SIGINT or SIGTERM; then the process ends with exit code 6.",
          {.bounds = between(0ms, 1h),
           .trade_off = "Output that did not get out in time is durable and published at the next start.",
           .environment = "WEIR_SHUTDOWN_TIMEOUT"});
    return t;
  }();
  return table;
}

const settings_of<logging_config>& logging_table() {
  static const auto table = [] {
    settings_of<logging_config> t;
    t.choice("level", &logging_config::level, "Least level of the lines that are written.",
             {{"trace", log_level::trace},
              {"debug", log_level::debug},
              {"info", log_level::info},
              {"warning", log_level::warning},
              {"error", log_level::error},
              {"off", log_level::off}},
             {.environment = "WEIR_LOGGING_LEVEL"});
    t.choice("format", &logging_config::format, "Form of a line on standard error.",
             {{"text", log_format::text}, {"json", log_format::json}}, {.environment = "WEIR_LOGGING_FORMAT"});
    return t;
  }();
  return table;
}

const settings_of<runtime_config>& runtime_table() {
  static const auto table = [] {
    settings_of<runtime_config> t;
    t.add("threads", &runtime_config::threads, "Worker threads of the actor system; 0: as many as there are cores.",
          {.bounds = between(0, 1024),
           .trade_off = "More than cores brings nothing; fewer leaves cores to others.",
           .environment = "WEIR_RUNTIME_THREADS"});
    return t;
  }();
  return table;
}

std::optional<setting_problem> check_health(const health_config& c) {
  auto address = parse_listen_address(c.listen.empty() ? default_health_address : c.listen);
  if (!address)
    return setting_problem{"listen", address.err().message};
  if (c.tls_cert.empty() != c.tls_key.empty())
    return setting_problem{c.tls_key.empty() ? "tls.cert" : "tls.key", "tls.cert and tls.key only go together"};
  if (!c.token.empty() && c.token.size() < least_token_bytes)
    return setting_problem{"token", "is shorter than " + std::to_string(least_token_bytes) + " characters"};
  if (!c.enabled || address->loopback)
    return std::nullopt;
  if (c.token.empty())
    return setting_problem{"listen", "is not on loopback and needs a token: everybody who reaches it could read everything"};
  if (c.tls_cert.empty())
    return setting_problem{"listen", "is not on loopback and needs tls.cert and tls.key: the token would be readable on the way"};
  return std::nullopt;
}

const settings_of<health_config>& health_table() {
  static const auto table = [] {
    settings_of<health_config> t;
    t.add("enabled", &health_config::enabled, "Answer /health/live, /health/ready, /metrics and /api/v1/status over HTTP.",
          {.environment = "WEIR_HEALTH_ENABLED"});
    t.add("listen", &health_config::listen,
          std::string("host:port to listen on, an address or localhost. Without it ") + default_health_address +
              ", or a free port should that be taken; `weir status FILE` finds it either way.",
          {.trade_off = "An address other than loopback needs token and tls; a port given here that is taken is an error.",
           .environment = "WEIR_HEALTH_LISTEN"});
    t.add("host", &health_config::host,
          "Name by which clients reach it. Requests whose Host header is neither this, an address nor localhost are refused, so "
          "that no web page can reach it through a name of its own.",
          {.environment = "WEIR_HEALTH_HOST"});
    t.add("token", &health_config::token, "Requests must carry it as `Authorization: Bearer …`; at least 16 characters.",
          {.secret = true});
    t.add("tls.cert", &health_config::tls_cert, "File of the certificate chain (PEM): HTTPS instead of HTTP.");
    t.add("tls.key", &health_config::tls_key, "File of its private key (PEM), without password.");
    t.rule(check_health);
    return t;
  }();
  return table;
}

std::optional<setting_problem> check_node(const node_config& c) {
  auto certificates = unsigned{!c.ca.empty()} + unsigned{!c.cert.empty()} + unsigned{!c.key.empty()};
  if (certificates != 0 && certificates != 3)
    return setting_problem{c.ca.empty()     ? "tls.ca"
                           : c.cert.empty() ? "tls.cert"
                                            : "tls.key",
                           "tls.ca, tls.cert and tls.key only go together"};
  if ((certificates == 0) == c.token.empty())
    return setting_problem{"token", "either certificates (tls.ca, tls.cert, tls.key) or, on loopback only, a token file"};
  if (!c.members.contains(c.name))
    return setting_problem{"members", "'" + c.name + "', this node itself, is not among them"};
  if (!c.leader.empty() && !c.members.contains(c.leader))
    return setting_problem{"leader", "'" + c.leader + "' is not among the members"};
  return std::nullopt;
}

const settings_of<node_config>& node_table() {
  static const auto table = [] {
    using c = node_config;
    settings_of<c> t;
    t.add("name", &c::name, "Name of this node: 1 to 63 of a-z, 0-9, `-`, `_`, `.`; what its certificate says.",
          {.required = true, .effect = change_effect::fixed, .environment = "WEIR_NODE_NAME"});
    t.add("cluster", &c::cluster, "Name of the cluster, as in the certificates.", {.required = true});
    t.add("members", &c::members, "All nodes of the cluster, this one among them: name to host:port.",
          {.required = true, .trade_off = "The same on every node; a node that is not listed is refused."});
    t.add("listen", &c::listen, "host:port to listen on; without it what `members` says of this node.",
          {.environment = "WEIR_NODE_LISTEN"});
    t.add("tls.ca", &c::ca, "File of the cluster's certificate authority (PEM).");
    t.add("tls.cert", &c::cert, "File of this node's certificate (PEM), with the SAN URI `weir://CLUSTER/NODE`.");
    t.add("tls.key", &c::key, "File of its private key (PEM), for its owner only; one of root may be readable by its group.");
    t.add("token", &c::token, "File that stands for certificates where all members are on loopback; made when it is missing.");
    t.add("capacity", &c::capacity, "Share of the work, relative to the other nodes'.", {.bounds = between(1, 10'000)});
    t.add("directory", &c::directory, "The shared directory: the same on every node, for checkpoints.", {.required = true});
    t.add("store", &c::store, "Directory of this node's own files; on a local disk. Made with mode 0700.",
          {.environment = "WEIR_NODE_STORE"});
    t.add("control", &c::control, "Which of the connections has the control topic.", {.required = true});
    t.add("leader", &c::leader, "The node that leads for good, where the control topic is on the embedded log; else nothing.");
    t.add("session", &c::session, "A leader that the control topic's broker has not heard for this long is replaced.",
          {.bounds = between(1s, 5min),
           .trade_off =
               "Shorter: a dead leader is replaced sooner; the broker's `group.min.session.timeout.ms` (6s) is the least."});
    t.rule(check_node);
    return t;
  }();
  return table;
}

template <class T>
config_section section(std::string name, std::string sentence, const settings_of<T>& table, T config::*member) {
  return {std::move(name), std::move(sentence), &table,
          [&table, member](config& c, const setting_values& v) { c.*member = table.make(v); }};
}

struct log_connection_config {
  std::string path;
};

const settings_of<log_connection_config>& log_table() {
  static const auto table = [] {
    settings_of<log_connection_config> t;
    t.add("path", &log_connection_config::path, "Directory of the log; made when it is missing, with mode 0700.",
          {.required = true, .effect = change_effect::fixed});
    return t;
  }();
  return table;
}

struct kafka_connection_config {
  std::string brokers;
  std::string client_id = "weir";
  bool tls = false;
  std::string ca, cert, key, key_password;
  bool verify_host = true;
  std::string mechanism, username, password;
  bool cleartext = false;
  duration request_timeout = 10s;
  duration transaction_timeout = 60s;
  duration delivery_timeout = 30s;
  duration linger = 1ms;
  std::string compression = "none";
  std::int64_t topic_partitions = 0;
  std::int64_t topic_replication = 0;
  std::int64_t marker_partitions = 4;
  std::map<std::string, std::string> properties;
};

void add_security(settings_of<kafka_connection_config>& t) {
  using c = kafka_connection_config;
  t.add("tls", &c::tls, "Encrypt and verify the connection; on also when any other tls setting is given.");
  t.add("tls.ca", &c::ca, "File or folder of the certificate authorities to trust (PEM); without it the system's.");
  t.add("tls.cert", &c::cert, "File of the client's certificate (PEM), for brokers that ask for one.");
  t.add("tls.key", &c::key, "File of the client's private key (PEM).");
  t.add("tls.key.password", &c::key_password, "Password of the private key.", {.secret = true});
  t.add("tls.verify.host", &c::verify_host, "Refuse a broker whose certificate names another host.");
  t.add("sasl.mechanism", &c::mechanism, "How to log in: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, GSSAPI or OAUTHBEARER.");
  t.add("sasl.username", &c::username, "User to log in as.");
  t.add("sasl.password", &c::password, "Password to log in with.", {.secret = true});
  t.add("sasl.cleartext", &c::cleartext, "Allow PLAIN without tls, which sends the password readable by all on the way.");
  t.rule([](const c& s) -> std::optional<setting_problem> {
    if (s.cert.empty() == s.key.empty())
      return std::nullopt;
    return setting_problem{s.key.empty() ? "tls.cert" : "tls.key", "tls.cert and tls.key only go together"};
  });
  t.rule([](const c& s) -> std::optional<setting_problem> {
    if (s.mechanism.empty() && !(s.username.empty() && s.password.empty()))
      return setting_problem{s.username.empty() ? "sasl.password" : "sasl.username", "needs sasl.mechanism"};
    return std::nullopt;
  });
}

void add_delivery(settings_of<kafka_connection_config>& t) {
  using c = kafka_connection_config;
  t.add("request.timeout", &c::request_timeout, "How long a request of the start (describe, resolve, create) may take.",
        {.bounds = between(100ms, 10min)});
  t.add("transaction.timeout", &c::transaction_timeout, "After this time the broker aborts an open transaction.",
        {.bounds = between(1s, 15min),
         .trade_off = "Longer lets larger epochs through; shorter frees readers sooner when a process dies in a commit."});
  t.add("delivery.timeout", &c::delivery_timeout, "How long a record may wait for the broker's acknowledgement.",
        {.bounds = between(100ms, 15min)});
  t.add("linger", &c::linger, "How long the at-least-once producer gathers records for a batch.",
        {.bounds = between(0ms, 1min), .trade_off = "More throughput for more latency."});
  t.add("compression", &c::compression, "none, gzip, snappy, lz4 or zstd.",
        {.trade_off = "Less network and broker disk for more processor time."});
  t.add("topic.partitions", &c::topic_partitions,
        "Partitions of topics that Weir creates when the job does not say; 0: the broker's default.",
        {.bounds = between(0, 1'000'000)});
  t.add("topic.replication", &c::topic_replication, "Replication factor of topics that Weir creates; 0: the broker's default.",
        {.bounds = between(0, 100)});
  t.add("markers.partitions", &c::marker_partitions, "Partitions of the marker topic when Weir creates it.",
        {.bounds = between(1, 1000)});
}

const settings_of<kafka_connection_config>& kafka_table() {
  using c = kafka_connection_config;
  static const auto table = [] {
    settings_of<c> t;
    t.add("brokers", &c::brokers, "Brokers to ask first, host:port with commas between.", {.required = true});
    t.add("client.id", &c::client_id, "Name shown in the broker's logs and quotas.");
    add_security(t);
    add_delivery(t);
    t.add("properties", &c::properties,
          "Properties of librdkafka passed through as they are; one that would break a guarantee is refused with the reason. "
          "Those that hold secrets only by ${env:…} or ${file:…}.");
    return t;
  }();
  return table;
}

} // namespace

const setting& shards_setting() {
  static const setting s = [] {
    setting out;
    out.name = "shards";
    out.sentence =
        "So many jobs that each have a part of the keys, and may run on different nodes. Fixed for the life of the service's "
        "state.";
    out.type = setting_type::integer;
    out.fallback = "1";
    out.min = 1;
    out.max = 256;
    out.effect = change_effect::fixed;
    return out;
  }();
  return s;
}

const std::vector<config_section>& config_sections() {
  static const std::vector<config_section> sections{
      {"", "The file.", &top_table(), [](config& c, const setting_values& v) { c.name_space = top_table().make(v).name_space; }},
      section("checkpoint", "When state and output become durable.", checkpoint_table(), &config::checkpoint),
      section("restart", "What the supervisor does when a job fails.", restart_table(), &config::restart),
      section("memory", "What the process may hold in memory.", memory_table(), &config::memory),
      section("store", "Where state lives.", store_table(), &config::store),
      section("outbox", "Output between its checkpoint and its topic.", outbox_table(), &config::outbox),
      section("shutdown", "How the process stops.", shutdown_table(), &config::shutdown),
      section("logging", "What is written to standard error.", logging_table(), &config::logging),
      section("runtime", "The actor system.", runtime_table(), &config::runtime),
      section("health", "What the process tells over HTTP (docs/operations.md, docs/metrics.md).", health_table(),
              &config::health),
  };
  return sections;
}

const std::vector<config_section>& node_sections() {
  static const std::vector<config_section> sections = [] {
    std::vector<config_section> out;
    for (const auto& s : config_sections())
      if (s.name.empty() || s.name == "logging")
        out.push_back(s);
    out.push_back(section("node", "One process of a cluster (docs/nodes.md).", node_table(), &config::node));
    return out;
  }();
  return sections;
}

const std::vector<connection_type>& connection_types() {
  static const std::vector<connection_type> types{
      {"log", "The embedded log: topics in a directory of this machine.", &log_table()},
      {"kafka", "Apache Kafka.", &kafka_table()},
  };
  return types;
}

bool is_secret_property(std::string_view name) {
  for (std::string_view part : {"password", "secret", "key.pem", "token", "oauthbearer.config", "credential"})
    if (name.find(part) != std::string_view::npos)
      return true;
  return false;
}

} // namespace weir
