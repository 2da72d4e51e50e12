#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <variant>

namespace weir {

/// What went wrong, one code per thing a caller can react to. Numbers are printed and must not be reused.
enum class errc : std::uint16_t {
  invalid_argument = 1, ///< A value given by the caller is outside what the function documents.
  invalid_config = 2,   ///< The configuration file or command line is wrong; the message holds the JSON pointer.
  invalid_graph = 3,    ///< The job graph cannot run; the message names the operator.
  decode_failed = 4,    ///< Bytes of a record, frame or stored value do not have the announced form.
  user_code_failed = 5, ///< A user's function threw or returned an error.
  not_found = 6,        ///< A topic, partition, file or key that must exist does not.
  already_exists = 7,   ///< Something to be created is there already.
  out_of_range = 8,     ///< An offset is not in the topic any more or not yet.
  too_large = 9,        ///< A record or value is above a documented limit.
  unavailable = 10,     ///< A broker, disk or peer did not answer; the same call may succeed later.
  unknown_outcome = 11, ///< The operation may or may not have happened: look before doing it again.
  fenced = 12,          ///< Another process has taken over our identity: this one must write nothing more.
  store_locked = 13,    ///< Another process holds the store; the message names its pid and state.
  store_foreign = 14,   ///< The store is not the one that published: another lineage, older, or wiped.
  store_corrupt = 15,   ///< A checksum or form in the store is wrong.
  store_full = 16,      ///< The store's map, its disk or its configured limit is full.
  incompatible = 17,    ///< State or format of another job graph or release that cannot be restored; says by name.
  memory_limit = 18,    ///< The job does not fit into memory.limit; the message says by how much.
  not_authorized = 19,  ///< A right on a topic, group or transactional id is missing.
  cancelled = 20,       ///< Stopped on request before it was done.
  internal = 21,        ///< A broken invariant of Weir itself.
};

/// One sentence for a code, without the particulars.
[[nodiscard]] const char* describe(errc code);

/// Whose fault it is decides who must act.
enum class fault : std::uint8_t {
  user,        ///< Configuration, code or data of the user.
  environment, ///< Broker, disk, network, operating system.
  bug,         ///< Weir.
};

/// What a repetition of the same call may bring.
enum class retry : std::uint8_t {
  never,   ///< The same answer.
  later,   ///< Perhaps success.
  restart, ///< Success only after a restart from the last checkpoint.
};

[[nodiscard]] fault fault_of(errc code);
[[nodiscard]] retry retry_of(errc code);

/// An error as a value: a code to react to and a sentence for people (what, where, what next).
struct error {
  errc code = errc::internal;
  std::string message;

  /// "message", prefixed by where: `error.in("operator 'totals'")`.
  [[nodiscard]] error in(const std::string& where) const { return {code, where + ": " + message}; }
};

/// Nothing: the value of an operation that only succeeds.
struct unit {};

/// A value or an error. Reading the value of an error (or the reverse) throws std::bad_variant_access: a bug.
template <class T = unit>
class [[nodiscard]] result {
 public:
  result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  result(error e) : state_(std::in_place_index<1>, std::move(e)) {}
  result(errc code, std::string message) : state_(std::in_place_index<1>, error{code, std::move(message)}) {}

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  [[nodiscard]] T& value() & { return std::get<0>(state_); }
  [[nodiscard]] const T& value() const& { return std::get<0>(state_); }
  [[nodiscard]] T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  [[nodiscard]] const error& err() const { return std::get<1>(state_); }

 private:
  std::variant<T, error> state_;
};

inline result<> success() { return unit{}; }

} // namespace weir

/// Returns the error of `expr` from the enclosing function, if it is one.
#define WEIR_TRY(expr)                       \
  do {                                       \
    if (auto weir_try_ = (expr); !weir_try_) \
      return weir_try_.err();                \
  } while (false)

#define WEIR_CONCAT_(a, b) a##b
#define WEIR_CONCAT(a, b) WEIR_CONCAT_(a, b)
/// `WEIR_ASSIGN(auto x, f());` binds the value or returns the error from the enclosing function.
#define WEIR_ASSIGN(decl, expr)                  \
  auto WEIR_CONCAT(weir_r_, __LINE__) = (expr);  \
  if (!WEIR_CONCAT(weir_r_, __LINE__))           \
    return WEIR_CONCAT(weir_r_, __LINE__).err(); \
  decl = std::move(WEIR_CONCAT(weir_r_, __LINE__)).value()
