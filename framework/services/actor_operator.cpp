#include <weir/services/actor_operator.hpp>

namespace weir::detail {

actor_operator::actor_operator(std::shared_ptr<const service_definition> definition)
    : typed_operator<service_event>(definition->name), definition_(std::move(definition)) {
  outputs_.resize(definition_->publications.size());
  rows_.resize(definition_->publications.size());
}

actor_operator::~actor_operator() {
  if (!started_)
    return;
  for (const auto& h : definition_->stop) {
    try {
      h.call(runtime().context->log);
    } catch (...) {
      runtime().context->log.error("the stop handler of a service failed; the stop goes on",
                                   {{"service", name()}, {"cause", current_exception_text()}});
    }
  }
}

result<> actor_operator::open(chain_runtime& runtime) {
  WEIR_TRY(typed_operator<service_event>::open(runtime));
  auto* state = runtime.context->state;
  if (state == nullptr)
    return {errc::internal, "service '" + name() + "' has no keyed state"};
  const auto key = "key=" + definition_->key_schema;
  WEIR_ASSIGN(states_.value, state->declare({name(), "state", state_kind::value, key + " value=" + definition_->state_schema}));
  WEIR_ASSIGN(states_.queue, state->declare({name(), "$queue", state_kind::ordered, key}));
  WEIR_ASSIGN(states_.parked, state->declare({name(), "$parked", state_kind::value, key}));
  WEIR_ASSIGN(states_.seen, state->declare({name(), "$seen", state_kind::value, key}));
  WEIR_TRY(timers_.open(runtime, name(), definition_->key_schema));
  parked_count_ = &runtime.counter(name(), "parked");
  failures_ = &runtime.counter(name(), "handler_failures");
  scratch_ = make_call();
  for (const auto& h : definition_->start) {
    try {
      h.call(runtime.context->log);
    } catch (...) {
      return {errc::user_code_failed, "service '" + name() + "': its start handler failed: " + current_exception_text()};
    }
  }
  started_ = true;
  return success();
}

std::unique_ptr<service_call> actor_operator::make_call() const {
  auto c = std::make_unique<service_call>();
  c->state = definition_->make_state();
  c->environment = const_cast<actor_operator*>(this);
  return c;
}

error actor_operator::corrupt(const std::string& what) const {
  return {errc::store_corrupt, "service '" + name() + "': " + what};
}

// --- input

result<progress> actor_operator::consume(batch<service_event>& rows) {
  waiting_.clear();
  swap_rows(waiting_, rows);
  next_ = 0;
  return resume();
}

result<progress> actor_operator::advance(timestamp) {
  due_ = runtime().watermark;
  return resume();
}

result<progress> actor_operator::processing_time(timestamp now) {
  processing_due_ = now;
  return resume();
}

result<std::optional<timestamp>> actor_operator::next_processing_time() {
  // At the limit of awaiting handlers no key can begin: an answer goes on with them.
  const auto may_begin = awaiting_.size() < definition_->awaiting_limit;
  if (!loaded_ || (replays_ > 0 && may_begin))
    return std::optional(runtime().context->time->now());
  WEIR_ASSIGN(auto first, timers_.first(true));
  if (retries_ > 0 && may_begin)
    for (const auto& [key, busy] : busy_)
      if (busy.phase == key_phase::retrying && (!first || busy.until < *first))
        first = busy.until;
  return first;
}

std::optional<timestamp> actor_operator::waits_until() const {
  if (awaiting_.size() < definition_->awaiting_limit && !(at_end() && !awaiting_.empty())) {
    if (!at_end() || retries_ == 0)
      return std::nullopt;
    auto first = max_timestamp;
    for (const auto& [key, busy] : busy_)
      if (busy.phase == key_phase::retrying)
        first = std::min(first, busy.until);
    return first <= runtime().context->time->now() ? std::nullopt : std::optional(first);
  }
  return max_timestamp;
}

result<progress> actor_operator::resume() {
  no_mark at_end_of_call{*this};
  WEIR_TRY(ensure_loaded());
  if (replays_ > 0 || retries_ > 0)
    WEIR_TRY(run_due(runtime().context->time->now()));
  if (replays_ > 0 && awaiting_.size() < definition_->awaiting_limit) {
    WEIR_TRY(pass_on()); // They wait for credit, and rows behind them.
    return progress::blocked;
  }
  WEIR_ASSIGN(auto rows, run_rows());
  if (rows == progress::blocked)
    return rows;
  WEIR_ASSIGN(auto event, run_timers(due_, false));
  if (event == progress::blocked)
    return event;
  WEIR_ASSIGN(auto processing, run_timers(processing_due_, true));
  if (processing == progress::blocked)
    return processing;
  WEIR_ASSIGN(auto passed, pass_on());
  // The input is not over while a handler is: what it will publish belongs to it.
  if (at_end() && (!awaiting_.empty() || retries_ > 0))
    return progress::blocked;
  return passed;
}

result<progress> actor_operator::run_rows() {
  // Calls from beside the channels come here without credit, too.
  if (next_ < waiting_.size() && !runtime().has_credit())
    return progress::blocked;
  while (next_ < waiting_.size()) {
    if (awaiting_.size() >= definition_->awaiting_limit)
      return progress::blocked;
    const auto i = next_++;
    WEIR_TRY(take(i));
    if (!enough_to_pass_on() && (rows_waiting_ == 0 || runtime().has_credit()))
      continue;
    WEIR_ASSIGN(auto passed, pass_on());
    if (passed == progress::blocked || !runtime().has_credit())
      return progress::blocked;
  }
  waiting_.clear();
  next_ = 0;
  scratch_->value.reset(); // It may hold the values of its whole batch.
  return progress::done;
}

result<> actor_operator::take(std::size_t row) {
  auto& e = waiting_.values[row];
  const auto& meta = waiting_.meta[row];
  std::unique_ptr<service_call> heap;
  if (definition_->subscriptions[e.subscription].awaits)
    heap = make_call();
  auto& c = heap ? *heap : *scratch_;
  c.begin();
  c.what = call_kind::event;
  c.subscription = e.subscription;
  c.key = waiting_.raw_key(row).value_or(std::string_view());
  c.key_hash = meta.key_hash;
  c.group = static_cast<std::uint16_t>(meta.key_hash % runtime().context->max_parallelism);
  c.time = meta.time;
  c.value = std::move(e.value);
  c.command_id = waiting_.raw_value(row).value_or(std::string_view());
  c.attempts = 0;
  static const std::string no_topic;
  const auto& topics = *runtime().context->source_topics;
  c.set_origin({meta.source < topics.size() ? &topics[meta.source] : &no_topic, meta.partition, meta.offset});
  return dispatch(heap, c);
}

// --- timers

result<progress> actor_operator::run_timers(std::optional<timestamp>& due, bool processing) {
  if (!due)
    return progress::done;
  if (awaiting_.size() >= definition_->awaiting_limit || !runtime().has_credit()) {
    WEIR_ASSIGN(auto first, timers_.first(processing));
    if (first && *first <= *due)
      return progress::blocked;
  }
  WEIR_ASSIGN(auto all, timers_.fire(*due, processing,
                                     [&](std::uint16_t group, timestamp time, std::string_view key,
                                         std::string_view timer) -> result<bool> {
                                       WEIR_TRY(fire(group, time, key, timer));
                                       if (enough_to_pass_on() || !runtime().has_credit())
                                         WEIR_TRY(pass_on());
                                       return runtime().has_credit() && awaiting_.size() < definition_->awaiting_limit;
                                     }));
  if (!all)
    return progress::blocked;
  due.reset();
  return progress::done;
}

result<> actor_operator::fire(std::uint16_t group, timestamp time, std::string_view key, std::string_view timer) {
  if (!definition_->timer)
    return success();
  std::unique_ptr<service_call> heap;
  if (definition_->timer_awaits)
    heap = make_call();
  auto& c = heap ? *heap : *scratch_;
  c.begin();
  c.what = call_kind::timer;
  c.key.assign(key);
  c.key_hash = hash_bytes(c.key);
  c.group = group;
  c.time = time;
  c.value.reset();
  c.command_id.clear();
  c.attempts = 0;
  c.timer.assign(timer);
  c.set_origin(name() + "/" + c.timer + "/" + std::to_string(time.us));
  return dispatch(heap, c);
}

// --- calls

const service_definition::handler& actor_operator::handler_of(const service_call& c) const {
  return c.what == call_kind::timer ? definition_->timer : definition_->subscriptions[c.subscription].handle;
}

const std::string& actor_operator::handler_name(const service_call& c) const {
  static const std::string timer = "timer", question = "question";
  switch (c.what) {
    case call_kind::event:
      return definition_->subscriptions[c.subscription].name;
    case call_kind::timer:
      return timer;
    case call_kind::question:
      break;
  }
  return question;
}

std::string actor_operator::event_text(const service_call& c) const {
  return c.what == call_kind::timer ? "timer '" + c.timer + "'"
                                    : definition_->subscriptions[c.subscription].name + " at " + c.origin();
}

void actor_operator::load(service_call& c) {
  auto bytes = runtime().context->state->get(states_.value, c.group, c.key);
  if (!bytes)
    throw state_exception(bytes.err());
  c.loaded = true;
  c.present = bytes->has_value();
  if (!c.state->decode(*bytes))
    throw state_exception(corrupt("the state of a key cannot be read"));
}

result<> actor_operator::dispatch(std::unique_ptr<service_call>& heap, service_call& c) {
  if (!busy_.empty())
    if (auto busy = busy_.find(c.key); busy != busy_.end())
      return enqueue(c, busy->second);
  if (!c.command_id.empty()) {
    WEIR_ASSIGN(auto before, handled_before(c));
    if (before)
      return success();
  }
  const auto& handler = handler_of(c);
  WEIR_ASSIGN(auto how, run(c, [&] { return handler(c); }));
  if (how == ended::done)
    return success();
  WEIR_ASSIGN(auto busy, busy_with(c));
  return how == ended::suspended ? suspend(std::move(heap), busy) : failed(c, busy);
}

result<actor_operator::ended> actor_operator::threw() {
  try {
    throw;
  } catch (const state_exception& e) {
    return e.cause;
  } catch (...) {
    failure_ = current_exception_text();
    return ended::failed;
  }
}

result<actor_operator::ended> actor_operator::go_on(service_call& c) {
  if (c.running) {
    mark(&handler_name(c));
    try {
      c.running->resume();
      if (!c.running->done())
        return ended::suspended;
      c.running->finish();
    } catch (...) {
      return threw();
    }
  }
  if (c.what != call_kind::question)
    WEIR_TRY(commit(c));
  return ended::done;
}

result<> actor_operator::commit(service_call& c) {
  auto& state = *runtime().context->state;
  if (c.cleared) {
    WEIR_TRY(state.erase(states_.value, c.group, c.key));
  } else if (c.changed) {
    encoded_.clear();
    c.state->encode(encoded_);
    WEIR_TRY(state.put(states_.value, c.group, c.key, encoded_));
  }
  for (const auto& t : c.timers)
    WEIR_TRY(t.at ? timers_.set(c.group, c.key, t.name, *t.at, t.processing) : timers_.cancel(c.group, c.key, t.name));
  if (!c.command_id.empty())
    WEIR_TRY(remember_command(c));
  for (const auto& p : c.published.records) {
    auto& rows = rows_[p.number];
    if (rows.size() == 0) {
      rows.values.reserve(waiting_.size());
      rows.meta.reserve(waiting_.size());
    }
    row_meta meta;
    meta.time = c.time;
    meta.key_hash = c.key_hash;
    meta.raw = {static_cast<std::uint32_t>(rows.raw.size()), static_cast<std::int32_t>(p.key_size),
                static_cast<std::int32_t>(p.value_size), 0, true};
    rows.raw.append(c.published.bytes, p.begin, p.key_size + p.value_size);
    rows.push({}, meta);
    ++rows_waiting_;
    bytes_waiting_ += p.key_size + p.value_size;
  }
  c.published.clear();
  return success();
}

result<progress> actor_operator::pass_on() {
  auto all = progress::done;
  rows_waiting_ = bytes_waiting_ = 0;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    WEIR_ASSIGN(auto pushed, outputs_[i].push(rows_[i]));
    if (pushed == progress::blocked)
      all = pushed;
  }
  return all;
}

} // namespace weir::detail
