#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <weir/operators/operator.hpp>

namespace weir {

/// What happens to a record that user code, a decoder or a sink refuses.
enum class error_action : std::uint8_t {
  fail,        ///< The task fails; the job restarts from its last checkpoint and, after a limit, ends with the cause.
  skip,        ///< The record is dropped and counted.
  dead_letter, ///< The record goes to a topic with its origin and the reason in `weir.*` headers.
};

/// How often user code is called for one record before the error action counts, and the pause between two calls.
struct retry_rule {
  unsigned attempts = 1; ///< Calls in all; 1: no retry.
  duration backoff{0};   ///< 0: at once.
};

/// What follows when user code throws.
struct error_policy {
  error_action action = error_action::fail;
  retry_rule retry{};
  error_policy(error_action a, retry_rule r = {}) : action(a), retry(r) {}
};

/// What an operator does with a row for which user code threw.
enum class after_throw : std::uint8_t {
  again,   ///< Call again now.
  wait,    ///< Keep this row and those behind it, return `progress::blocked`, and call again in `resume`.
  give_up, ///< The error action decides.
};

/// A record on its way to a side output, with what is known of its origin.
struct rejected_record {
  std::optional<std::string_view> key;
  std::optional<std::string_view> value;
  headers_view headers;
  timestamp time;
  std::uint32_t source = 0;
  std::int32_t partition = -1;
  std::int64_t offset = -1;
};

/// Row `row` with its original bytes where they are kept; else `fallback` stands for the value.
rejected_record rejected_row(const any_batch& rows, std::size_t row, std::optional<std::string_view> fallback);

/// The original key, value and headers, and behind them `weir.origin.topic`, `weir.origin.partition`,
/// `weir.origin.offset`, `weir.reason`, `weir.operator` and then `more`.
raw_record annotated(const rejected_record& r, const chain_context& context, std::string_view reason,
                     std::string_view operator_name, header_list more);

/// The text of the exception being handled. Call in a catch block.
std::string current_exception_text();

/// Applies an operator's error policy. Belongs to one operator.
class error_handler {
 public:
  explicit error_handler(error_policy policy) : action_(policy.action), retry_(policy.retry) {}
  void open(chain_runtime& runtime, const std::string& operator_name);
  void connect(chain_operator& target) { dead_letters_.connect(target); }

  [[nodiscard]] error_action action() const { return action_; }
  /// A call that threw may be followed by another record or by another call: what it did must be undone.
  [[nodiscard]] bool goes_on() const { return action_ != error_action::fail || retry_.attempts > 1; }
  /// The row is needed after user code threw on it.
  [[nodiscard]] bool needs_row() const { return action_ == error_action::dead_letter || retry_.attempts > 1; }
  /// User code threw on the row at hand.
  after_throw threw();
  /// User code returned: the next throw is the first of its row.
  void returned() { failed_ = 0; }
  /// Until when the row at hand waits for its next call; none: it may be called now. A clock that was set back ends the wait.
  [[nodiscard]] std::optional<timestamp> waits_until() const;
  /// True if a rejected row needs its value rendered because the original bytes are not there.
  [[nodiscard]] bool wants_value(const any_batch& rows, std::size_t row) const {
    return action_ == error_action::dead_letter && !rows.meta[row].raw.kept;
  }
  /// Under `fail` the error to return, naming operator, topic, partition and offset; else success: the record is dealt with.
  result<> reject(const rejected_record& r, errc code, std::string_view what);
  /// Hands the dead letters collected so far down; to be called when an input is done.
  result<progress> flush() {
    if (letters_.size() == 0)
      return progress::done;
    return dead_letters_.push(letters_);
  }

 private:
  error_action action_;
  retry_rule retry_;
  unsigned failed_ = 0;            ///< Calls for the row at hand.
  std::optional<timestamp> until_; ///< Of its next call.
  std::uint64_t* retries_ = nullptr;
  chain_runtime* runtime_ = nullptr;
  std::string operator_;
  std::uint64_t* count_ = nullptr;
  output<raw_record> dead_letters_;
  batch<raw_record> letters_;
};

} // namespace weir
