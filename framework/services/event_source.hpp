#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>
#include <weir/graph/job_graph.hpp>
#include <weir/graph/stream.hpp>
#include <weir/operators/shard_check.hpp>
#include <weir/operators/source_operator.hpp>
#include <weir/operators/user_call.hpp>
#include <weir/services/context.hpp>
#include <weir/services/definition.hpp>

// What the typed declaration of an actor service is made of.

namespace weir {
struct subscribe_options;
}

namespace weir::detail {

template <class State>
class typed_state_box final : public state_box {
 public:
  void encode(std::string& out) const override {
    byte_writer to(out);
    encode_binary(value_, to);
  }
  [[nodiscard]] bool decode(std::optional<std::string_view> bytes) override {
    value_ = State{};
    if (!bytes)
      return true;
    byte_reader in(*bytes);
    return decode_binary(in, value_) && in.done();
  }
  [[nodiscard]] void* value() override { return &value_; }

 private:
  State value_{};
};

/// A handler's coroutine with a result that somebody takes.
template <class T, class Take>
class typed_running_call final : public running_call {
 public:
  typed_running_call(async<T> coroutine, Take take) : coroutine_(std::move(coroutine)), take_(std::move(take)) {}
  void resume() override { coroutine_.resume(); }
  [[nodiscard]] bool done() const override { return coroutine_.done(); }
  void finish() override {
    if constexpr (std::is_void_v<T>)
      coroutine_.result();
    else
      take_(coroutine_.result());
  }

 private:
  async<T> coroutine_;
  Take take_;
};

/// Calls (argument, context&): to its end, or makes the coroutine. What a coroutine refers to lives in the call.
template <class Context, class F, class Argument>
std::unique_ptr<running_call> call_handler(const F& handler, service_call& c, const Argument& argument) {
  using returned = std::invoke_result_t<const F&, const Argument&, Context&>;
  if constexpr (is_async<returned>::value) {
    auto context = std::make_shared<Context>(c);
    c.context = context;
    auto nothing = [] {};
    return std::make_unique<typed_running_call<void, decltype(nothing)>>(handler(argument, *context), nothing);
  } else {
    Context context(c);
    handler(argument, context);
    return nullptr;
  }
}

template <class Context, class Q, class A, class F>
std::unique_ptr<running_call> call_question(const F& handler, service_call& c, std::string_view payload) {
  using returned = std::invoke_result_t<const F&, const Q&, Context&>;
  auto question = std::make_shared<Q>();
  byte_reader in(payload);
  if (!decode_binary(in, *question) || !in.done()) {
    c.refused = ask_error{ask_errc::incompatible, "the question cannot be read"};
    return nullptr;
  }
  c.value = question;
  if constexpr (is_async<returned>::value) {
    static_assert(std::is_same_v<returned, async<A>>, "the handler of a question returns its answer");
    auto context = std::make_shared<Context>(c);
    c.context = context;
    auto take = [&c](A a) { c.reply = to_bytes(a); };
    return std::make_unique<typed_running_call<A, decltype(take)>>(handler(*question, *context), take);
  } else {
    static_assert(std::is_convertible_v<returned, A>, "the handler of a question returns its answer");
    Context context(c);
    c.reply = to_bytes(A(handler(*question, context)));
    return nullptr;
  }
}

template <class E>
event_codec codec_of(std::string name) {
  event_codec c;
  c.name = std::move(name);
  c.schema = schema_fingerprint<E>();
  c.encode = [](const void* value, byte_writer& out) { encode_binary(*static_cast<const E*>(value), out); };
  c.decode = [](byte_reader& in) -> std::shared_ptr<const void> {
    auto value = std::make_shared<E>();
    if (!decode_binary(in, *value))
      return nullptr;
    return value;
  };
  return c;
}

/// The key of an event: encoded as state has it, and as topics have it.
struct event_key_bytes {
  std::string state;
  std::string topic; ///< Only if `sharded`.
  bool sharded = false;

  template <class Key>
  result<> set(const Key& key) {
    state.clear();
    encode_key(key, state);
    topic.clear();
    return sharded ? encode_topic_key(key, record_key_format<Key>(), topic) : success();
  }
};
/// Sets the key of a row. Errors: the row goes the way of the subscription's error policy.
template <class E>
using event_key = std::function<result<>(const E& event, const any_batch& rows, std::size_t row, event_key_bytes& out)>;

/// The id of a command in the record's headers; empty: none.
[[nodiscard]] std::string command_id_of(const any_batch& rows, std::size_t row);

/// Makes events of decoded rows and gives them their key; the end of a source's chain.
template <class E>
class event_operator final : public typed_operator<E> {
 public:
  /// `awaits`: an event may outlive the others of its batch by long, so its value is held alone.
  event_operator(std::string name, error_policy on_error, std::uint16_t subscription, event_key<E> key, bool commands,
                 bool awaits)
      : typed_operator<E>(std::move(name)),
        errors_(on_error),
        subscription_(subscription),
        key_(std::move(key)),
        commands_(commands),
        awaits_(awaits) {}
  void connect(std::size_t number, chain_operator& target) override {
    number == dead_letter_output ? errors_.connect(target) : out_.connect(target);
  }
  result<> open(chain_runtime& runtime) override {
    errors_.open(runtime, this->name());
    return typed_operator<E>::open(runtime);
  }
  result<progress> consume(batch<E>& rows) override {
    events_.clear();
    events_.values.reserve(rows.size());
    events_.meta.reserve(rows.size());
    kept_.clear();
    const auto& context = *this->runtime().context;
    key_bytes_.sharded = !context.shard.whole();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      std::string what;
      try {
        if (auto r = key_(rows.values[i], rows, i, key_bytes_); !r)
          what = r.err().message;
      } catch (...) {
        what = current_exception_text();
      }
      if (!what.empty()) {
        WEIR_TRY(reject_row(errors_, rows, i, errc::decode_failed, what));
        continue;
      }
      if (key_bytes_.sharded)
        WEIR_TRY(check_shard(context, this->name(), key_bytes_.topic, rows.meta[i]));
      add_event(events_, {subscription_, nullptr}, key_bytes_.state, commands_ ? command_id_of(rows, i) : std::string(),
                rows.meta[i]);
      kept_.push_back(i);
    }
    // One allocation for the values of all: they go together, when the last of them is handled.
    std::shared_ptr<std::vector<E>> together;
    if (!awaits_) {
      together = std::make_shared<std::vector<E>>();
      together->swap(rows.values);
      rows.values.reserve(together->size()); // The next batch is mostly as large.
    }
    for (std::size_t n = 0; n < kept_.size(); ++n) {
      auto& value = events_.values[n].value;
      if (awaits_)
        value = std::make_shared<const E>(std::move(rows.values[kept_[n]]));
      else
        value = std::shared_ptr<const void>(together, &(*together)[kept_[n]]);
    }
    WEIR_ASSIGN(auto letters, errors_.flush());
    WEIR_ASSIGN(auto done, out_.push(events_));
    return letters == progress::blocked ? letters : done;
  }

 private:
  error_handler errors_;
  std::uint16_t subscription_;
  event_key<E> key_;
  bool commands_, awaits_;
  output<service_event> out_;
  batch<service_event> events_;
  std::vector<std::size_t> kept_; ///< Rows that became an event.
  event_key_bytes key_bytes_;
};

/// The graph of an actor service while it is declared.
struct service_declaration {
  struct subscription {
    bool needs_raw = false;
    bool commands = false;
    /// Adds source, event time and event operator; returns the last node.
    std::function<std::size_t(operator_graph&, const subscription&, const batch_codec&)> add;
  };
  struct publication_plan {
    std::string sink;
    topic_ref to;
    sink_options<raw_record> options;
  };

  explicit service_declaration(std::string name);
  [[nodiscard]] std::shared_ptr<const operator_graph> graph() const;
  [[nodiscard]] result<job_plan> plan(const plan_options& options) const;
  std::size_t add_publication(std::string sink, topic_ref to, sink_options<raw_record> options);
  void add_question(service_definition::question q);
  template <class E, class Options>
  void add_subscription(const std::string& name, topic<E> from, Options options, std::uint16_t number, bool awaits,
                        event_key<E> key) {
    subscription s;
    s.add = [name, from, options, number, awaits, key](operator_graph& g, const subscription& self, const batch_codec& codec) {
      graph_node source;
      source.name = name;
      source.label = "source";
      source.kind = node_kind::source;
      source.outputs.push_back(output_of<E>());
      source.source = {from.at, options.start, options.bounded, options.gone};
      source.errors = options.errors;
      source.make = [without = options.without_value, limits = options.json](const graph_node& n,
                                                                             bool keep_raw) -> std::unique_ptr<chain_operator> {
        return std::make_unique<source_operator<E>>(n.name, source_operator_options{n.errors.action, without, keep_raw, limits});
      };
      auto last = g.add(std::move(source));
      if (options.order) {
        graph_node time;
        time.label = "event-time";
        time.kind = node_kind::event_time;
        time.inputs = {{last, 0}};
        time.outputs.push_back(output_of<E>());
        time.incomplete = time_problem(*options.order, options.idle, options.alignment);
        time.alignment = options.alignment;
        time.make = [order = *options.order, idle = options.idle](const graph_node& n, bool) -> std::unique_ptr<chain_operator> {
          return std::make_unique<event_time_operator<E, std::nullptr_t>>(
              n.name, n.errors.policy(), nullptr, order.bound, idle ? std::optional<duration>(idle->time) : std::nullopt);
        };
        last = g.add(std::move(time), "event-time");
      }
      graph_node events;
      events.name = name + ".key";
      events.label = "key_by";
      events.kind = node_kind::key_by;
      events.inputs = {{last, 0}};
      events.needs_raw = self.needs_raw || options.errors.action == error_action::dead_letter;
      events.errors = options.errors;
      events.outputs.push_back({"",
                                [](std::size_t port) -> std::unique_ptr<chain_operator> {
                                  return std::make_unique<port_operator<service_event>>(port);
                                },
                                &codec});
      events.make = [number, awaits, key, commands = self.commands](const graph_node& n,
                                                                    bool) -> std::unique_ptr<chain_operator> {
        return std::make_unique<event_operator<E>>(n.name, n.errors.policy(), number, key, commands, awaits);
      };
      return g.add(std::move(events));
    };
    subscriptions.push_back(std::move(s));
  }

  std::shared_ptr<service_definition> definition = std::make_shared<service_definition>();
  std::vector<subscription> subscriptions;
  std::vector<publication_plan> publications;
  std::vector<std::string> problems;
  std::optional<int> parallelism;
};

} // namespace weir::detail
