#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>
#include <weir/core/timestamp.hpp>
#include <weir/record/binary.hpp>
#include <weir/record/key.hpp>
#include <weir/record/partition.hpp>
#include <weir/record/value_codec.hpp>

namespace weir {

/// Why an ask has no answer. Numbers are printed and must not be reused.
enum class ask_errc : std::uint8_t {
  no_service = 1,   ///< No service of that name runs here.
  no_question = 2,  ///< The service answers no question of that name.
  incompatible = 3, ///< Asker and owner describe the question or its answer differently.
  timed_out = 4,    ///< No answer came in time; a command may have been appended all the same.
  circle = 5,       ///< The ask would come back to a (service, key) that waits for its answer.
  failed = 6,       ///< The handler of the question threw.
  unavailable = 7,  ///< The owner is restarting, stopping or has too many asks open; the same ask may succeed later.
};
/// One sentence for a code.
[[nodiscard]] const char* describe(ask_errc code);

struct ask_error {
  ask_errc code = ask_errc::unavailable;
  std::string message;
};

/// What came of an ask: an answer or the reason why there is none. Reading the value of a failed ask throws
/// std::bad_variant_access.
template <class A>
class [[nodiscard]] answer {
 public:
  answer(A value) : state_(std::in_place_index<0>, std::move(value)) {}
  answer(ask_error e) : state_(std::in_place_index<1>, std::move(e)) {}
  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  [[nodiscard]] const A& value() const { return std::get<0>(state_); }
  const A& operator*() const { return value(); }
  const A* operator->() const { return &value(); }
  [[nodiscard]] const ask_error& err() const { return std::get<1>(state_); }

 private:
  std::variant<A, ask_error> state_;
};

/// A question that an actor service answers, as both sides see it: declared once in a header that they share.
///
///   inline const weir::request<std::string, stock_question, stock_level> stock{"inventory", "stock"};
template <class Key, class Question, class Answer>
struct request {
  std::string service; ///< Name of the service in the configuration.
  std::string name;
  /// The same question to a service of another name.
  [[nodiscard]] request at(std::string other) const { return {std::move(other), name}; }
};

struct ask_options {
  duration timeout = std::chrono::seconds(5);
  /// The answer is given when what it was read from is part of a complete checkpoint: no failure takes it back.
  bool durable = false;
};

/// A place in a chain of asks.
struct ask_hop {
  std::string service;
  std::string key; ///< Encoded.
  friend bool operator==(const ask_hop&, const ask_hop&) = default;
};

/// An ask on its way to the owner of its key. Encoded throughout: the owner may be in another process.
struct ask_message {
  std::string service;
  std::string question;
  std::string key; ///< Encoded by encode_key.
  std::uint64_t key_hash = 0;
  std::uint32_t topic_hash = 0; ///< murmur2_of_key of the key as topics have it: finds the shard.
  std::uint64_t schema = 0;     ///< Of question and answer.
  std::string payload;          ///< The question, by encode_binary.
  std::string id;               ///< Stable: the same ask of the same event has it after a restart, too.
  std::vector<ask_hop> chain;
  bool durable = false;
};
/// The answer's bytes, by encode_binary, or why there is none.
using ask_outcome = answer<std::string>;

namespace detail {
template <class Q, class A>
std::uint64_t ask_schema() {
  static const auto hash = hash_bytes(schema_fingerprint<Q>() + " -> " + schema_fingerprint<A>());
  return hash;
}
template <class T>
std::string to_bytes(const T& v) {
  std::string bytes;
  byte_writer out(bytes);
  encode_binary(v, out);
  return bytes;
}
} // namespace detail

/// The message of an ask, but for id and chain.
template <class Key, class Q, class A>
ask_message make_ask(const request<Key, Q, A>& r, const Key& key, const Q& question, bool durable) {
  ask_message m;
  m.service = r.service;
  m.question = r.name;
  m.key = encoded_key(key);
  m.key_hash = hash_bytes(m.key);
  // A key without a form in topics is in no topic.
  if (std::string bytes; encode_topic_key(key, detail::record_key_format<Key>(), bytes))
    m.topic_hash = murmur2_of_key(bytes);
  m.schema = detail::ask_schema<Q, A>();
  m.payload = detail::to_bytes(question);
  m.durable = durable;
  return m;
}
/// The typed answer.
template <class A>
answer<A> read_answer(const ask_outcome& outcome) {
  if (!outcome)
    return outcome.err();
  A value{};
  byte_reader in(outcome.value());
  if (!decode_binary(in, value) || !in.done())
    return ask_error{ask_errc::incompatible, "the answer cannot be read"};
  return value;
}

} // namespace weir
