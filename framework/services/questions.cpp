#include <algorithm>
#include <weir/services/actor_operator.hpp>

namespace weir::detail {

/// Header of a command with the id of the ask that appended it.
constexpr const char* command_id_header = "weir.command-id";

void actor_operator::ask(service_call& c, ask_message m, const ask_options& options) {
  const auto& job = runtime().context->job;
  if (c.id == 0)
    c.id = next_call_++;
  m.id = job + "/" + c.origin() + "#" + std::to_string(c.asks++);
  m.chain = c.chain;
  if (c.what != call_kind::question)
    m.chain.push_back({job, c.key});
  host_->ask(c.id, std::move(m), options.timeout);
}

std::optional<ask_error> actor_operator::refusal(const ask_message& m, const service_definition::question* question) const {
  if (question == nullptr)
    return ask_error{ask_errc::no_question, "service '" + m.service + "' answers no question '" + m.question + "'"};
  if (question->schema != m.schema)
    return ask_error{ask_errc::incompatible,
                     "asker and service '" + m.service + "' describe question '" + m.question + "' or its answer differently"};
  if (const auto& shard = runtime().context->shard; m.topic_hash % shard.of != shard.index)
    return ask_error{ask_errc::no_service, "key " + definition_->key_text(m.key) + " is not in shard '" + m.service +
                                               "': ask service '" + shard.service + "', which finds it"};
  if (std::find(m.chain.begin(), m.chain.end(), ask_hop{m.service, m.key}) != m.chain.end()) {
    std::string way;
    for (const auto& hop : m.chain)
      way += hop.service + " -> ";
    return ask_error{ask_errc::circle, "question '" + m.question + "' comes back to key " + definition_->key_text(m.key) +
                                           ", which waits for its answer: " + way + m.service};
  }
  auto open = questions_.size() + durable_.size();
  for (const auto& [checkpoint, answers] : at_)
    open += answers.size();
  if (open >= definition_->awaiting_limit)
    return ask_error{ask_errc::unavailable,
                     "service '" + m.service + "' has " + std::to_string(open) + " questions open, which is its limit"};
  return std::nullopt;
}

result<> actor_operator::asked(std::uint64_t token, ask_message m) {
  no_mark at_end_of_call{*this};
  WEIR_TRY(ensure_loaded());
  const service_definition::question* question = nullptr;
  for (const auto& q : definition_->questions)
    if (q.name == m.question)
      question = &q;
  if (auto no = refusal(m, question)) {
    host_->reply(token, std::move(*no));
    return success();
  }
  auto c = make_call();
  c->what = call_kind::question;
  c->token = token;
  c->durable = m.durable;
  c->key = std::move(m.key);
  c->key_hash = m.key_hash;
  c->group = static_cast<std::uint16_t>(m.key_hash % runtime().context->max_parallelism);
  c->time = runtime().context->time->now();
  c->set_origin(std::move(m.id));
  c->chain = std::move(m.chain);
  c->chain.push_back({std::move(m.service), c->key});
  auto& call = *c;
  WEIR_ASSIGN(auto how, run(call, [&] { return question->handle(call, m.payload); }));
  question_ended(std::move(c), how);
  return success();
}

void actor_operator::question_ended(std::unique_ptr<service_call> c, ended how) {
  switch (how) {
    case ended::suspended:
      questions_[c->id] = std::move(c);
      return;
    case ended::failed:
      ++*failures_;
      reply(*c, ask_error{ask_errc::failed, "the handler of the question failed: " + failure_});
      return;
    case ended::done:
      break;
  }
  if (c->refused || c->appended.empty()) {
    reply(*c, c->refused ? ask_outcome(*c->refused) : ask_outcome(std::move(c->reply)));
    return;
  }
  if (c->id == 0)
    c->id = next_call_++;
  auto& call = *c;
  questions_[call.id] = std::move(c);
  send_appends(call);
}

void actor_operator::send_appends(service_call& c) {
  c.appends_open = c.appended.size();
  auto records = std::move(c.appended);
  for (std::size_t i = 0; i < records.size(); ++i) {
    auto& [topic, record] = records[i];
    record.time = c.time;
    record.headers.emplace_back(command_id_header, c.origin() + "/" + std::to_string(i));
    host_->append(c.id, topic, std::move(record));
  }
}

result<> actor_operator::appended(std::uint64_t call, std::optional<ask_error> failed) {
  auto at = questions_.find(call);
  if (at == questions_.end())
    return success();
  auto& c = *at->second;
  if (failed && !c.refused)
    c.refused = std::move(failed);
  if (--c.appends_open > 0)
    return success();
  auto done = std::move(at->second);
  questions_.erase(at);
  reply(*done, done->refused ? ask_outcome(*done->refused) : ask_outcome(std::move(done->reply)));
  return success();
}

void actor_operator::reply(const service_call& c, ask_outcome outcome) {
  if (!c.durable || !outcome)
    return host_->reply(c.token, std::move(outcome));
  durable_.emplace_back(c.token, std::move(outcome));
  host_->want_checkpoint();
}

void actor_operator::at_barrier(std::uint64_t checkpoint) {
  if (!durable_.empty())
    at_[checkpoint] = std::exchange(durable_, {});
}

void actor_operator::completed(std::uint64_t checkpoint) {
  while (!at_.empty() && at_.begin()->first <= checkpoint) {
    for (auto& [token, outcome] : at_.begin()->second)
      host_->reply(token, std::move(outcome));
    at_.erase(at_.begin());
  }
}

result<> actor_operator::answered(std::uint64_t id, ask_outcome outcome) {
  no_mark at_end_of_call{*this};
  if (auto q = questions_.find(id); q != questions_.end()) {
    auto c = std::move(q->second);
    questions_.erase(q);
    c->outcome = std::move(outcome);
    WEIR_ASSIGN(auto how, go_on(*c));
    question_ended(std::move(c), how);
    return success();
  }
  auto waiting = awaiting_.find(id);
  if (waiting == awaiting_.end())
    return success();
  auto at = busy_.find(waiting->second);
  awaiting_.erase(waiting);
  auto c = std::move(at->second.call);
  c->outcome = std::move(outcome);
  WEIR_ASSIGN(auto how, go_on(*c));
  switch (how) {
    case ended::suspended:
      return suspend(std::move(c), at);
    case ended::failed:
      return failed(*c, at);
    case ended::done:
      break;
  }
  WEIR_TRY(drop_first(at->first, at->second));
  WEIR_TRY(drain(at));
  WEIR_ASSIGN(auto passed, pass_on());
  static_cast<void>(passed);
  return success();
}

} // namespace weir::detail
