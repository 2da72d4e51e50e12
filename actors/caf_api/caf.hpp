#pragma once
// An ordinary CAF actor as a service: events of topics come to it as requests, and what it answered is done. This is the one
// public header that brings CAF along; CMake target weir::caf. docs/services.md, "Any CAF actor".
#include <concepts>
#include <type_traits>
#include <utility>
#include <weir/caf/hosted_service.hpp>
#include <weir/graph/job_graph.hpp>
#include <weir/operators/source_operator.hpp>

namespace weir {

/// An event of a topic, as the actor gets it: a handler is [](const caf_event<order>& e) { … }. It comes as a request. When the
/// handler returns (anything), or its response promise is delivered, the event is done; an error is tried again. At least once:
/// an event may come again after a restart, and while an earlier try of it is still at work.
template <class T>
struct caf_event {
  T value;
  std::optional<std::string> key;
  header_list headers;
  timestamp time; ///< The topic's time stamp.
  std::shared_ptr<const std::string> origin;
  std::int32_t partition = 0;
  std::int64_t offset = 0; ///< With topic and partition the identity of the event: the same each time it comes.
  unsigned attempt = 1;    ///< Tries since the service (re)started, this one included.

  [[nodiscard]] const std::string& topic() const { return *origin; }
};

/// To an actor of a service that `asks_to_drain`, as a request, when its last event is answered: publish what is left and answer.
struct caf_drain {};

/// How the events of a topic are handed to the actor.
struct caf_subscription {
  /// Events of one partition that the actor may have at a time; 1: one after the other, in order.
  std::size_t in_flight = 100;
  duration timeout = std::chrono::seconds(30); ///< Without an answer for so long a try has failed.
  /// An event that was answered with an error, or not at all: so many tries, and what then. `fail` restarts the service with a
  /// new actor, from the lowest event that is not done; after the limit of `restart` it is parked with the event as its reason.
  on_error failures = on_error::retry(3, std::chrono::milliseconds(100));
  on_error errors = on_error::fail; ///< A record that does not parse.
  tombstones without_value = tombstones::refuse;
  offset_policy gone = offset_policy::fail; ///< The committed offset was deleted by retention.
  json_limits json{};
};

/// A topic that the actor publishes to. Cheap to copy.
template <class T>
class caf_publication {
 public:
  caf_publication() = default;

 private:
  friend class caf_service;
  friend class caf_context;
  explicit caf_publication(std::size_t output) : output_(output) {}
  std::size_t output_ = 0;
};

/// A figure of the service in `weir status` and /metrics. Any thread; goes on over restarts of the service.
class caf_counter {
 public:
  explicit caf_counter(std::shared_ptr<std::atomic<std::uint64_t>> at) : at_(std::move(at)) {}
  void add(std::uint64_t n = 1) const { at_->fetch_add(n, std::memory_order_relaxed); }

 private:
  std::shared_ptr<std::atomic<std::uint64_t>> at_;
};

/// What a service lends to its actor, for one life of it. Cheap to copy; any thread. Settings are what the function that makes
/// the service was called with: capture them.
class caf_context {
 public:
  explicit caf_context(std::shared_ptr<const detail::hosted_port> port) : port_(std::move(port)) {}

  /// The system that all services of the process share.
  [[nodiscard]] caf::actor_system& system() const { return *port_->system; }
  [[nodiscard]] const std::string& service() const { return port_->service; }
  /// Rises with each start of the actor, also over processes that use the same store. Give it to other systems, so that they can
  /// refuse what an older life of this actor still sends.
  [[nodiscard]] std::uint64_t fencing_token() const { return port_->token; }
  [[nodiscard]] const logger& log() const { return port_->log; }
  [[nodiscard]] caf_counter counter(const std::string& name) const { return caf_counter(port_->counter(name)); }

  /// Spawns an actor from a function or lambda (self, arguments...) that returns its behavior, or none. What the actor throws
  /// becomes the reason that the service shows; with an actor spawned otherwise the reason is what CAF says.
  template <caf::spawn_options Options = caf::no_spawn_options, class F, class... Args>
  [[nodiscard]] caf::actor spawn(F f, Args... args) const {
    using pointer = typename caf::detail::tl_head<typename caf::detail::get_callable_trait<F>::arg_types>::type;
    // The port is an argument because a spawn without any makes CAF dereference a null pointer to its empty tuple.
    return system().spawn<Options>(
        [f = std::move(f), args...](pointer self, const std::shared_ptr<const detail::hosted_port>& port) mutable {
          self->set_exception_handler([port](std::exception_ptr& thrown) -> caf::error {
            port->threw(text_of(thrown));
            return caf::exit_reason::unhandled_exception;
          });
          return f(self, std::move(args)...);
        },
        port_);
  }

  /// Appends a value to a topic. `.then([] {…}, [](const caf::error&) {…})` of what it returns is called when the topic has it
  /// (at least once: the broker has acknowledged it, or the log written it), or will not. The key is a string or an integer, or
  /// std::nullopt. Only the thread of `self`; does not block.
  template <class Self, class T, class K>
  auto publish(Self* self, const caf_publication<T>& to, const K& key, const T& value) const {
    return self->request(caf::actor_cast<caf::actor>(port_->writer), caf::infinite, order_of(to, key, value));
  }
  /// The same as the answer of the handler that returns it: its event is done when the topic has the value, and tried again when
  /// it will not.
  template <class Self, class T, class K>
  auto answer_with(Self* self, const caf_publication<T>& to, const K& key, const T& value) const {
    return self->delegate(caf::actor_cast<caf::actor>(port_->writer), order_of(to, key, value));
  }

 private:
  static std::string text_of(const std::exception_ptr& thrown);

  template <class T, class K>
  static detail::publish_order order_of(const caf_publication<T>& to, const K& key, const T& value) {
    detail::publish_order out;
    out.output = to.output_;
    if (auto made = record_of(key, value, out.record); !made)
      out.refused = made.err();
    return out;
  }
  template <class T, class K>
  static result<> record_of(const K& key, const T& value, raw_record& out) {
    out.time = now();
    if constexpr (std::is_convertible_v<const K&, std::string_view>)
      out.key = std::string(std::string_view(key));
    else if constexpr (!std::is_same_v<K, std::nullopt_t>)
      WEIR_TRY(encode_topic_key(key, key_format::text, out.key.emplace()));
    return encode_value(value, out.value.emplace());
  }
  static timestamp now();

  std::shared_ptr<const detail::hosted_port> port_;
};

/// The declaration of a service that is an ordinary CAF actor: what it reads, what it writes, and how it is spawned. What
/// `weir::service` registers returns one:
///
///     weir::caf_service make_notifier(const notifier_settings& c) {
///       weir::caf_service s{"notifier"};
///       auto out = s.publishes("notifications", weir::topic<notification>{c.notifications});
///       s.subscribe("results", weir::topic<order_result>{c.results});
///       s.spawns([c, out](const weir::caf_context& ctx) { return ctx.spawn(notifier, ctx, c, out); });
///       return s;
///     }
///
/// One thread. Nothing runs before the runtime starts the service; mistakes are reported by `plan`.
class caf_service {
 public:
  struct hosted {}; ///< Tells `weir::service` what kind this is.

  explicit caf_service(std::string name);

  /// Events of the topic go to the actor as caf_event<T>. `name` is unique in the service. Read from where the consumer group
  /// `<namespace>.<service>` stands, else from the beginning.
  template <class T>
  caf_service& subscribe(std::string name, topic<T> from, const caf_subscription& options = {}) {
    detail::hosted_subscription s;
    s.name = std::move(name);
    s.takes_tombstones = std::is_same_v<T, raw_record> || detail::is_a<T, std::optional>;
    s.decode = [limits = options.json](const record_view& r,
                                       const std::shared_ptr<const std::string>& origin) -> result<caf::message> {
      caf_event<T> e;
      WEIR_TRY(decode_source_value(r, e.value, limits));
      if (r.key)
        e.key = std::string(*r.key);
      e.headers = r.headers.unpack();
      e.time = r.time;
      e.origin = origin;
      e.partition = r.partition;
      e.offset = r.offset;
      return caf::make_message(std::move(e));
    };
    s.again = [](const caf::message& m, unsigned attempt) {
      auto e = m.get_as<caf_event<T>>(0);
      e.attempt = attempt;
      return caf::make_message(std::move(e));
    };
    add(std::move(s), std::move(from.at), std::move(options));
    return *this;
  }

  /// A topic that the actor publishes to; made when it is missing, with `partitions` (0: as many as the first input has).
  template <class T>
  [[nodiscard]] caf_publication<T> publishes(std::string name, topic<T> to, std::int32_t partitions = 0) {
    return caf_publication<T>(add_output(std::move(name), std::move(to.at), partitions));
  }

  /// How the actor is spawned, for each (re)start, on a thread of the service: by ctx.spawn, or by ctx.system() in any way of
  /// CAF. It may throw, which fails the start. The service ends when this actor does; what it spawned itself, it must end itself.
  caf_service& spawns(std::function<caf::actor(const caf_context& ctx)> f);

  /// Called once before the actor system starts, for message types of the user's own: config.add_message_type<T>("name").
  caf_service& message_types(std::function<void(caf::actor_system_config& config)> f);

  /// At a stop, and at the end of a bounded run, the actor is asked with caf_drain once its events are answered.
  caf_service& asks_to_drain();

  /// Errors: invalid_graph, with everything that is wrong.
  [[nodiscard]] result<job_plan> plan(const plan_options& options) const;

 private:
  struct output {
    std::string name;
    topic_ref to;
    std::int32_t partitions = 0;
  };
  void add(detail::hosted_subscription s, topic_ref from, const caf_subscription& options);
  std::size_t add_output(std::string name, topic_ref to, std::int32_t partitions);
  std::optional<std::size_t> letters_of(const std::string& name, const on_error& policy);

  std::string name_;
  hosted_service service_;
  std::vector<source_spec> sources_; ///< By subscription.
  std::vector<output> outputs_;
};

} // namespace weir

namespace caf {
/// Events stay in their process.
template <class T>
struct allowed_unsafe_message_type<weir::caf_event<T>> : std::true_type {};
} // namespace caf
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::caf_drain)
