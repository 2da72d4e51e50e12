#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <weir/cluster/control_log.hpp>
#include <weir/cluster/kafka/control_group.hpp>
#include <weir/cluster/kafka/control_tail.hpp>
#include <weir/cluster/kafka/control_writer.hpp>
#include <weir/cluster/seat/serial_thread.hpp>

namespace weir::cluster {

/// The control topic on Kafka (the seam's contract is in control_log.hpp). Blocking calls run on two threads of its own, one that
/// writes and one that reads, so that a read behind an open transaction never holds up the taking of the id that ends it.
class kafka_control_log final : public control_log {
 public:
  struct options {
    kafka::kafka_config config;
    std::string topic; ///< Also the one transactional id of all who lead.
    /// Runs a function on the caller's thread, soon, never from inside. Any thread.
    std::function<void(std::function<void()>)> post;
    std::chrono::milliseconds read_limit{2000}; ///< A read that takes longer is answered with unavailable.
    logger log;
  };
  /// `group` must outlive it and is used by the caller's thread only.
  kafka_control_log(options o, control_group& group);
  /// Waits for the calls under way; their answers are not given.
  ~kafka_control_log() override;

  void take(took done) override;
  void append(const std::vector<control_entry>& entries, appended done) override;
  void read(std::uint64_t from, read_back done) override;
  /// An entry outside of transactions, whoever leads: a sign of life. `done` as the others' answers.
  void say(control_entry e, std::function<void(result<>)> done);
  /// When the broker answered last, of the monotonic clock; at first, when this object was made. Any thread.
  [[nodiscard]] duration answered() const { return duration{answered_us_.load()}; }

 private:
  /// To the caller's thread, unless this object is gone by then.
  void answer(std::function<void()> f);
  void note_answer();
  void settle_stale(appended done, std::string before, std::chrono::steady_clock::time_point until);

  options options_;
  control_group& group_;
  std::shared_ptr<std::atomic<bool>> alive_ = std::make_shared<std::atomic<bool>>(true);
  std::int64_t read_to_ = 0; ///< Of the caller's thread: what the group's offset says, for people.
  std::atomic<std::int64_t> answered_us_;
  control_writer writer_, voice_; ///< Each of one thread: `voice_` of the reading one.
  control_tail tail_;
  serial_thread writing_, reading_; ///< Last: they use what is above.
};

} // namespace weir::cluster
