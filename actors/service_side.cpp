#include "actors/service_side.hpp"
#include "actors/task_actor.hpp"

namespace weir {

service_side::service_side(task_state_of_actor& task, std::shared_ptr<service_directory> directory,
                           std::vector<command_appender::target> topics)
    : task_(task),
      directory_(std::move(directory)),
      appender_(std::move(topics), [this](std::uint64_t call, std::optional<ask_error> failed) {
        task_.core->call_service([call, failed = std::move(failed)](service_port& port) { return port.appended(call, failed); });
      }) {}

void service_side::answer(std::uint64_t call, ask_outcome outcome) {
  task_.options.shared->activity.store(true, std::memory_order_relaxed);
  task_.core->call_service([call, outcome = std::move(outcome)](service_port& port) { return port.answered(call, outcome); });
  task_.pump();
}

void service_side::ask(std::uint64_t call, ask_message m, duration timeout) {
  auto owner = directory_->find(m);
  if (owner.missing) {
    // Never inside the handler that asks.
    task_.core->call_service(
        [call, e = std::move(*owner.missing)](service_port& port) { return port.answered(call, ask_outcome(e)); });
    return;
  }
  const auto what = "service '" + m.service + "', question '" + m.question + "'";
  msg::send_ask(task_.self, owner.task, timeout, std::move(m))
      .then([this, call](msg::ask_reply& r) { answer(call, std::move(r.outcome)); },
            [this, call, what, timeout](const caf::error& e) {
              if (e == caf::sec::request_timeout)
                return answer(call, ask_error{ask_errc::timed_out,
                                              what + ": no answer within " + std::to_string(timeout.count() / 1000) + " ms"});
              answer(call, ask_error{ask_errc::unavailable, what + ": its owner went down"});
            });
}

void service_side::reply(std::uint64_t token, ask_outcome outcome) {
  auto found = open_.find(token);
  if (found == open_.end())
    return;
  auto promise = std::move(found->second);
  open_.erase(found);
  promise.deliver(msg::ask_reply{std::move(outcome)});
}

void service_side::append(std::uint64_t call, std::size_t command_topic, raw_record record) {
  appender_.append(call, command_topic, std::move(record));
  // Sent behind this step: a failure of the producer fails the task there.
  task_.self->send(task_.self, msg::wake{});
}

void service_side::want_checkpoint() { task_.options.shared->activity.store(true, std::memory_order_relaxed); }

void service_side::handling(const std::string* handler) {
  task_.options.meter.figures().handler.store(handler, std::memory_order_relaxed);
}

void service_side::asked(ask_message m, caf::typed_response_promise<msg::ask_reply> promise) {
  const auto token = next_token_++;
  const auto service = m.service;
  if (!task_.core->call_service(
          [token, m = std::move(m)](service_port& port) mutable { return port.asked(token, std::move(m)); })) {
    promise.deliver(msg::ask_reply{ask_error{ask_errc::unavailable, "service '" + service + "' is stopping"}});
    return;
  }
  open_.emplace(token, std::move(promise));
  task_.pump();
}

void service_side::report(service_port& port) {
  if (port.parked_version() == reported_)
    return;
  reported_ = port.parked_version();
  task_.options.shared->set_parked(task_.options.who.index, port.parked());
}

} // namespace weir
