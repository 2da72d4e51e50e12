#pragma once
#include <coroutine>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include <weir/operators/chain.hpp>
#include <weir/record/raw_record.hpp>
#include <weir/services/ask.hpp>
#include <weir/services/async.hpp>
#include <weir/state/keyed_state.hpp>

namespace weir::detail {

/// The state of a key, its type known only to the service's definition.
class state_box {
 public:
  virtual ~state_box() = default;
  virtual void encode(std::string& out) const = 0;
  /// Takes the bytes that `encode` wrote; none: the state of a new key. False: malformed.
  [[nodiscard]] virtual bool decode(std::optional<std::string_view> bytes) = 0;
  [[nodiscard]] virtual void* value() = 0;
};

enum class call_kind : std::uint8_t { event = 0, timer = 1, question = 2 };

struct timer_effect {
  std::string name;
  std::optional<timestamp> at; ///< None: cancel.
  bool processing = true;
};

class call_environment;

/// Records that a handler publishes, their bytes one behind the other.
struct publications {
  struct record {
    std::size_t number = 0; ///< Of the publication.
    std::size_t begin = 0;
    std::size_t key_size = 0, value_size = 0;
  };
  std::string bytes; ///< Keys, each with its value behind it.
  std::vector<record> records;
  void clear() {
    bytes.clear();
    records.clear();
  }
};

/// One run of a handler: what it was called for, and what it wants done when it ends well. Lives until then, at one place.
struct service_call {
  call_kind what = call_kind::event;
  std::uint16_t group = 0;
  std::uint16_t subscription = 0;
  bool loaded = false, present = false, changed = false, cleared = false; ///< Of the state of the key.
  std::uint64_t id = 0;                                                   ///< Of a call that awaits.
  std::string key;                                                        ///< Encoded.
  std::uint64_t key_hash = 0;
  timestamp time;
  std::shared_ptr<const void> value;
  std::string command_id; ///< Of a command.
  std::string timer;      ///< Name.
  std::vector<ask_hop> chain;
  call_environment* environment = nullptr;

  // What the handler asked for.
  std::unique_ptr<state_box> state;
  publications published;
  std::vector<timer_effect> timers;
  std::vector<std::pair<std::size_t, raw_record>> appended;

  // While it runs.
  std::unique_ptr<running_call> running; ///< Of a handler that awaits. Destroyed before what it refers to:
  std::shared_ptr<void> context;
  std::coroutine_handle<> waiting;
  std::optional<ask_outcome> outcome;
  std::string reply; ///< Of a question.
  std::uint64_t token = 0;
  std::size_t appends_open = 0;
  std::optional<ask_error> refused; ///< Why a question gets no answer.
  unsigned asks = 0;
  unsigned attempts = 0;
  bool durable = false;

  /// Where an event was read. The topic lives with the task.
  struct read_at {
    const std::string* topic = nullptr; ///< Not null.
    std::int32_t partition = -1;
    std::int64_t offset = -1;
  };

  ~service_call() { running.reset(); }
  service_call() = default;
  service_call(const service_call&) = delete;
  service_call& operator=(const service_call&) = delete;
  /// For another run in the same place.
  void begin();
  /// "topic/partition/offset", or what stands for it; stable over restarts.
  [[nodiscard]] const std::string& origin() const;
  void set_origin(std::string text) {
    from_.topic = nullptr;
    origin_ = std::move(text);
  }
  void set_origin(const read_at& at) { from_ = at; }

 private:
  // Written out when somebody asks for it: most handlers never do.
  mutable read_at from_; ///< Topic null: `origin_` is written out.
  mutable std::string origin_;
};

/// What contexts reach through a call. Only the owning task's thread.
class call_environment {
 public:
  virtual ~call_environment() = default;
  /// Loads the key's state into the call. Throws state_exception.
  virtual void load(service_call& c) = 0;
  virtual void ask(service_call& c, ask_message m, const ask_options& options) = 0;
  [[nodiscard]] virtual const chain_context& chain() const = 0;
  [[nodiscard]] virtual timestamp watermark() const = 0;
  [[nodiscard]] virtual std::uint64_t& counter(const std::string& name) = 0;
};

/// Awaits the outcome of an ask; only inside a handler.
template <class A>
class ask_awaiter {
 public:
  ask_awaiter(service_call& c, ask_message m, ask_options o) : call_(c), message_(std::move(m)), options_(o) {}
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> h) {
    call_.waiting = h;
    call_.outcome.reset();
    call_.environment->ask(call_, std::move(message_), options_);
  }
  answer<A> await_resume() { return read_answer<A>(*std::exchange(call_.outcome, std::nullopt)); }

 private:
  service_call& call_;
  ask_message message_;
  ask_options options_;
};

} // namespace weir::detail
