#pragma once
#include <weir/operators/process_function.hpp>
#include <weir/record/value_codec.hpp>
#include <weir/services/call.hpp>

namespace weir {

/// A topic that a service publishes to, made by actor_service::publishes.
template <class T>
struct publication {
  std::size_t number = 0;
};
/// The service's own command topic, made by actor_service::commands.
template <class T>
struct command_topic {
  std::size_t number = 0;
};

namespace detail {

template <class Key>
void append_record_key(const Key& key, std::string& out) {
  if (auto r = encode_topic_key(key, record_key_format<Key>(), out); !r)
    throw std::invalid_argument(r.err().message);
}

/// Adds a record to those of a call. `append_key` appends its key. Throws std::invalid_argument, with nothing added.
template <class T, class AppendKey>
void publish_record(publications& to, std::size_t number, const T& value, const AppendKey& append_key) {
  auto& bytes = to.bytes;
  publications::record r{number, bytes.size(), 0, 0};
  try {
    append_key(bytes);
    r.key_size = bytes.size() - r.begin;
    if (auto encoded = encode_value(value, bytes); !encoded)
      throw std::invalid_argument(encoded.err().message);
    r.value_size = bytes.size() - r.begin - r.key_size;
    to.records.push_back(r);
  } catch (...) {
    bytes.resize(r.begin);
    throw;
  }
}

/// What every context has. Invalid when its handler has ended.
class context_base {
 public:
  explicit context_base(service_call& c) : call_(c) {}
  context_base(const context_base&) = delete;
  context_base& operator=(const context_base&) = delete;
  [[nodiscard]] const logger& log() const { return call_.environment->chain().log; }
  [[nodiscard]] const weir::clock& clock() const { return *call_.environment->chain().time; }
  [[nodiscard]] timestamp watermark() const { return call_.environment->watermark(); }
  [[nodiscard]] int subtask() const { return call_.environment->chain().subtask; }
  /// A figure of this task, named `<service>.<name>`.
  std::uint64_t& counter(const std::string& name) { return call_.environment->counter(name); }
  /// Event time of the event, time of the timer, or when the question came.
  [[nodiscard]] timestamp time() const { return call_.time; }
  /// Where it comes from, "topic/partition/offset": the same when it comes again after a restart, so good as an id.
  [[nodiscard]] const std::string& origin() const { return call_.origin(); }

  /// Asks another service (or this one, about another key): `co_await` the result in a handler that returns weir::async<>.
  /// Meanwhile later events of this key wait; other keys, and checkpoints, go on. A handler that a failure interrupts runs
  /// again from its start.
  template <class Key, class Q, class A>
  [[nodiscard]] ask_awaiter<A> ask(const request<Key, Q, A>& r, const Key& key, const Q& question, ask_options options = {}) {
    return {call_, make_ask(r, key, question, options.durable), options};
  }

 protected:
  service_call& call_;
};

/// Key and state of a context.
template <class Key, class State>
class keyed_context : public context_base {
 public:
  using context_base::context_base;
  [[nodiscard]] const Key& key() const {
    if (!key_) {
      byte_reader in(call_.key);
      if (!decode_key(in, key_.emplace()))
        throw state_exception({errc::store_corrupt, "the key of an event cannot be read"});
    }
    return *key_;
  }
  /// Whether the key has a state yet.
  [[nodiscard]] bool has_state() {
    load();
    return call_.present;
  }

 protected:
  State& loaded() {
    load();
    return *static_cast<State*>(call_.state->value());
  }

 private:
  void load() {
    if (!call_.loaded)
      call_.environment->load(call_);
  }
  mutable std::optional<Key> key_; ///< Decoded when the handler asks for it.
};

} // namespace detail

/// What the handler of an event or a timer may use. All effects (state, timers, publishes) happen when the handler ends, or,
/// when it throws, not at all.
template <class Key, class State>
class actor_context : public detail::keyed_context<Key, State> {
 public:
  using detail::keyed_context<Key, State>::keyed_context;

  /// The state of this key, loaded on first use; a new key has State{}. What is changed here is kept.
  [[nodiscard]] State& state() {
    this->call_.changed = true;
    return this->loaded();
  }
  /// The same, without a change.
  [[nodiscard]] const State& peek() { return this->loaded(); }
  /// Forgets the state of this key when the handler ends.
  void clear_state() {
    this->call_.cleared = true;
    this->call_.changed = true;
  }

  /// Publishes to a topic, under this actor's key as text (or `record_key`): visible with the checkpoint that holds this event.
  template <class T>
  void publish(const publication<T>& to, const T& value) {
    detail::publish_record(this->call_.published, to.number, value,
                           [this](std::string& out) { detail::append_record_key(this->key(), out); });
  }
  template <class T>
  void publish(const publication<T>& to, std::string_view record_key, const T& value) {
    detail::publish_record(this->call_.published, to.number, value, [=](std::string& out) { out += record_key; });
  }

  /// Calls the timer handler with this name `after` from now by the wall clock. One timer of a name per key: setting it
  /// again moves it. Timers are part of checkpoints; one that came due while the service was down fires after its start.
  void set_timer(std::string name, duration after) {
    this->call_.timers.push_back({std::move(name), this->clock().now() + after, true});
  }
  /// The same in event time: when the watermark reaches `at`. Needs event time on every subscription.
  void set_event_timer(std::string name, timestamp at) { this->call_.timers.push_back({std::move(name), at, false}); }
  void cancel_timer(std::string name) { this->call_.timers.push_back({std::move(name), std::nullopt, true}); }
};

/// What the handler of a question may use: it reads, and it may append to the service's own command topic. Changing state
/// outside the log is impossible: after a failure the log would not bring the change back, and nobody would know.
template <class Key, class State>
class request_context : public detail::keyed_context<Key, State> {
 public:
  using detail::keyed_context<Key, State>::keyed_context;
  /// The state of the key, as of the last event that ended; a failure may take back what is not in a checkpoint yet. Ask with
  /// `durable` for an answer that holds.
  [[nodiscard]] const State& state() { return this->loaded(); }
  /// Appends a command under this key; the answer is given when the topic has it. The same ask repeated appends a command of
  /// the same id, which the service handles once.
  template <class C>
  void append(const command_topic<C>& to, const C& command) {
    raw_record r;
    detail::append_record_key(this->key(), r.key.emplace());
    if (auto encoded = encode_value(command, r.value.emplace()); !encoded)
      throw std::invalid_argument(encoded.err().message);
    this->call_.appended.emplace_back(to.number, std::move(r));
  }
};

} // namespace weir
