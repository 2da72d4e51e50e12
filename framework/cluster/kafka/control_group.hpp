#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <weir/cluster/lead_source.hpp>
#include <weir/connectors/kafka/client.hpp>
#include <weir/connectors/kafka/kafka_config.hpp>

namespace weir::cluster {

/// The consumer group of the control topic: whoever is given its only partition leads (design, section 10). Static membership
/// under the node's name and the cooperative protocol, so that neither a joining node nor one that is back within its session
/// moves the lead. Only `poll` keeps it: librdkafka's heartbeats alone would keep a hung leader in office. One thread.
/// A member that does not hear the broker for a session joins anew, unheard of: the broker gives its place to that request, and
/// fences it when it can be heard again, as it would for another process of its name. Then it joins with a new client.
class control_group final : public lead_source {
 public:
  struct options {
    kafka::kafka_config config;
    std::string topic; ///< Has one partition; the group has its name.
    std::string node;
    /// Without a heartbeat, or a poll, for this long the broker gives the lead to another node.
    std::chrono::milliseconds session{6000};
    logger log;
  };
  /// Joins with the first `rejoin`, which is for when the topic is there. Waits for no broker. Errors: invalid_config.
  static result<std::unique_ptr<control_group>> make(options o);
  /// Leaves the group, as far as that is done in a second; else the end of the session does it.
  ~control_group() override;
  control_group(const control_group&) = delete;

  standing poll() override;
  void give_up() override;
  void rejoin() override;
  [[nodiscard]] standing now() const { return standing_; }

  using metadata_ptr = std::shared_ptr<rd_kafka_consumer_group_metadata_t>;
  /// What a transaction of this member sends along; null: not a member yet.
  [[nodiscard]] metadata_ptr metadata() const;
  /// Differs between two generations or member ids.
  [[nodiscard]] std::string fingerprint() const;

 private:
  explicit control_group(options o) : options_(std::move(o)) {}
  static void on_rebalance(rd_kafka_t* rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t* parts, void*);
  void rebalanced(rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t* parts);
  void poll_once(std::chrono::milliseconds at_most);
  [[nodiscard]] bool is_member() const;
  void note_membership();
  result<> open();
  /// Whether the one that took this member's place may be a request of its own, the answer to which was lost.
  [[nodiscard]] bool may_be_ourselves() const;
  void subscribe();

  options options_;
  std::shared_ptr<kafka::client> client_;
  standing standing_ = standing::out;
  bool wanted_ = false; ///< Subscribed.
  std::chrono::steady_clock::time_point next_look_{};
  bool member_ = false;                                       ///< When last looked.
  std::optional<std::chrono::steady_clock::time_point> lost_; ///< The session, since this client was opened.
};

} // namespace weir::cluster
