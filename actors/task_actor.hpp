#pragma once
#include <map>
#include "actors/job_shared.hpp"
#include "actors/messages.hpp"
#include "actors/service_side.hpp"

namespace weir {

struct task_options {
  participant_id who;
  std::shared_ptr<job_shared> shared;
  caf::actor supervisor;
  caf::actor coordinator;
  caf::actor store;
  const channel_transport* transport = nullptr;
  task_meter meter;
  std::shared_ptr<service_directory> directory;
};

/// The actor of an operator task or a sink writer: carries messages between channels, store, coordinator and its task_core.
struct task_state_of_actor : task_host {
  caf::stateful_actor<task_state_of_actor>* self = nullptr;
  task_options options;
  std::map<std::uint32_t, upstream> inputs;
  std::unique_ptr<service_side> services; ///< Of an actor service; outlives the core.
  std::unique_ptr<task_core> core;
  std::map<std::uint32_t, std::size_t> credits; ///< Gathered in a turn, returned at its end.
  bool started = false;                         ///< Every participant of the job is installed: what this one sends is heard.
  bool running = false;
  bool failed = false;
  std::optional<timestamp> timer;
  std::uint64_t reported_out = 0;
  static inline const char* name = "weir.task";

  explicit task_state_of_actor(caf::stateful_actor<task_state_of_actor>* s) : self(s) {}
  void return_credit(std::uint32_t channel, std::size_t bytes) override { credits[channel] += bytes; }
  void stage_delta(std::string chunk) override;
  void stage_outbox(std::string chunk) override;
  void stage_spill(std::string chunk) override;
  void acknowledge(std::uint64_t checkpoint, contribution c) override;
  void decline(std::uint64_t checkpoint, const std::string& why) override;
  void finished() override;

  void install(msg::install_task& m);
  void deliver(msg::frames& m);
  void pump();
  void fail(const error& e);

 private:
  void return_credits();
  void schedule_timer();
};
caf::behavior task_actor(caf::stateful_actor<task_state_of_actor>* self, task_options options);

} // namespace weir
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::task_options)
