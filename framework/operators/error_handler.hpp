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
  explicit error_handler(error_action action) : action_(action) {}
  void open(chain_runtime& runtime, const std::string& operator_name);
  void connect(chain_operator& target) { dead_letters_.connect(target); }

  [[nodiscard]] error_action action() const { return action_; }
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
  chain_runtime* runtime_ = nullptr;
  std::string operator_;
  std::uint64_t* count_ = nullptr;
  output<raw_record> dead_letters_;
  batch<raw_record> letters_;
};

} // namespace weir
