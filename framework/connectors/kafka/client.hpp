#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <weir/connectors/kafka/handles.hpp>
#include <weir/core/logger.hpp>
#include <weir/core/result.hpp>

namespace weir::kafka {

/// One librdkafka client with its main queue served: errors become a status, log lines go to Weir's logger, delivery
/// reports to a hook. librdkafka's background thread does that; it sleeps until there is an event. Any thread.
class client {
 public:
  struct hooks {
    /// A delivery report event; borrowed. Called from librdkafka's background thread.
    std::function<void(rd_kafka_event_t*)> delivered;
    /// The cluster became unreachable, or refuses us. Background thread; must not block.
    std::function<void()> trouble;
  };

  /// Who takes what a consumer's own queue holds: messages, rebalances, and with them the group's limit between two polls.
  enum class consumer_queue : std::uint8_t {
    served, ///< librdkafka's background thread, as all else.
    polled, ///< The caller, by rd_kafka_consumer_poll.
  };
  /// Does not wait for a broker. Errors: invalid_config, with librdkafka's text.
  static result<std::shared_ptr<client>> open(rd_kafka_type_t type, conf_ptr conf, const std::string& connection,
                                              const logger& log, hooks h = {}, consumer_queue queue = consumer_queue::served);
  /// Forgets the hooks, then destroys the client on a thread of its own and waits at most 5 s for it: librdkafka's
  /// destruction waits for its threads, and a hung one must not hang the process.
  ~client();
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  [[nodiscard]] rd_kafka_t* get() const { return rk_; }

  /// An error that librdkafka reports by its callback, from the thread that polls a partition's queue, instead of as a
  /// message: a topic or partition that went away.
  struct queue_error {
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
    std::string text;
  };
  /// While one lives, such errors of the calling thread are kept in it (the last one counts).
  class queue_error_trap {
   public:
    explicit queue_error_trap(queue_error& into);
    ~queue_error_trap();
    queue_error_trap(const queue_error_trap&) = delete;
    queue_error_trap& operator=(const queue_error_trap&) = delete;
  };
  /// Replaces the hooks; when it returns no former hook runs or will run.
  void set_hooks(hooks h);

  /// Why the cluster does not answer, if librdkafka said so in the last 15 s and since `clear_trouble`.
  [[nodiscard]] std::optional<error> trouble() const;
  /// Something was received: the cluster answers again.
  void clear_trouble();
  /// An `unavailable` error with the status known: "WHAT: ... (last reported: ...)".
  [[nodiscard]] error unavailable(const std::string& what) const;

 private:
  struct shared;
  client(rd_kafka_t* rk, std::shared_ptr<shared> s) : rk_(rk), shared_(std::move(s)) {}
  static void on_event(rd_kafka_t* rk, rd_kafka_event_t* event, void* opaque);
  static void on_error(rd_kafka_t* rk, int err, const char* text, void* opaque);
  static void note_trouble(shared& s, rd_kafka_resp_err_t err, const std::string& text);
  static void on_log(const rd_kafka_t* rk, int level, const char* facility, const char* text);

  rd_kafka_t* rk_;
  std::shared_ptr<shared> shared_;
};

} // namespace weir::kafka
