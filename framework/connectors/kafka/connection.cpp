#include <mutex>
#include <weir/connectors/kafka/admin.hpp>
#include <weir/connectors/kafka/sink.hpp>
#include <weir/connectors/kafka/source.hpp>

namespace weir {
namespace kafka {
namespace {

class kafka_connection final : public connection {
 public:
  explicit kafka_connection(kafka_config c) : config_(std::move(c)), type_("kafka") {}

  [[nodiscard]] const std::string& name() const override { return config_.name; }
  [[nodiscard]] const std::string& type() const override { return type_; }

  result<std::string> cluster_id() override {
    WEIR_ASSIGN(auto c, control({}));
    return admin{*c, config_.request_timeout}.cluster_id();
  }
  result<std::unique_ptr<source_connection>> open_source(const std::string& group, std::size_t queue_bytes,
                                                         const logger& log) override {
    WEIR_ASSIGN(auto c, control(log));
    return std::unique_ptr<source_connection>(std::make_unique<kafka_source>(config_, std::move(c), group, queue_bytes, log));
  }
  result<std::unique_ptr<sink_connection>> open_sink(std::size_t queue_bytes, const logger& log) override {
    WEIR_ASSIGN(auto c, control(log));
    return std::unique_ptr<sink_connection>(std::make_unique<kafka_sink>(config_, std::move(c), queue_bytes, log));
  }

 private:
  /// A client without partitions, for questions and orders; shared while somebody holds it. A consumer: a producer's
  /// question about a topic may create it, and a consumer's last stable offsets are asked for as read_committed.
  result<std::shared_ptr<client>> control(const logger& log) {
    std::lock_guard lock(mutex_);
    if (auto c = control_.lock())
      return c;
    if (!config_.host_name_verified)
      log.warning("the brokers' certificates are not checked for their host names (tls.verify.host is false)",
                  {{"connection", config_.name}});
    WEIR_ASSIGN(auto conf, make_conf(config_, {}, {{"isolation.level", "read_committed"}}));
    WEIR_ASSIGN(auto c, client::open(RD_KAFKA_CONSUMER, std::move(conf), config_.name, log));
    control_ = c;
    return c;
  }

  const kafka_config config_;
  const std::string type_;
  std::mutex mutex_;
  std::weak_ptr<client> control_;
};

} // namespace
} // namespace kafka

result<std::unique_ptr<connection>> make_kafka_connection(const connection_settings& s) {
  WEIR_ASSIGN(auto config, kafka::parse_kafka_config(s));
  return std::unique_ptr<connection>(std::make_unique<kafka::kafka_connection>(std::move(config)));
}

} // namespace weir
