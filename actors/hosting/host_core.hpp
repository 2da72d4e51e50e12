#pragma once
#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>
#include <weir/caf/hosted_service.hpp>
#include <weir/connectors/connector.hpp>
#include <weir/task/command_appender.hpp>
#include "actors/hosting/answers.hpp"
#include "actors/hosting/event_window.hpp"
#include "actors/job_shared.hpp"

namespace weir {

/// What one partition may commit: stored by its host, read by whoever commits.
struct open_partition {
  std::size_t source = 0; ///< Index of the subscription and of its vertex.
  std::int32_t partition = 0;
  std::atomic<std::int64_t> lowest_not_done{0};
  std::atomic<std::uint64_t> undone{0}; ///< Events from there on that were read and are not done.
};
using open_partitions = std::deque<open_partition>;

/// Feeds an actor with the events of its topics and writes what it publishes. One thread; nothing blocks.
///
/// Each event is a request; its answer, an error or the lack of both decides by the policy of its subscription. What may be
/// committed is the lowest offset that is not done.
class host_core : private record_consumer {
 public:
  struct partition_parts {
    std::size_t source = 0;
    std::int32_t partition = 0;
    std::unique_ptr<partition_reader> reader; ///< Open at next_offset.
    std::int64_t next_offset = 0;
    std::optional<std::int64_t> stop;         ///< First offset that is not read any more.
    std::shared_ptr<std::atomic<bool>> woken; ///< There may be something to poll.
    task_meter meter;
    open_partition* open = nullptr; ///< Part of `open_partitions` below.
  };
  struct parts {
    std::shared_ptr<const hosted_service> service;
    std::string name; ///< Of the service.
    caf::actor_system* system = nullptr;
    caf::actor target;
    caf::strong_actor_ptr box; ///< An answer_box.
    std::vector<partition_parts> partitions;
    std::shared_ptr<open_partitions> open;
    std::vector<command_appender::target> outputs;
    std::vector<task_meter> output_meters;
    task_meter meter; ///< Of the actor.
    std::shared_ptr<job_shared> shared;
    std::size_t poll_bytes = 0; ///< Of one poll.
    logger log;
    const clock* time = nullptr;
  };
  explicit host_core(parts p);

  /// Does what there is to do. Errors: the attempt has failed; no further call.
  result<> step();
  /// Appends a record for the actor; `done` is called inside a later call, or inside this one if the record is refused.
  void publish(detail::publish_order order, std::function<void(std::optional<std::string> failed)> done);
  /// Reads nothing more.
  void drain() { draining_ = true; }

  /// `step` wants to be called again at once.
  [[nodiscard]] bool more() const { return more_; }
  /// When `step` is to be called although nothing woke the host, on the monotonic clock.
  [[nodiscard]] std::optional<duration> next_look() const;
  /// Everything that was read is done, what was published is acknowledged, and no more is to be read.
  [[nodiscard]] bool drained() const { return drained_; }

 private:
  struct event {
    caf::message message;
    std::unique_ptr<raw_record> raw; ///< Kept where it may become a dead letter.
  };
  struct deadline {
    duration at{0};
    std::uint64_t number = 0;
    unsigned attempt = 0;
  };
  struct partition {
    partition_parts parts;
    const detail::hosted_subscription* from = nullptr;
    event_window<event> window;
    std::deque<std::uint64_t> waiting; ///< Numbers, in order.
    std::deque<deadline> deadlines;    ///< Times rise: one time-out for all.
    std::optional<error> unreadable{}; ///< Nothing behind this record is read; it fails the attempt when all before it is done.
    bool more = true;
    bool ended = false;
    std::uint64_t read = 0, sent = 0;
  };
  using entry = event_window<event>::entry;
  struct retry {
    std::size_t partition = 0;
    std::uint64_t number = 0;
    unsigned doubtful = 0; ///< Not 0: no retry, but the end of the doubt whether this try failed or the actor is down.
  };

  void consume(const record_view& record) override;
  void reject(partition& p, const record_view& record, const error& e);
  void poll(std::size_t index);
  void send(std::size_t index, std::uint64_t number, entry& e);
  void send_waiting(std::size_t index);
  void on_answer(const event_answer& a);
  void on_due(duration now);
  void failed_try(std::size_t index, std::uint64_t number, entry& e, const std::string& reason);
  void append_letter(std::size_t output, raw_record letter, std::size_t index, std::uint64_t number);
  void on_appended(std::uint64_t call, std::optional<ask_error> failed);
  void finish();
  void fail(errc code, const std::string& place, const std::string& why);
  void look_at_unanswered(duration now);
  void show();
  [[nodiscard]] std::string place_of(const partition& p, std::int64_t offset) const;
  [[nodiscard]] header_list letter_headers(const partition& p, std::int64_t offset, header_list own, const char* reason,
                                           const std::string& what) const;
  [[nodiscard]] std::size_t index_of(const partition& p) const { return static_cast<std::size_t>(&p - partitions_.data()); }

  parts parts_;
  std::vector<partition> partitions_;
  std::vector<event_answer> answers_;
  std::multimap<duration, retry> retries_; ///< By when they are due.
  command_appender appender_;
  std::uint64_t next_call_ = 1;
  struct appended {
    std::size_t output = 0;
    std::function<void(std::optional<std::string>)> done;
  };
  std::unordered_map<std::uint64_t, appended> calls_;
  std::vector<std::uint64_t> written_; ///< By output.
  std::uint64_t answered_ = 0, told_in_ = 0, told_out_ = 0;
  std::shared_ptr<std::atomic<std::uint64_t>> failed_tries_, late_tries_, skipped_, letters_;
  std::optional<error> failed_;
  partition* polled_ = nullptr; ///< Whose records are being consumed.
  duration looked_{0};
  bool showing_unanswered_ = false;
  bool draining_ = false, asked_to_drain_ = false, answered_drain_ = false, drained_ = false;
  bool more_ = false;
};

} // namespace weir
