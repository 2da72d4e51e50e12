#pragma once
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>
#include <weir/connectors/connector.hpp>
#include <weir/connectors/kafka/call_thread.hpp>
#include <weir/connectors/kafka/client.hpp>
#include <weir/connectors/kafka/errors.hpp>
#include <weir/connectors/kafka/kafka_config.hpp>
#include <weir/connectors/kafka/topic_limits.hpp>

namespace weir::kafka {

/// What a publisher is made for.
struct publisher_options {
  std::string id;
  std::string marker_topic;
  std::int32_t marker_partition = 0;
  std::size_t queue_bytes = 0;
};

/// Failed deliveries of the open transaction, gathered by librdkafka's background thread.
class delivery_failures {
 public:
  struct failure {
    std::size_t record = 0; ///< `marker_record` for the marker.
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
  };
  void take(rd_kafka_event_t* event);
  void clear();
  [[nodiscard]] std::vector<failure> all() const;
  [[nodiscard]] bool any() const { return any_.load(std::memory_order_relaxed); }

 private:
  mutable std::mutex mutex_;
  std::vector<failure> failures_;
  std::atomic<bool> any_{false};
};

/// The exactly-once road (design section 8). A record's index in a report counts from the first `add` of the
/// transaction. After `fenced` and `unknown` every further call answers the same: the job ends, or makes a new publisher.
class kafka_publisher final : public transactional_publisher {
 public:
  kafka_publisher(kafka_config config, publisher_options options, std::shared_ptr<topic_limits> limits, logger log);
  ~kafka_publisher() override;

  result<> fence() override;
  result<std::optional<marker>> read_marker() override;
  publish_report add(std::span<const output_record> records) override;
  void set_group_offsets(const std::string& group,
                         const std::map<std::pair<std::string, std::int32_t>, std::int64_t>& next) override;
  publish_report commit(const marker& m) override;
  void abort() override;

 private:
  static constexpr std::size_t usual_batch = 1'000'000;
  enum class state {
    unfenced, ///< No producer, or one to be replaced: `fence`, or the next `add` after a first fence, leads to `ready`.
    ready,    ///< Fenced, no transaction is open. `add` and `commit` lead to `open`.
    open,     ///< A transaction is open. `commit` and `abort` lead to `ready`; trouble to `unfenced`, `unknown`, `fenced`.
    unknown,  ///< A commit may have happened or a call hangs. Final.
    fenced,   ///< Another holder has our id. Final.
  };
  /// A record of the open transaction, for finding which one could not be written.
  struct sent {
    std::uint32_t bytes = 0;
    std::uint32_t topic = 0;
  };

  [[nodiscard]] result<std::shared_ptr<client>> make_producer();
  template <class Call>
  call_outcome guarded(Call call, std::chrono::milliseconds limit);
  [[nodiscard]] result<> init_transactions();
  [[nodiscard]] publish_report ensure_open();
  /// A new producer in place of the present one, if nobody published under the id meanwhile.
  [[nodiscard]] publish_report replace();
  [[nodiscard]] publish_report begin();
  [[nodiscard]] call_outcome produce(const output_record& r, std::size_t index);
  [[nodiscard]] rd_kafka_topic_t* handle_of(std::string_view topic);
  [[nodiscard]] publish_report send_group_offsets();
  [[nodiscard]] publish_report commit_transaction();
  /// Judges a failure before the commit was asked for, aborts, and says what became of the publish.
  publish_report fail(const call_outcome& cause);
  publish_report judge_failures(const call_outcome& cause);
  /// `refused` ascends by record and is not empty.
  publish_report judge_refused(const std::vector<delivery_failures::failure>& refused);
  publish_report judge_too_large(const std::vector<delivery_failures::failure>& refused);
  [[nodiscard]] publish_report unwritable(const std::vector<std::size_t>& records, const error& cause) const;
  publish_report isolate(errc code, const std::string& what);
  /// Asks for the limits of the topics of refused records anew: they may have been lowered.
  void read_limits(const std::vector<delivery_failures::failure>& refused);
  [[nodiscard]] bool topic_is_gone(std::string& which);
  void abort_or_replace();
  void forget_transaction();
  publish_report end(state s, publish_outcome outcome, const std::string& why);
  [[nodiscard]] std::chrono::milliseconds call_limit() const;
  [[nodiscard]] std::string where() const;

  kafka_config config_;
  publisher_options options_;
  std::shared_ptr<topic_limits> limits_;
  logger log_;
  std::shared_ptr<delivery_failures> failures_ = std::make_shared<delivery_failures>();
  call_thread calls_;
  std::shared_ptr<client> producer_;
  std::map<std::string, topic_ptr, std::less<>> handles_; // Destroyed before the producer they belong to.
  state state_ = state::unfenced;
  bool fenced_once_ = false;
  bool marker_known_ = false;    ///< `marker_` is what a reader would find, as far as we know.
  std::optional<marker> marker_; ///< Last read, or committed by us.
  std::size_t batch_bytes_ = 0;  ///< Of the producer; 0: none was made.
  bool isolating_ = false;       ///< Every record in a batch of its own, to see which one is refused.
  bool replace_producer_ = false;
  std::vector<sent> sent_;
  std::vector<std::string> topics_; ///< Of the open transaction; `sent::topic` is the index.
  std::string group_;
  std::map<std::pair<std::string, std::int32_t>, std::int64_t> group_offsets_;
  error final_cause_;
};

} // namespace weir::kafka
