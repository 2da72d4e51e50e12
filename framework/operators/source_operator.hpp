#pragma once
#include <weir/operators/error_handler.hpp>
#include <weir/record/value_codec.hpp>

namespace weir {

/// What a source does with a record without a value.
enum class tombstones : std::uint8_t {
  refuse, ///< By the error policy, like a record that does not parse.
  skip,   ///< Dropped and counted.
};

struct source_operator_options {
  error_action on_error = error_action::fail; ///< Decoding again gives the same: there is no retry.
  tombstones without_value = tombstones::refuse;
  bool keep_raw = false; ///< Some operator needs the original bytes: late output, dead letters.
  json_limits json;
};

/// Decodes one record of a topic into a new value: raw_record takes it as it is, std::optional<T> is empty for a tombstone,
/// everything else is decoded by decode_value. Errors: decode_failed, too_large.
template <class T>
result<> decode_source_value(const record_view& record, T& value, const json_limits& limits) {
  if constexpr (std::is_same_v<T, raw_record>) {
    return decode_record(record, value);
  } else if constexpr (detail::is_a<T, std::optional>) {
    return record.value ? decode_value(*record.value, value.emplace(), limits) : success();
  } else {
    if (!record.value)
      return {errc::decode_failed, "the record has no value (a tombstone)"};
    return decode_value(*record.value, value, limits);
  }
}

/// Decodes records of a topic into rows of T, as decode_source_value does.
template <class T>
class source_operator final : public chain_operator, public source_head {
 public:
  source_operator(std::string name, source_operator_options options)
      : chain_operator(std::move(name)), options_(options), errors_(options.on_error) {}

  void connect(std::size_t number, chain_operator& target) override {
    number == dead_letter_output ? errors_.connect(target) : out_.connect(target);
  }
  result<> open(chain_runtime& runtime) override {
    errors_.open(runtime, name());
    skipped_ = &runtime.counter(name(), "tombstones");
    return chain_operator::open(runtime);
  }
  result<progress> accept(any_batch&) override { return {errc::internal, "source '" + name() + "' was sent rows"}; }

  result<> accept_raw(const record_view& record) override {
    if constexpr (!std::is_same_v<T, raw_record> && !detail::is_a<T, std::optional>)
      if (!record.value && options_.without_value == tombstones::skip) {
        ++*skipped_;
        return success();
      }
    auto& value = rows_.values.emplace_back();
    if (auto decoded = decode_source_value(record, value, options_.json); !decoded) {
      rows_.values.pop_back();
      rejected_record r{record.key,       record.value, record.headers, record.time, runtime().context->source,
                        record.partition, record.offset};
      return errors_.reject(r, decoded.err().code == errc::too_large ? errc::too_large : errc::decode_failed,
                            decoded.err().message);
    }
    auto& meta = rows_.meta.emplace_back();
    meta.time = record.time;
    meta.offset = record.offset;
    meta.partition = record.partition;
    meta.source = runtime().context->source;
    if (options_.keep_raw)
      meta.raw = rows_.keep_raw(record);
    return success();
  }
  result<progress> flush_source() override {
    WEIR_ASSIGN(auto letters, errors_.flush());
    WEIR_ASSIGN(auto done, out_.push(rows_));
    return letters == progress::blocked ? letters : done;
  }

 private:
  source_operator_options options_;
  error_handler errors_;
  output<T> out_;
  batch<T> rows_;
  std::uint64_t* skipped_ = nullptr;
};

} // namespace weir
