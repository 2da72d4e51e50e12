#pragma once
#include <weir/graph/job.hpp>
#include <weir/services/actor_operator.hpp>
#include <weir/services/context.hpp>
#include <weir/services/event_source.hpp>

namespace weir {

struct subscribe_options : source_options {
  /// Event time of the events: a bound on their disorder. Without it their time is the topic's, and event-time timers of the
  /// service do not fire.
  std::optional<bounded_out_of_orderness> order{};
  std::optional<idle_after> idle{};
  std::optional<align> alignment{};
};

/// An actor service: keyed actors that subscribe to topics, answer questions, keep checkpointed state, and publish.
///
///   weir::actor_service<std::string, stock> a{"inventory"};
///   auto reserved = a.publishes("reserved", weir::topic<stock_reserved>{s.reserved});
///   a.on("orders", weir::topic<order_placed>{s.orders}, &order_placed::article, [=](const order_placed& o, auto& ctx) {
///     ctx.state().free -= o.quantity;
///     ctx.publish(reserved, stock_reserved{o.order});
///   });
///   a.answers(stock_of, [](const stock_question&, auto& ctx) { return stock_level{ctx.state().free}; });
///
/// Handlers take (event, actor_context<Key, State>&) and return nothing, or weir::async<> when they await an ask. They run
/// one at a time per key, in the order of the key's events, on a task's thread: they must not block. What a handler does
/// (state, timers, publishes) is done when it ends; when it throws, nothing of it is. It is then called again, as
/// `on_failure` says, and after that its key is parked: later events of the key wait, in order, until somebody releases it.
/// State and publishes take part in the job's checkpoints: exactly once, also when a failure makes events come again. The
/// members of a handler's closure are not state: they start anew with the process, and several tasks share them.
///
/// Key: as for key_by. State: a described struct with a binary encoding; a new key has State{}. The service is a job of its
/// own: between services there are only topics and asks. A handle: copies share one declaration. Not synchronised.
template <class Key, class State>
class actor_service {
 public:
  using context = actor_context<Key, State>;
  using reader = request_context<Key, State>;

  /// The name is the identity of the service's state.
  explicit actor_service(std::string name) : d_(std::make_shared<detail::service_declaration>(std::move(name))) {
    auto& def = *d_->definition;
    def.key_schema = schema_fingerprint<Key>();
    def.state_schema = schema_fingerprint<State>();
    def.make_state = [] { return std::make_unique<detail::typed_state_box<State>>(); };
    def.key_text = [](std::string_view bytes) {
      Key k{};
      byte_reader in(bytes);
      return decode_key(in, k) ? detail::value_text(k) : std::string("<unreadable>");
    };
  }
  [[nodiscard]] const std::string& name() const { return d_->definition->name; }

  /// Events of a topic, each to the actor that `key` (member or function of the event) names. The subscription's name is the
  /// identity of its position.
  template <class E, class KeyOf, class F>
  actor_service& on(std::string subscription, topic<E> from, KeyOf key, F handler, subscribe_options options = {}) {
    using given = std::remove_cvref_t<std::invoke_result_t<KeyOf&, const E&>>;
    static_assert(std::is_same_v<given, Key>, "the key of an event must be of the service's key type");
    add<E>(std::move(subscription), std::move(from), std::move(options), std::move(handler),
           [key](const E& e, const any_batch&, std::size_t, detail::event_key_bytes& out) -> result<> {
             return out.set(std::invoke(key, e));
           });
    return *this;
  }
  /// The same for topics whose record key is the actor's key (as text; as JSON for keys that are structs).
  template <class E, class F>
  actor_service& on(std::string subscription, topic<E> from, F handler, subscribe_options options = {}) {
    add<E>(std::move(subscription), std::move(from), std::move(options), std::move(handler), key_of_record<E>());
    d_->subscriptions.back().needs_raw = true;
    return *this;
  }

  /// The service's own command topic: what question handlers append to it comes back as an event, once per id.
  template <class C, class F>
  command_topic<C> commands(std::string subscription, topic<C> own, F handler, subscribe_options options = {}) {
    auto& def = *d_->definition;
    def.command_topics.push_back(own.at);
    def.command_subscriptions.push_back(def.subscriptions.size());
    add<C>(std::move(subscription), std::move(own), std::move(options), std::move(handler), key_of_record<C>());
    d_->subscriptions.back().needs_raw = true;
    d_->subscriptions.back().commands = true;
    def.subscriptions.back().commands = true;
    return {def.command_topics.size() - 1};
  }

  /// A topic that handlers publish to.
  template <class T>
  // NOLINTNEXTLINE(performance-unnecessary-value-param): both are moved from; clang-tidy 14 does not see it in a template.
  publication<T> publishes(std::string sink, topic<T> to, sink_options<raw_record> options = {}) {
    return {d_->add_publication(std::move(sink), std::move(to.at), std::move(options))};
  }

  /// Answers a question: A(const Q&, request_context&), or weir::async<A> when it asks in turn. It may only read, or append
  /// to the service's command topic. A handler that throws gives the asker ask_errc::failed.
  template <class Q, class A, class F>
  actor_service& answers(const request<Key, Q, A>& question, F handler) {
    detail::service_definition::question q;
    q.name = question.name;
    q.schema = detail::ask_schema<Q, A>();
    q.handle = [handler = std::move(handler)](detail::service_call& c, std::string_view payload) {
      return detail::call_question<reader, Q, A>(handler, c, payload);
    };
    d_->add_question(std::move(q));
    return *this;
  }

  /// Called for timers that a handler has set: (name, context&).
  template <class F>
  actor_service& on_timer(F handler) {
    auto& def = *d_->definition;
    using returned = std::invoke_result_t<F&, const std::string&, context&>;
    def.timer_awaits = detail::is_async<returned>::value;
    def.timer = [handler = std::move(handler)](detail::service_call& c) {
      return detail::call_handler<context>(handler, c, c.timer);
    };
    return *this;
  }
  /// Called in every task before its first event, and when it ends. A start that throws fails the service; a stop that
  /// throws is logged. Shown by name when they fail.
  actor_service& on_start(std::function<void(const logger&)> f) {
    d_->definition->start.push_back({"start", std::move(f)});
    return *this;
  }
  actor_service& on_stop(std::function<void(const logger&)> f) {
    d_->definition->stop.push_back({"stop", std::move(f)});
    return *this;
  }

  /// How often a handler that throws is called for an event before its key is parked, and how long between.
  actor_service& on_failure(handler_retry r) {
    d_->definition->retry = r;
    return *this;
  }
  /// Events that may wait for one key; one more fails the service with a message that says so.
  actor_service& waiting_events(std::size_t n) {
    d_->definition->parked_limit = n;
    return *this;
  }
  /// Handlers of one task that may await at a time; at the limit the task takes no further event.
  actor_service& awaiting_handlers(std::size_t n) {
    d_->definition->awaiting_limit = n;
    return *this;
  }
  /// How long the id of a command is remembered (`ask.dedup`); the same id again within it is not handled.
  actor_service& remember_commands(duration d) {
    d_->definition->dedup = d;
    return *this;
  }
  actor_service& parallelism(int n) {
    d_->parallelism = n;
    return *this;
  }

  /// Everything wrong with the declaration, each error naming the part; empty when it can run.
  [[nodiscard]] std::vector<error> check(const plan_options& options = {}) const { return check_graph(*d_->graph(), options); }
  /// What runs. Errors: invalid_graph, with all that `check` finds.
  [[nodiscard]] result<job_plan> plan(const plan_options& options = {}) const { return d_->plan(options); }

 private:
  template <class E>
  static detail::event_key<E> key_of_record() {
    return [](const E&, const any_batch& rows, std::size_t row, detail::event_key_bytes& out) -> result<> {
      auto bytes = rows.raw_key(row);
      if (!bytes)
        return {errc::decode_failed, "the record has no key"};
      Key key{};
      WEIR_TRY(decode_topic_key(*bytes, detail::record_key_format<Key>(), key));
      return out.set(key);
    };
  }

  template <class E, class F>
  void add(std::string subscription, topic<E> from, subscribe_options options, F handler, detail::event_key<E> key) {
    using returned = std::invoke_result_t<F&, const E&, context&>;
    static_assert(std::is_void_v<returned> || std::is_same_v<returned, async<>>,
                  "a handler takes (const Event&, context&) and returns void or weir::async<>");
    auto& def = *d_->definition;
    const auto number = static_cast<std::uint16_t>(def.subscriptions.size());
    def.subscriptions.push_back({subscription,
                                 [handler = std::move(handler)](detail::service_call& c) {
                                   return detail::call_handler<context>(handler, c, *static_cast<const E*>(c.value.get()));
                                 },
                                 detail::is_async<returned>::value, false});
    def.codecs->push_back(detail::codec_of<E>(subscription));
    d_->add_subscription<E>(std::move(subscription), std::move(from), std::move(options), number,
                            detail::is_async<returned>::value, std::move(key));
  }

  std::shared_ptr<detail::service_declaration> d_;
};

} // namespace weir
