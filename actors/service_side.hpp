#pragma once
#include <memory>
#include <unordered_map>
#include <weir/task/command_appender.hpp>
#include "actors/messages.hpp"
#include "actors/service_directory.hpp"

namespace weir {

struct task_state_of_actor;

/// What the task actor of an actor service does beside its channels: sends asks, answers those that come, appends commands.
class service_side final : public service_host {
 public:
  service_side(task_state_of_actor& task, std::shared_ptr<service_directory> directory,
               std::vector<command_appender::target> topics);

  void ask(std::uint64_t call, ask_message m, duration timeout) override;
  void reply(std::uint64_t token, ask_outcome outcome) override;
  void append(std::uint64_t call, std::size_t command_topic, raw_record record) override;
  void want_checkpoint() override;
  void handling(const std::string* handler) override;

  /// An ask from elsewhere; the promise is fulfilled when the handler ends.
  void asked(ask_message m, caf::typed_response_promise<msg::ask_reply> promise);
  /// Producers may have acknowledged something. Errors fail the task.
  result<> poll() { return appender_.poll(); }
  /// Shows parked keys when they have changed.
  void report(service_port& port);

 private:
  void answer(std::uint64_t call, ask_outcome outcome);

  task_state_of_actor& task_;
  std::shared_ptr<service_directory> directory_;
  command_appender appender_;
  std::unordered_map<std::uint64_t, caf::typed_response_promise<msg::ask_reply>> open_;
  std::uint64_t next_token_ = 1;
  std::uint64_t reported_ = ~std::uint64_t{0}; ///< None: what an earlier attempt showed is replaced also by nothing.
};

} // namespace weir
