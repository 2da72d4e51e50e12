#pragma once
#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include <weir/operators/error_handler.hpp>
#include <weir/operators/timer_service.hpp>
#include <weir/record/binary.hpp>
#include <weir/record/key.hpp>

namespace weir {

/// Names a side output and its type: `static const weir::output_tag<alert> alerts{"alerts"};`
template <class T>
struct output_tag {
  std::string name;
};

/// A state error inside user code; turned back into the error value by the operator around it.
class state_exception : public std::runtime_error {
 public:
  explicit state_exception(error e) : std::runtime_error(e.message), cause(std::move(e)) {}
  error cause;
};

namespace detail {

struct declared_state {
  std::string name;
  std::string schema;
  state_kind kind = state_kind::value;
};

/// What the typed contexts and states share; bytes only. One per process operator.
struct process_runtime {
  chain_runtime* chain = nullptr;
  std::string operator_name;
  std::vector<state_handle> states;
  timer_service event_timers;
  timer_service processing_timers;

  /// Begins a call of user code. With `undoable`, roll_back puts states and timers back as they are now.
  void begin_call(bool undoable);
  result<> roll_back();

  // The record or timer at hand.
  std::string key_bytes;
  std::uint16_t group = 0;
  timestamp time;
  bool in_processing_time = false;

  result<> open(chain_runtime& runtime, const std::string& name, const std::vector<declared_state>& declared,
                const std::string& key_schema);
  /// Throw state_exception.
  std::optional<std::string_view> read(std::size_t state);
  void write(std::size_t state, std::string_view bytes);
  void clear(std::size_t state);
  /// Entries of the key at hand in a map or list: rows of an ordered state whose time is the hash of the key, so that the
  /// entries of a key lie together, in the order of their names. Throw state_exception.
  using entry = std::pair<std::string, std::string>; ///< Name (encoded) and value.
  std::optional<std::string_view> read_entry(std::size_t state, std::string_view name);
  void write_entry(std::size_t state, std::string_view name, std::string_view bytes);
  void erase_entry(std::size_t state, std::string_view name);
  /// At most `limit` entries from `from` on (none: from the first), without it unless `inclusive`.
  std::vector<entry> entries(std::size_t state, const std::optional<std::string>& from, bool inclusive, std::size_t limit);
  void set_timer(timestamp at, bool processing);
  void erase_timer(timestamp at, bool processing);
  void check(const result<>& r) const;
  [[nodiscard]] error corrupt(const std::string& what) const;

 private:
  /// How something was before the call at hand changed it first.
  struct change {
    enum class kind : std::uint8_t { state, entry, event_timer, processing_timer };
    kind what;
    std::size_t state = 0;
    timestamp at;
    std::string entry;                 ///< Its name behind the key.
    std::optional<std::string> before; ///< None: it was not there.
  };
  void remember_state(std::size_t state);
  void remember_entry(std::size_t state, std::string_view name);
  std::string_view entry_key(std::string_view name);
  [[nodiscard]] timestamp entry_time() const;
  std::string entry_key_; ///< Scratch of entry_key.
  void remember_timer(timestamp at, bool processing);
  bool undoable_ = false;
  std::vector<change> changes_; ///< Of the call at hand, the oldest first.
};

} // namespace detail

/// What a process function may use while one of its methods runs; invalid after. K: key, Out: output rows.
template <class K, class Out>
class process_context {
 public:
  using side_writer = std::function<void(const std::string& tag, const std::type_info& type, const void* value)>;
  process_context(detail::process_runtime& runtime, const K& key, std::vector<Out>& rows, const side_writer& side)
      : runtime_(runtime), key_(key), rows_(rows), side_(side) {}

  [[nodiscard]] const K& key() const { return key_; }
  /// The record's event time; in on_timer the timer's time.
  [[nodiscard]] timestamp time() const { return runtime_.time; }
  /// No record with an earlier event time will come (but for late ones).
  [[nodiscard]] timestamp watermark() const { return runtime_.chain->watermark; }
  [[nodiscard]] const weir::clock& clock() const { return *runtime_.chain->context->time; }
  [[nodiscard]] const logger& log() const { return runtime_.chain->context->log; }
  [[nodiscard]] int subtask() const { return runtime_.chain->context->subtask; }
  /// A figure of this task, named `<operator>.<name>`.
  std::uint64_t& counter(const std::string& name) { return runtime_.chain->counter(runtime_.operator_name, name); }

  void emit(Out value) { rows_.push_back(std::move(value)); }
  /// To a side output. A tag that nobody reads drops the value; a tag read with another type is an error.
  template <class T>
  void side(const output_tag<T>& tag, const T& value) {
    side_(tag.name, typeid(T), &value);
  }

  /// on_timer is called with `at` when the watermark rises to it or beyond; a time that has passed fires at the next rise.
  /// Setting twice is setting once. At the end of a bounded input the watermark is max_timestamp: a timer that always sets
  /// the next one must stop then.
  void set_timer(timestamp at) { runtime_.set_timer(at, false); }
  void erase_timer(timestamp at) { runtime_.erase_timer(at, false); }
  /// The same by the wall clock.
  void set_processing_timer(timestamp at) { runtime_.set_timer(at, true); }
  void erase_processing_timer(timestamp at) { runtime_.erase_timer(at, true); }
  /// In on_timer: whether it is a processing-time timer.
  [[nodiscard]] bool is_processing_time() const { return runtime_.in_processing_time; }

  [[nodiscard]] detail::process_runtime& runtime() { return runtime_; }

 private:
  detail::process_runtime& runtime_;
  const K& key_;
  std::vector<Out>& rows_;
  const side_writer& side_;
};

/// Base of a keyed operator written as a class. The class is copied into every task and has
///
///   void process(const In& value, context& ctx)      required
///   void on_timer(timestamp time, context& ctx)      only if it sets timers
///
/// `process` is called once per record, per key in order of arrival. After a restart the records since the last
/// checkpoint come again, and all state, timers and output are as they were at that checkpoint: results count once.
/// Both may emit, read and write state and set timers of their own key; neither may block: other keys of the task wait
/// meanwhile. An exception takes the record the way of the operator's error policy, and the call leaves no trace: what
/// it has emitted is withdrawn, its changes of states and timers are undone. An exception from on_timer always fails the task:
/// there is no record to put aside. Members that are not states are not checkpointed: they start anew with the task, and nothing
/// of them is undone.
template <class Key, class In, class Out>
class process_function {
 public:
  using key_type = Key;
  using input_type = In;
  using output_type = Out;
  using context = process_context<Key, Out>;

  [[nodiscard]] const std::vector<detail::declared_state>& declared_states() const { return declared_; }
  std::size_t declare_state(std::string name, std::string schema, state_kind kind = state_kind::value) {
    declared_.push_back({std::move(name), std::move(schema), kind});
    return declared_.size() - 1;
  }

 private:
  std::vector<detail::declared_state> declared_;
};

/// One value of type S per key, part of every checkpoint. A member of a process function:
///
///   weir::value_state<std::int64_t> total{*this, "total"};
///
/// The name is the identity of the state, S has a binary encoding (record/binary.hpp).
template <class S>
class value_state {
 public:
  template <class Owner>
  value_state(Owner& owner, std::string name) : index_(owner.declare_state(std::move(name), schema_fingerprint<S>())) {}

  /// The value of the key at hand, or none.
  template <class Context>
  [[nodiscard]] std::optional<S> find(Context& ctx) const {
    auto& runtime = ctx.runtime();
    auto bytes = runtime.read(index_);
    if (!bytes)
      return std::nullopt;
    S value{};
    byte_reader in(*bytes);
    if (!decode_binary(in, value))
      throw state_exception(runtime.corrupt("a value of its state cannot be read"));
    return value;
  }
  /// The value of the key at hand, or `otherwise`.
  template <class Context>
  [[nodiscard]] S get(Context& ctx, S otherwise = {}) const {
    auto found = find(ctx);
    return found ? std::move(*found) : std::move(otherwise);
  }
  template <class Context>
  void set(Context& ctx, const S& value) const {
    std::string bytes;
    byte_writer out(bytes);
    encode_binary(value, out);
    ctx.runtime().write(index_, bytes);
  }
  template <class Context>
  void clear(Context& ctx) const {
    ctx.runtime().clear(index_);
  }

 private:
  std::size_t index_;
};

} // namespace weir
