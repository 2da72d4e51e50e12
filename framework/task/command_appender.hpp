#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>
#include <weir/services/service_port.hpp>
#include <weir/task/sink_targets.hpp>

namespace weir {

/// Appends records to the command topics of an actor service and says when each topic has them. One thread (the task's);
/// nothing blocks.
class command_appender {
 public:
  struct target {
    destination to;
    std::shared_ptr<direct_producer> producer; ///< Topics of one connection may share it.
  };
  /// Tells how the append of a call went.
  using answer_function = std::function<void(std::uint64_t call, std::optional<ask_error> failed)>;

  command_appender(std::vector<target> targets, answer_function answer);
  /// Sends the record, now or when there is room. A record that the topic cannot take is answered with `failed`.
  void append(std::uint64_t call, std::size_t topic, raw_record record);
  /// Looks what was acknowledged; after each wake-up of a producer. Errors: a producer failed: everything open is answered
  /// with `unavailable`, and the task must restart.
  result<> poll();
  [[nodiscard]] std::size_t open() const { return waiting_.size() + sent_.size(); }

 private:
  struct pending {
    std::uint64_t call = 0;
    std::size_t topic = 0;
    raw_record record;
    std::uint64_t mark = 0;
  };
  result<bool> send(pending& p);
  error fail(const error& e);

  std::vector<target> targets_;
  answer_function answer_;
  std::deque<pending> waiting_; ///< For room; in order.
  std::deque<pending> sent_;
};

} // namespace weir
