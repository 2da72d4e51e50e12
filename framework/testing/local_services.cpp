#include <weir/testing/local_task.hpp>

namespace weir::testing {

result<> local_run::settle_services() {
  if (answering_)
    return success();
  answering_ = true;
  auto all = [this]() -> result<> {
    while (!appends_.empty() || (!asks_.empty() && !options_.hold_answers)) {
      if (!appends_.empty()) {
        auto a = std::move(appends_.front());
        appends_.pop_front();
        const auto& topic = plan_.vertices[a.from->vertex].command_topics.at(a.topic);
        WEIR_TRY(a.from->operators->service()->appended(a.call, std::nullopt));
        for (const auto& v : plan_.vertices)
          if (v.kind == vertex_kind::source && v.source.topic.topic == topic.topic)
            WEIR_TRY(feed(v.name, 0, {{a.record.key, a.record.value, a.record.headers, a.record.time}}));
        continue;
      }
      auto a = std::move(asks_.front());
      asks_.pop_front();
      auto outcome = options_.answer ? options_.answer(a.message)
                                     : ask_outcome(ask_error{ask_errc::no_service, "no service '" + a.message.service + "'"});
      WEIR_TRY(a.from->operators->service()->answered(a.call, std::move(outcome)));
      WEIR_TRY(settle(*a.from, a.from->operators->resume()));
      WEIR_TRY(drain());
    }
    return success();
  };
  auto r = all();
  answering_ = false;
  return r;
}

result<> local_run::answer_asks() {
  auto held = std::exchange(options_.hold_answers, false);
  auto r = settle_services();
  options_.hold_answers = held;
  return r;
}

result<ask_outcome> local_run::ask(const ask_message& m) {
  const auto token = next_ask_++;
  for (auto& tasks : tasks_)
    for (auto& t : tasks) {
      auto* port = t->operators->service();
      if (port == nullptr || task_of(key_group_of(m.key_hash, plan_.max_parallelism), plan_.max_parallelism,
                                     static_cast<std::uint32_t>(tasks.size())) != t->subtask)
        continue;
      WEIR_TRY(port->asked(token, m));
      WEIR_TRY(drain());
    }
  auto found = replies_.find(token);
  if (found == replies_.end())
    return ask_outcome(ask_error{ask_errc::timed_out, "the service has not answered yet"});
  auto outcome = std::move(found->second);
  replies_.erase(found);
  return outcome;
}

std::vector<parked_key> local_run::parked() const {
  std::vector<parked_key> all;
  for (const auto& tasks : tasks_)
    for (const auto& t : tasks)
      if (auto* port = t->operators->service())
        for (auto& key : port->parked())
          all.push_back(std::move(key));
  return all;
}

result<bool> local_run::release(const std::string& encoded_key, unpark how) {
  for (auto& tasks : tasks_)
    for (auto& t : tasks)
      if (auto* port = t->operators->service()) {
        WEIR_ASSIGN(auto released, port->release(encoded_key, how));
        if (!released)
          continue;
        WEIR_TRY(settle(*t, t->operators->resume()));
        WEIR_TRY(drain());
        return true;
      }
  return false;
}

void local_run::checkpoint(std::uint64_t n) {
  for (auto& tasks : tasks_)
    for (auto& t : tasks)
      if (auto* port = t->operators->service()) {
        port->at_barrier(n);
        port->completed(n);
      }
}

} // namespace weir::testing
