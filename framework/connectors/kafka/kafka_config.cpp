#include <unistd.h>
#include <algorithm>
#include <array>
#include <charconv>
#include <weir/connectors/kafka/kafka_config.hpp>
#include <weir/core/quantity.hpp>
#include <weir/core/suggest.hpp>

namespace weir::kafka {
namespace {

constexpr auto options_table = std::to_array<option_info>({
    {"brokers", "First brokers to ask, host:port, separated by commas. Required."},
    {"client.id", "Name shown in the broker's logs and quotas; default \"weir\"."},
    {"tls", "true: encrypt; implied by any other tls.* option."},
    {"tls.ca", "File or folder of the certificate authorities to trust (PEM); default: the system's."},
    {"tls.cert", "File of the client's certificate (PEM)."},
    {"tls.key", "File of the client's private key (PEM)."},
    {"tls.key.password", "Password of the private key."},
    {"tls.verify.host", "false: accept a broker whose certificate names another host; warned about at each start. Default true."},
    {"sasl.mechanism", "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, GSSAPI or OAUTHBEARER."},
    {"sasl.username", "User name for PLAIN and SCRAM."},
    {"sasl.password", "Password for PLAIN and SCRAM."},
    {"sasl.cleartext", "true: allow PLAIN without TLS, which sends the password readable by all on the way. Default false."},
    {"request.timeout", "How long a request of the start (describe, resolve, create) may take; default 10s."},
    {"transaction.timeout", "After this the broker aborts an open transaction; default 60s, broker's limit mostly 15m."},
    {"delivery.timeout", "How long a record may wait for the broker's acknowledgement; default half of transaction.timeout."},
    {"linger", "How long the at-least-once producer gathers records for a batch; default 1ms."},
    {"compression", "none, gzip, snappy, lz4 or zstd; default none."},
    {"topic.partitions", "Partitions of topics that Weir creates when the job does not say; default: the broker's."},
    {"topic.replication", "Replication factor of topics that Weir creates; default: the broker's."},
    {"markers.partitions", "Partitions of the marker topic when Weir creates it; default 4."},
});

constexpr auto refused_table = std::to_array<refused_property>({
    {"acks", "output counts as published only when all in-sync replicas have it (all)"},
    {"request.required.acks", "output counts as published only when all in-sync replicas have it (all)"},
    {"auto.commit.enable", "offsets belong to checkpoints; Weir commits them itself for monitoring"},
    {"auto.offset.reset", "a lost offset must be seen (error), not jumped over; the source's start position and policy decide"},
    {"bootstrap.servers", "use the option brokers"},
    {"metadata.broker.list", "use the option brokers"},
    {"batch.size", "Weir derives it from the topics' max.message.bytes, so that no batch is refused for one of its records"},
    {"check.crcs", "damaged records must be noticed; it is always on"},
    {"client.id", "use the option client.id"},
    {"compression.codec", "use the option compression"},
    {"compression.type", "use the option compression"},
    {"default_topic_conf", "it is not a text"},
    {"delivery.report.only.error", "Weir needs the reports it asks for"},
    {"delivery.timeout.ms", "use the option delivery.timeout"},
    {"message.timeout.ms", "use the option delivery.timeout"},
    {"dr_cb", "callbacks are Weir's"},
    {"dr_msg_cb", "callbacks are Weir's"},
    {"enable.auto.commit", "offsets belong to checkpoints; Weir commits them itself for monitoring"},
    {"enable.auto.offset.store", "offsets belong to checkpoints; Weir commits them itself for monitoring"},
    {"enable.gapless.guarantee", "it belongs to enable.idempotence, which Weir sets"},
    {"enable.idempotence", "without it retries double or reorder records; it is always on"},
    {"enable.partition.eof", "idleness and bounded reads need it; it is always on"},
    {"fetch.message.max.bytes", "Weir divides memory.limit over the partitions; a larger record is fetched all the same"},
    {"max.partition.fetch.bytes", "Weir divides memory.limit over the partitions; a larger record is fetched all the same"},
    {"fetch.max.bytes", "Weir divides memory.limit over the partitions; a larger record is fetched all the same"},
    {"group.id", "the job's name decides it"},
    {"group.instance.id", "Weir assigns partitions itself"},
    {"group.protocol", "Weir assigns partitions itself"},
    {"isolation.level", "records of open or aborted transactions must not be read; it is always read_committed"},
    {"linger.ms", "use the option linger"},
    {"queue.buffering.max.ms", "use the option linger"},
    {"log.queue", "Weir takes the log"},
    {"max.in.flight", "more than 5 requests in flight break the idempotent producer's order"},
    {"max.in.flight.requests.per.connection", "more than 5 requests in flight break the idempotent producer's order"},
    {"message.max.bytes", "the topic's max.message.bytes decides; a local limit would fail records it allows"},
    {"message.send.max.retries", "retries end by delivery.timeout; fewer would fail records that could be written"},
    {"retries", "retries end by delivery.timeout; fewer would fail records that could be written"},
    {"partitioner", "Weir chooses the partition before a record enters a checkpoint, as the Java client does"},
    {"plugin.library.paths", "an interceptor could change or drop records"},
    {"produce.offset.report", "Weir needs the reports it asks for"},
    {"queue.buffering.max.kbytes", "Weir divides memory.limit over the queues"},
    {"queue.buffering.max.messages", "Weir divides memory.limit over the queues"},
    {"queued.max.messages.kbytes", "Weir divides memory.limit over the queues"},
    {"queued.min.messages", "Weir divides memory.limit over the queues"},
    {"sasl.mechanism", "use the option sasl.mechanism"},
    {"sasl.mechanisms", "use the option sasl.mechanism"},
    {"sasl.username", "use the option sasl.username"},
    {"sasl.password", "use the option sasl.password"},
    {"security.protocol", "the options tls and sasl.mechanism decide it"},
    {"ssl.ca.location", "use the option tls.ca"},
    {"ssl.certificate.location", "use the option tls.cert"},
    {"ssl.key.location", "use the option tls.key"},
    {"ssl.key.password", "use the option tls.key.password"},
    {"enable.ssl.certificate.verification", "it would accept any broker, also a false one"},
    {"ssl.endpoint.identification.algorithm", "use the option tls.verify.host, which warns when it is off"},
    {"test.mock.num.brokers", "a mock broker keeps no promise"},
    {"transaction.timeout.ms", "use the option transaction.timeout"},
    {"transactional.id", "it fences: namespace, job, connection and slot decide it"},
});

error bad(const connection_settings& s, const std::string& what) {
  return {errc::invalid_config, "connection '" + s.name + "': " + what};
}

/// Every property this librdkafka knows.
std::vector<std::string> known_properties() {
  std::vector<std::string> names;
  conf_ptr conf(rd_kafka_conf_new());
  std::size_t n = 0;
  const char** dump = rd_kafka_conf_dump(conf.get(), &n);
  for (std::size_t i = 0; i + 1 < n; i += 2)
    names.emplace_back(dump[i]);
  rd_kafka_conf_dump_free(dump, n);
  return names;
}

std::string near_property(const std::string& word) {
  auto names = known_properties();
  std::vector<std::string_view> views(names.begin(), names.end());
  return did_you_mean(word, views);
}

/// librdkafka's own text, but for values that may be secret: its texts repeat the value.
std::string set_error(const std::string& name, const char* text, rd_kafka_conf_res_t res) {
  if (res == RD_KAFKA_CONF_UNKNOWN)
    return "property '" + name + "': " + text + near_property(name);
  if (is_secret(name))
    return "property '" + name + "': its value is not accepted (not shown: it may be secret)";
  return "property '" + name + "': " + text;
}

result<> set_all(rd_kafka_conf_t* conf, const std::string& connection, const auto& properties) {
  char text[512];
  for (const auto& [name, value] : properties) {
    auto res = rd_kafka_conf_set(conf, name.c_str(), value.c_str(), text, sizeof text);
    if (res != RD_KAFKA_CONF_OK)
      return {errc::invalid_config, "connection '" + connection + "': " + set_error(name, text, res)};
  }
  return success();
}

/// Reads the options one by one, remembering the first error.
class option_reader {
 public:
  explicit option_reader(const connection_settings& s) : s_(s) {}

  const std::string* text(const std::string& name) {
    auto it = s_.options.find(name);
    return it == s_.options.end() ? nullptr : &it->second;
  }
  bool flag(const std::string& name, bool otherwise) {
    auto* v = text(name);
    if (!v)
      return otherwise;
    if (*v != "true" && *v != "false")
      fail("option '" + name + "' must be true or false");
    return *v == "true";
  }
  std::chrono::milliseconds time(const std::string& name, std::chrono::milliseconds otherwise, std::chrono::milliseconds low,
                                 std::chrono::milliseconds high) {
    auto* v = text(name);
    if (!v)
      return otherwise;
    auto d = parse_duration(*v);
    if (!d) {
      fail("option '" + name + "': " + d.err().message);
      return otherwise;
    }
    auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(*d);
    if (ms < low || ms > high)
      fail("option '" + name + "' must be from " + format_duration(low) + " to " + format_duration(high));
    return ms;
  }
  int number(const std::string& name, int otherwise, int low, int high) {
    auto* v = text(name);
    if (!v)
      return otherwise;
    int n = 0;
    auto [end, ec] = std::from_chars(v->data(), v->data() + v->size(), n);
    if (ec != std::errc{} || end != v->data() + v->size() || n < low || n > high)
      fail("option '" + name + "' must be a whole number from " + std::to_string(low) + " to " + std::to_string(high));
    return n;
  }
  void fail(const std::string& what) {
    if (ok_)
      error_ = bad(s_, what);
    ok_ = false;
  }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] const error& err() const { return error_; }

 private:
  const connection_settings& s_;
  bool ok_ = true;
  error error_;
};

void read_security(option_reader& in, kafka_config& c) {
  bool tls = false;
  auto file = [&](const char* option, const char* property) {
    if (auto* v = in.text(option)) {
      tls = true;
      if (::access(v->c_str(), R_OK) != 0)
        in.fail("option '" + std::string(option) + "': the file '" + *v + "' cannot be read");
      c.common.emplace_back(property, *v);
    }
  };
  file("tls.ca", "ssl.ca.location");
  file("tls.cert", "ssl.certificate.location");
  file("tls.key", "ssl.key.location");
  if ((in.text("tls.cert") == nullptr) != (in.text("tls.key") == nullptr))
    in.fail("options 'tls.cert' and 'tls.key' belong together");
  if (auto* v = in.text("tls.key.password")) {
    tls = true;
    c.common.emplace_back("ssl.key.password", *v);
  }
  c.host_name_verified = in.flag("tls.verify.host", true);
  tls = tls || in.text("tls.verify.host");
  if (in.text("tls")) {
    if (!in.flag("tls", true) && tls)
      in.fail("option 'tls' is false but other tls.* options are given");
    tls = tls || in.flag("tls", true);
  }
  c.common.emplace_back("ssl.endpoint.identification.algorithm", c.host_name_verified ? "https" : "none");
  bool sasl = false;
  if (auto* m = in.text("sasl.mechanism")) {
    sasl = true;
    static constexpr std::array<std::string_view, 5> known{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI", "OAUTHBEARER"};
    if (std::find(known.begin(), known.end(), *m) == known.end())
      in.fail("option 'sasl.mechanism': there is no mechanism '" + *m + "'" + did_you_mean(*m, known));
    bool by_password = m->starts_with("SCRAM") || *m == "PLAIN";
    if (by_password && (!in.text("sasl.username") || !in.text("sasl.password")))
      in.fail("sasl.mechanism " + *m + " needs the options 'sasl.username' and 'sasl.password'");
    if (*m == "PLAIN" && !tls && !in.flag("sasl.cleartext", false))
      in.fail(
          "sasl.mechanism PLAIN without TLS sends the password readable by all on the way: add 'tls': 'true', use SCRAM, or "
          "set 'sasl.cleartext': 'true'");
    c.common.emplace_back("sasl.mechanisms", *m);
  }
  for (const char* name : {"sasl.username", "sasl.password"})
    if (auto* v = in.text(name)) {
      if (!sasl)
        in.fail("option '" + std::string(name) + "' needs 'sasl.mechanism'");
      c.common.emplace_back(name, *v);
    }
  c.common.emplace_back("security.protocol", tls ? (sasl ? "sasl_ssl" : "ssl") : (sasl ? "sasl_plaintext" : "plaintext"));
}

result<> check_names(const connection_settings& s) {
  for (const auto& [name, value] : s.options) {
    auto known =
        std::any_of(options_table.begin(), options_table.end(), [&name = name](const option_info& o) { return o.name == name; });
    if (known)
      continue;
    std::vector<std::string_view> names;
    names.reserve(options_table.size());
    for (const auto& o : options_table)
      names.push_back(o.name);
    return bad(s, "there is no option '" + name + "' for Kafka" + did_you_mean(name, names));
  }
  for (const auto& [name, value] : s.properties)
    for (const auto& r : refused_properties())
      if (r.name == name)
        return bad(s, "property '" + name + "' cannot be set: " + std::string(r.reason));
  return success();
}

} // namespace

std::span<const option_info> all_options() { return options_table; }

std::span<const refused_property> refused_properties() { return refused_table; }

bool is_secret(std::string_view name) {
  for (std::string_view part : {"password", "secret", "ssl.key.pem", "token", "oauthbearer.config", "jaas"})
    if (name.find(part) != std::string_view::npos)
      return true;
  return false;
}

result<kafka_config> parse_kafka_config(const connection_settings& s) {
  using namespace std::chrono_literals;
  WEIR_TRY(check_names(s));
  kafka_config c;
  c.name = s.name;
  c.properties = s.properties;
  option_reader in(s);
  auto* brokers = in.text("brokers");
  if (!brokers || brokers->empty())
    return bad(s, "option 'brokers' is missing: a list of host:port");
  c.common.emplace_back("bootstrap.servers", *brokers);
  auto* id = in.text("client.id");
  c.common.emplace_back("client.id", id ? *id : "weir");
  read_security(in, c);
  c.request_timeout = in.time("request.timeout", 10s, 100ms, 5min);
  c.transaction_timeout = in.time("transaction.timeout", 60s, 1s, 15min);
  c.delivery_timeout = in.time("delivery.timeout", c.transaction_timeout / 2, 100ms, 15min);
  if (c.delivery_timeout > c.transaction_timeout)
    in.fail("option 'delivery.timeout' must not be above 'transaction.timeout'");
  c.linger = in.time("linger", 1ms, 0ms, 10s);
  if (auto* v = in.text("compression")) {
    static constexpr std::array<std::string_view, 5> known{"none", "gzip", "snappy", "lz4", "zstd"};
    if (std::find(known.begin(), known.end(), *v) == known.end())
      in.fail("option 'compression': there is no '" + *v + "'; one of none, gzip, snappy, lz4, zstd");
    c.compression = *v;
  }
  c.topic_partitions = in.number("topic.partitions", -1, 1, 100'000);
  c.topic_replication = in.number("topic.replication", -1, 1, 100);
  c.marker_partitions = in.number("markers.partitions", 4, 1, 1000);
  if (!in.ok())
    return in.err();
  WEIR_ASSIGN([[maybe_unused]] auto conf, make_conf(c, {}, {}));
  return c;
}

result<conf_ptr> make_conf(const kafka_config& c, const property_list& defaults, const property_list& fixed) {
  conf_ptr conf(rd_kafka_conf_new());
  // A request waits in the socket until the answer to the one before, unless Nagle's algorithm is off.
  static const property_list always{{"socket.nagle.disable", "true"}, {"log.connection.close", "false"}};
  WEIR_TRY(set_all(conf.get(), c.name, always));
  WEIR_TRY(set_all(conf.get(), c.name, defaults));
  WEIR_TRY(set_all(conf.get(), c.name, c.common));
  WEIR_TRY(set_all(conf.get(), c.name, c.properties));
  WEIR_TRY(set_all(conf.get(), c.name, fixed));
  return conf;
}

} // namespace weir::kafka
