#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>
#include <weir/record/raw_record.hpp>
#include <weir/services/ask.hpp>

namespace weir {

/// A key whose first event failed again and again; later events of it wait behind.
struct parked_key {
  std::string service;
  std::string key; ///< Readable.
  std::string encoded_key;
  std::uint64_t key_hash = 0;
  std::string event; ///< What failed: subscription or timer, and origin.
  std::string reason;
  timestamp since;
  std::uint64_t waiting = 0; ///< Events of the key, the failed one among them.
};

enum class unpark : std::uint8_t { retry, skip };

/// What an actor service's task needs of whoever runs it. Called on the task's thread, inside the port's functions.
class service_host {
 public:
  virtual ~service_host() = default;
  /// Sends an ask; answered once by service_port::answered(call, ...), never inside this call.
  virtual void ask(std::uint64_t call, ask_message m, duration timeout) = 0;
  /// Answers an ask that came in under this token.
  virtual void reply(std::uint64_t token, ask_outcome outcome) = 0;
  /// Appends a record to the command topic of that number; answered once by service_port::appended(call, ...).
  virtual void append(std::uint64_t call, std::size_t command_topic, raw_record record) = 0;
  /// A checkpoint is wanted: somebody waits for one.
  virtual void want_checkpoint() = 0;
  /// User code begins, by name (it outlives the service), or ended: null. Once per call of a handler, so it must be cheap.
  virtual void handling(const std::string* handler) { static_cast<void>(handler); }
};

/// The way into the tasks of an actor service, beside its channels. Only the owning task's thread. Nothing blocks; errors fail
/// the task. May be called while the chain is blocked, not after its final barrier.
class service_port {
 public:
  virtual ~service_port() = default;
  virtual void attach(service_host& host) = 0;
  /// An ask for a key of this task; answered by service_host::reply with the token.
  virtual result<> asked(std::uint64_t token, ask_message m) = 0;
  virtual result<> answered(std::uint64_t call, ask_outcome outcome) = 0;
  virtual result<> appended(std::uint64_t call, std::optional<ask_error> failed) = 0;
  /// State up to here belongs to this checkpoint / that checkpoint is complete: durable answers wait for it.
  virtual void at_barrier(std::uint64_t checkpoint) = 0;
  virtual void completed(std::uint64_t checkpoint) = 0;
  /// Lets a parked key try its event again, or drops that event. False: the key is not parked.
  virtual result<bool> release(const std::string& encoded_key, unpark how) = 0;
  [[nodiscard]] virtual std::vector<parked_key> parked() const = 0;
  /// Changes whenever `parked` does.
  [[nodiscard]] virtual std::uint64_t parked_version() const = 0;
  /// Handlers that await something. None may be left when the input is over.
  [[nodiscard]] virtual std::size_t awaiting() const = 0;
};

} // namespace weir
