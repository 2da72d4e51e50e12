#include <algorithm>
#include <weir/services/actor_operator.hpp>

// Events that wait for their key, in the state. Format of an entry of "$queue" (docs/formats/state.md): u8 version 1, u8 kind
// (0 event, 1 timer), i64 time, string origin, then of an event: string subscription, string schema, string command id, value;
// of a timer: string name.

namespace weir::detail {
namespace {
constexpr std::uint8_t queue_version = 1;
constexpr timestamp number_as_time(std::uint64_t n) { return {static_cast<std::int64_t>(n)}; }
} // namespace

result<> actor_operator::ensure_loaded() {
  if (loaded_)
    return success();
  WEIR_TRY(load_queue());
  WEIR_TRY(load_parked());
  loaded_ = true;
  return success();
}

result<> actor_operator::load_queue() {
  const auto& context = *runtime().context;
  for (std::uint32_t g = context.first_key_group; g <= context.last_key_group; ++g) {
    const auto group = static_cast<std::uint16_t>(g);
    WEIR_TRY(context.state->scan(states_.queue, group, min_timestamp, {}, max_timestamp,
                                 [&](timestamp number, std::string_view key, std::string_view) {
                                   auto [it, fresh] = busy_.try_emplace(std::string(key));
                                   it->second.group = group;
                                   replays_ += fresh ? 1 : 0;
                                   it->second.queue.push_back(static_cast<std::uint64_t>(number.us));
                                   next_number_ = std::max(next_number_, static_cast<std::uint64_t>(number.us) + 1);
                                   return true;
                                 }));
  }
  return success();
}

result<> actor_operator::load_parked() {
  for (auto& [key, busy] : busy_) {
    WEIR_ASSIGN(auto bytes, runtime().context->state->get(states_.parked, busy.group, key));
    if (!bytes)
      continue;
    byte_reader in(*bytes);
    busy.event = in.string();
    busy.reason = in.string();
    busy.since = {in.i64()};
    if (!in.done())
      return corrupt("why a key is parked cannot be read");
    busy.phase = key_phase::parked;
    --replays_;
    ++*parked_count_;
    ++parked_version_;
  }
  return success();
}

result<> actor_operator::enqueue(const service_call& c, busy_key& busy) {
  if (busy.queue.size() >= definition_->parked_limit)
    return {errc::too_large, "service '" + name() + "': " + std::to_string(busy.queue.size()) + " events wait for key " +
                                 definition_->key_text(c.key) +
                                 (busy.phase == key_phase::parked ? ", which is parked (" + busy.reason + ")" : "") +
                                 "; nothing is lost: release the key, or raise the service's limit of waiting events"};
  std::string bytes;
  byte_writer out(bytes);
  out.u8(queue_version);
  out.u8(static_cast<std::uint8_t>(c.what));
  out.i64(c.time.us);
  out.string(c.origin());
  if (c.what == call_kind::timer) {
    out.string(c.timer);
  } else {
    const auto& codec = (*definition_->codecs)[c.subscription];
    out.string(codec.name);
    out.string(codec.schema);
    out.string(c.command_id);
    codec.encode(c.value.get(), out);
  }
  const auto number = next_number_++;
  WEIR_TRY(runtime().context->state->put(states_.queue, c.group, number_as_time(number), c.key, bytes));
  busy.queue.push_back(number);
  if (busy.phase == key_phase::parked)
    ++parked_version_;
  return success();
}

result<std::unique_ptr<service_call>> actor_operator::read_queued(const std::string& key, const busy_key& busy) {
  WEIR_ASSIGN(auto bytes, runtime().context->state->get(states_.queue, busy.group, number_as_time(busy.queue.front()), key));
  const auto broken = corrupt("an event that waits for key " + definition_->key_text(key) + " cannot be read");
  if (!bytes)
    return broken;
  byte_reader in(*bytes);
  auto c = make_call();
  c->key = key;
  c->key_hash = hash_bytes(key);
  c->group = busy.group;
  c->attempts = busy.attempts;
  if (auto version = in.u8(); in.ok() && version != queue_version)
    return error{errc::incompatible, "service '" + name() + "': an event that waits has format " + std::to_string(version) +
                                         ", this release reads 1"};
  auto what = in.u8();
  c->time = {in.i64()};
  c->set_origin(std::string(in.string()));
  if (!in.ok() || what > 1)
    return broken;
  c->what = static_cast<call_kind>(what);
  if (c->what == call_kind::timer) {
    c->timer = in.string();
    if (!in.done())
      return broken;
    if (!definition_->timer)
      return error{errc::incompatible,
                   "service '" + name() + "': timer '" + c->timer + "' waits, but the service has no timer handler any more"};
    return c;
  }
  std::string subscription(in.string()), schema(in.string());
  c->command_id = in.string();
  for (std::size_t i = 0; i < definition_->codecs->size(); ++i) {
    const auto& codec = (*definition_->codecs)[i];
    if (codec.name != subscription)
      continue;
    if (codec.schema != schema)
      return error{errc::incompatible, "service '" + name() + "': an event of '" + subscription + "' waits that has the form " +
                                           schema + ", not " + codec.schema};
    c->subscription = static_cast<std::uint16_t>(i);
    c->value = codec.decode(in);
    if (!c->value || !in.done())
      return broken;
    return c;
  }
  return error{errc::incompatible, "service '" + name() + "': an event of '" + subscription +
                                       "' waits, which the service does not subscribe to any more"};
}

result<> actor_operator::drop_first(const std::string& key, busy_key& busy) {
  WEIR_TRY(runtime().context->state->erase(states_.queue, busy.group, number_as_time(busy.queue.front()), key));
  busy.queue.pop_front();
  busy.attempts = 0;
  return success();
}

result<actor_operator::busy_keys::iterator> actor_operator::busy_with(service_call& c) {
  auto it = busy_.try_emplace(c.key).first;
  it->second.group = c.group;
  WEIR_TRY(enqueue(c, it->second));
  return it;
}

result<> actor_operator::suspend(std::unique_ptr<service_call> c, busy_keys::iterator busy) {
  busy->second.phase = key_phase::awaiting;
  awaiting_[c->id] = busy->first;
  busy->second.call = std::move(c);
  return success();
}

result<> actor_operator::failed(service_call& c, busy_keys::iterator at) {
  auto& [key, busy] = *at;
  ++*failures_;
  busy.attempts = c.attempts + 1;
  const auto& context = *runtime().context;
  const auto now = context.time->now();
  if (busy.attempts < definition_->retry.attempts) {
    busy.phase = key_phase::retrying;
    busy.until = now + definition_->retry.backoff;
    ++retries_;
    context.log.warning("a handler failed; it is called again", {{"service", name()},
                                                                 {"key", definition_->key_text(key)},
                                                                 {"event", event_text(c)},
                                                                 {"attempt", busy.attempts},
                                                                 {"cause", failure_}});
    return success();
  }
  busy.phase = key_phase::parked;
  busy.event = event_text(c);
  busy.reason = failure_;
  busy.since = now;
  ++*parked_count_;
  ++parked_version_;
  context.log.error("a key is parked: its later events wait until it is released",
                    {{"service", name()}, {"key", definition_->key_text(key)}, {"event", busy.event}, {"cause", failure_}});
  std::string bytes;
  byte_writer out(bytes);
  out.string(busy.event);
  out.string(busy.reason);
  out.i64(busy.since.us);
  return context.state->put(states_.parked, busy.group, key, bytes);
}

result<> actor_operator::drain(busy_keys::iterator at) {
  while (!at->second.queue.empty()) {
    if (!runtime().has_credit()) {
      at->second.phase = key_phase::replay; // Goes on when there is credit.
      ++replays_;
      return success();
    }
    WEIR_ASSIGN(auto c, read_queued(at->first, at->second));
    c->begin();
    auto before = false;
    if (!c->command_id.empty()) {
      WEIR_ASSIGN(before, handled_before(*c));
    }
    if (!before) {
      const auto& handler = handler_of(*c);
      auto& call = *c;
      WEIR_ASSIGN(auto how, run(call, [&] { return handler(call); }));
      if (how == ended::suspended)
        return suspend(std::move(c), at);
      if (how == ended::failed)
        return failed(*c, at);
    }
    WEIR_TRY(drop_first(at->first, at->second));
    if (enough_to_pass_on())
      WEIR_TRY(pass_on());
  }
  busy_.erase(at);
  return success();
}

result<> actor_operator::run_due(timestamp now) {
  std::vector<std::string> keys;
  for (const auto& [key, busy] : busy_)
    if (busy.phase == key_phase::replay || (busy.phase == key_phase::retrying && busy.until <= now))
      keys.push_back(key);
  for (const auto& key : keys) {
    if (awaiting_.size() >= definition_->awaiting_limit)
      return success();
    auto at = busy_.find(key);
    --(at->second.phase == key_phase::replay ? replays_ : retries_);
    WEIR_TRY(drain(at));
  }
  return success();
}

result<bool> actor_operator::release(const std::string& encoded_key, unpark how) {
  WEIR_TRY(ensure_loaded());
  auto at = busy_.find(encoded_key);
  if (at == busy_.end() || at->second.phase != key_phase::parked)
    return false;
  auto& busy = at->second;
  runtime().context->log.info(how == unpark::skip ? "a parked key goes on without its failed event" : "a parked key tries again",
                              {{"service", name()}, {"key", definition_->key_text(encoded_key)}, {"event", busy.event}});
  WEIR_TRY(runtime().context->state->erase(states_.parked, busy.group, encoded_key));
  --*parked_count_;
  ++parked_version_;
  busy.attempts = 0;
  if (how == unpark::skip)
    WEIR_TRY(drop_first(encoded_key, busy));
  busy.phase = key_phase::replay;
  ++replays_;
  return true;
}

std::vector<parked_key> actor_operator::parked() const {
  std::vector<parked_key> all;
  for (const auto& [key, busy] : busy_)
    if (busy.phase == key_phase::parked)
      all.push_back(
          {name(), definition_->key_text(key), key, hash_bytes(key), busy.event, busy.reason, busy.since, busy.queue.size()});
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.since < b.since; });
  return all;
}

// --- commands

result<bool> actor_operator::handled_before(const service_call& c) {
  WEIR_ASSIGN(auto bytes, runtime().context->state->get(states_.seen, c.group, c.key));
  if (!bytes)
    return false;
  byte_reader in(*bytes);
  for (auto n = in.varint(); n > 0 && in.ok(); --n) {
    auto id = in.string();
    in.i64();
    if (in.ok() && id == c.command_id)
      return true;
  }
  if (!in.done())
    return corrupt("the commands a key has seen cannot be read");
  return false;
}

result<> actor_operator::remember_command(const service_call& c) {
  WEIR_ASSIGN(auto bytes, runtime().context->state->get(states_.seen, c.group, c.key));
  std::vector<std::pair<std::string, timestamp>> kept;
  if (bytes) {
    byte_reader in(*bytes);
    for (auto n = in.varint(); n > 0 && in.ok(); --n) {
      std::string id(in.string());
      timestamp at{in.i64()};
      if (at + definition_->dedup >= c.time)
        kept.emplace_back(std::move(id), at);
    }
  }
  kept.emplace_back(c.command_id, c.time);
  std::string all;
  byte_writer out(all);
  out.varint(kept.size());
  for (const auto& [id, at] : kept) {
    out.string(id);
    out.i64(at.us);
  }
  return runtime().context->state->put(states_.seen, c.group, c.key, all);
}

} // namespace weir::detail
