#pragma once
#include <functional>
#include <string>
#include <type_traits>
#include <utility>
#include <weir/graph/plan.hpp>
#include <weir/operators/error_handler.hpp>
#include <weir/operators/source_operator.hpp>
#include <weir/record/value_codec.hpp>

namespace weir {

/// A topic whose values are of type T: JSON for described structs, the bytes for std::string, whole records for
/// raw_record; std::optional<T> has tombstones as empty.
template <class T>
struct topic {
  topic_ref at;
};

/// What happens to a record that a decoder, user code or a sink refuses.
struct on_error {
  error_action action = error_action::fail;
  topic_ref dead_letters{}; ///< Of dead_letter.
  retry_rule tries{};       ///< Of user code that throws; what does not parse or is too large stays so.

  static const on_error fail; ///< The default: the job restarts and, after a limit, ends with the cause.
  static const on_error skip; ///< The record is dropped and counted.
  /// The record goes to this topic: original key, value and headers, and `weir.*` headers for origin and reason.
  static on_error dead_letter(topic_ref to) { return {error_action::dead_letter, std::move(to), {}}; }
  /// User code that throws is called for the record up to `attempts` times in all, `backoff` apart, before `then` decides.
  /// Effects of a call that throws are not seen by the next one. The task holds its input meanwhile, barriers included: all
  /// the pauses of a record together are limited to a minute, and better far below `checkpoint.timeout`.
  static on_error retry(unsigned attempts, duration backoff, const on_error& then) {
    return {then.action, then.dead_letters, {attempts, backoff}};
  }
  static on_error retry(unsigned attempts, duration backoff = {}) { return retry(attempts, backoff, on_error{}); }
  [[nodiscard]] error_policy policy() const { return {action, tries}; }
};
inline const on_error on_error::fail{error_action::fail, {}, {}};
inline const on_error on_error::skip{error_action::skip, {}, {}};

struct source_options {
  start_position start = start_earliest{};  ///< Where to begin when no checkpoint says.
  bool bounded = false;                     ///< Stop at the ends the topic has at the first start.
  offset_policy gone = offset_policy::fail; ///< An offset that retention has deleted.
  on_error errors = on_error::fail;         ///< A record that does not parse.
  tombstones without_value = tombstones::refuse;
  json_limits json{};
};

/// The key of a sink's records: a member or function of the row. Strings as they are, integers in decimal, unless
/// `format` says otherwise.
template <class F>
struct key {
  F field;
  key_format format = key_format::text;
  explicit key(F f, key_format as = key_format::text) : field(std::move(f)), format(as) {}
};

template <class T>
struct sink_options {
  delivery guarantee = delivery::exactly_once;
  on_error errors = on_error::fail; ///< Too large for the topic, or no form as JSON.
  std::int32_t partitions = 0;      ///< Of a topic that must be created; 0: like the first source's.
  /// The record's time stamp; default: the row's event time.
  std::function<timestamp(const T&, timestamp event_time)> time{};
  std::function<header_list(const T&)> headers{}; ///< Default: none (raw_record: its own).
};

/// Of keyed_stream::through.
struct through_options {
  std::int32_t partitions = 4;                 ///< Of the topic if it must be created, at least 1.
  delivery guarantee = delivery::exactly_once; ///< Of what is written.
  on_error errors = on_error::fail;            ///< A row too large for the topic, or without a form as JSON.
  offset_policy gone = offset_policy::fail;    ///< Retention deleted what was not read yet.
};

} // namespace weir
