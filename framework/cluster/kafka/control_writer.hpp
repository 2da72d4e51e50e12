#pragma once
#include <chrono>
#include <memory>
#include <string>
#include <vector>
#include <weir/cluster/control_log.hpp>
#include <weir/cluster/kafka/control_group.hpp>
#include <weir/connectors/kafka/call_thread.hpp>
#include <weir/connectors/kafka/client.hpp>
#include <weir/connectors/kafka/errors.hpp>

namespace weir::cluster {

/// The transactional side of the control topic. All calls block, within the limits of the connection; one thread.
class control_writer {
 public:
  control_writer(kafka::kafka_config config, std::string topic, logger log)
      : config_(std::move(config)), topic_(std::move(topic)), log_(std::move(log)) {}

  /// A new producer under the one transactional id, `init_transactions`: fences every other and ends what it left open. Errors:
  /// unavailable, not_authorized, fenced (somebody took it at the same moment).
  result<> take();

  struct outcome {
    append_outcome what = append_outcome::unknown;
    bool stale_generation = false; ///< Of retriable: the group refused the member.
    std::string why;
  };
  /// One transaction with the entries and, under the member's metadata, `offset` as the group's. Without a producer of its own
  /// (never taken, or lost since) nothing is written and the outcome is unknown, so that it is taken anew.
  outcome append(const std::vector<control_entry>& entries, const control_group::metadata_ptr& group, std::int64_t offset);
  /// One entry outside of any transaction. Errors: unavailable.
  result<> say(const control_entry& e);

 private:
  struct deliveries;
  template <class Call>
  kafka::call_outcome guarded(Call call);
  /// The same again while librdkafka says that it may be made again, within the limit of a request.
  template <class Call>
  kafka::call_outcome repeated(Call call);
  [[nodiscard]] static rd_kafka_resp_err_t produce(rd_kafka_t* rk, const std::string& topic, const control_entry& e);
  outcome failed(const kafka::call_outcome& cause, bool stale = false);
  outcome commit();

  kafka::kafka_config config_;
  std::string topic_;
  logger log_;
  kafka::call_thread calls_;
  std::shared_ptr<deliveries> deliveries_;
  std::shared_ptr<kafka::client> producer_;
  std::shared_ptr<kafka::client> plain_; ///< For `say`.
};

} // namespace weir::cluster
