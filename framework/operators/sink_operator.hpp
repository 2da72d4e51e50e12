#pragma once
#include <functional>
#include <optional>
#include <weir/operators/user_call.hpp>
#include <weir/record/packed_record.hpp>

namespace weir {

/// How a sink makes a record of a row; functions left empty take the default. Those of packed_record are given a raw_record.
template <class T>
struct sink_operator_options {
  using seen = std::conditional_t<std::is_same_v<T, packed_record>, raw_record, T>;
  error_policy on_error = error_action::fail;
  /// Appends the record's key; null key when empty or when it returns false.
  std::function<result<bool>(const seen&, std::string&)> key;
  /// The record's time stamp; default: the row's event time.
  std::function<timestamp(const seen&, timestamp event_time)> time;
  /// The record's headers; default: none (raw_record, packed_record: its own).
  std::function<header_list(const seen&)> headers;
  /// Partitions stand for ranges of key groups: rows come from key_by.
  bool by_key_group = false;
};

/// Encodes rows and hands them to the sink's target. raw_record and packed_record are written as they are, an empty
/// std::optional as a tombstone, everything else by encode_value.
template <class T>
class sink_operator final : public typed_operator<T> {
 public:
  sink_operator(std::string name, sink_operator_options<T> options)
      : typed_operator<T>(std::move(name)), options_(std::move(options)), errors_(options_.on_error) {}

  void connect(std::size_t, chain_operator& target) override { errors_.connect(target); }
  result<> open(chain_runtime& runtime) override {
    errors_.open(runtime, this->name());
    target_ = runtime.context->sink;
    if (target_ == nullptr)
      return {errc::internal, "sink '" + this->name() + "' has no target"};
    return typed_operator<T>::open(runtime);
  }
  result<progress> consume(batch<T>& rows) override {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      auto written = write(rows, i);
      if (written) {
        errors_.returned();
        continue;
      }
      const auto& e = written.err();
      // Only what this very record caused goes by the policy.
      if (e.code != errc::too_large && e.code != errc::invalid_argument && e.code != errc::user_code_failed)
        return e.in("sink '" + this->name() + "'");
      // A record does not become smaller by being tried again.
      auto next = e.code == errc::user_code_failed ? errors_.threw() : after_throw::give_up;
      if (next == after_throw::give_up)
        WEIR_TRY(detail::reject_row(errors_, rows, i, e.code, e.message));
      if (next == after_throw::again)
        --i;
      if (next == after_throw::wait) {
        held_.hold(rows, i);
        break;
      }
    }
    WEIR_ASSIGN(auto letters, errors_.flush());
    return held_.empty() ? letters : progress::blocked;
  }
  result<progress> resume() override {
    if (held_.empty())
      return progress::done;
    if (waits_until())
      return progress::blocked;
    auto rows = held_.take();
    return consume(rows);
  }
  [[nodiscard]] std::optional<timestamp> waits_until() const override { return errors_.waits_until(); }

 private:
  result<> write(const batch<T>& rows, std::size_t i) {
    encoded_record r;
    r.time = rows.meta[i].time;
    // Shards find their keys by murmur2, in whatever topic.
    if (options_.by_key_group && this->runtime().context->shard.whole()) {
      const auto groups = this->runtime().context->max_parallelism;
      r.key_group = {static_cast<std::uint16_t>(rows.meta[i].key_hash % groups), groups};
    }
    key_.clear();
    value_.clear();
    headers_.clear();
    try {
      if constexpr (std::is_same_v<T, packed_record>) {
        r.key = rows.raw_key(i);
        r.value = rows.raw_value(i);
        r.packed_headers = rows.raw_headers(i).packed();
        if (options_.key || options_.headers || options_.time)
          WEIR_TRY(apply_options(unpacked(rows, i), r));
      } else {
        const auto& value = rows.values[i];
        if constexpr (std::is_same_v<T, raw_record>) {
          r.key = value.key ? std::optional<std::string_view>(*value.key) : std::nullopt;
          r.value = value.value ? std::optional<std::string_view>(*value.value) : std::nullopt;
          headers_ = pack_headers(value.headers);
          r.packed_headers = headers_;
        } else if constexpr (detail::is_a<T, std::optional>) {
          if (value) {
            WEIR_TRY(encode_value(*value, value_));
            r.value = value_;
          }
        } else {
          WEIR_TRY(encode_value(value, value_));
          r.value = value_;
        }
        WEIR_TRY(apply_options(value, r));
      }
    } catch (...) {
      return {errc::user_code_failed, current_exception_text()};
    }
    return target_->write(r);
  }

  result<> apply_options(const typename sink_operator_options<T>::seen& row, encoded_record& r) {
    if (options_.key) {
      WEIR_ASSIGN(auto has_key, options_.key(row, key_));
      r.key = has_key ? std::optional<std::string_view>(key_) : std::nullopt;
    }
    if (options_.headers) {
      headers_ = pack_headers(options_.headers(row));
      r.packed_headers = headers_;
    }
    if (options_.time)
      r.time = options_.time(row, r.time);
    return success();
  }

  static raw_record unpacked(const any_batch& rows, std::size_t i) {
    raw_record r;
    r.key = rows.raw_key(i);
    r.value = rows.raw_value(i);
    r.headers = rows.raw_headers(i).unpack();
    r.time = rows.meta[i].time;
    return r;
  }

  sink_operator_options<T> options_;
  error_handler errors_;
  detail::held_rows<T> held_;
  sink_target* target_ = nullptr;
  std::string key_;
  std::string value_;
  std::string headers_;
};

} // namespace weir
