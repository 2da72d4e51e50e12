#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <weir/cluster/control_log.hpp>
#include <weir/cluster/seat/serial_thread.hpp>
#include <weir/connectors/log/embedded_log.hpp>
#include <weir/core/timestamp.hpp>

namespace weir::cluster {

/// The control topic of a cluster on the embedded log: a compacted topic of a log in the store of the one node that leads for
/// good (the seam's contract is in control_log.hpp). Taking the id raises its epoch there, which refuses every earlier taker's
/// appends; a transaction is one of LMDB, so nothing is ever left open. Durable writes block: they, and reads, run on a thread of
/// its own.
class log_control_log final : public control_log {
 public:
  /// Makes log and topic if they are not there. `post` runs a function on the caller's thread, soon, never from inside. Blocks on
  /// the disk. Errors: those of embedded_log::open, incompatible (a topic of another form).
  static result<std::unique_ptr<log_control_log>> open(const std::string& directory, const std::string& topic,
                                                       std::function<void(std::function<void()>)> post);
  ~log_control_log() override;

  void take(took done) override;
  void append(const std::vector<control_entry>& entries, appended done) override;
  void read(std::uint64_t from, read_back done) override;
  /// When the disk answered last, of the monotonic clock. Any thread.
  [[nodiscard]] duration answered() const { return duration{answered_us_.load()}; }

 private:
  log_control_log(std::shared_ptr<embedded_log> log, log_topic topic, std::function<void(std::function<void()>)> post);
  void answer(std::function<void()> f);
  append_outcome append_now(const std::vector<control_entry>& entries);

  std::shared_ptr<embedded_log> log_;
  log_topic topic_;
  std::function<void(std::function<void()>)> post_;
  std::shared_ptr<std::atomic<bool>> alive_ = std::make_shared<std::atomic<bool>>(true);
  std::atomic<std::int64_t> answered_us_;
  std::uint64_t epoch_ = 0; ///< Of the working thread; 0: not taken.
  serial_thread working_;   ///< Last: it uses what is above.
};

/// Committed records of a control topic in the log of `directory`, at or above `from`. Blocks on the disk. Errors: not_found,
/// unavailable, store_corrupt.
result<std::vector<control_entry_at>> read_log_control(const std::string& directory, const std::string& topic,
                                                       std::uint64_t from);

} // namespace weir::cluster
