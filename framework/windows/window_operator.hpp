#pragma once
#include <weir/operators/user_call.hpp>
#include <weir/record/key.hpp>
#include <weir/record/time_text.hpp>
#include <weir/windows/aggregates.hpp>
#include <weir/windows/window_engine.hpp>

namespace weir {

/// Number of a window operator's output of late records.
inline constexpr std::size_t late_output = 1;
/// Outputs have the event time of the last millisecond of their window: the time stamp Kafka stores for it.
inline constexpr duration last_millisecond{1000};

struct window_operator_options {
  window_shape shape;
  duration allowed_lateness{0};
  error_policy on_error = error_action::fail;
  std::string schema; ///< Of key and accumulator.
};

/// Keyed windows with an aggregate of type Aggregate (detail::aggregate_all or a reducer). Key: K(const T&). Output 0:
/// one row of Row per key and window when the watermark has passed the window's last microsecond, and again for each
/// late record within the allowed lateness. Output 1: later records, as they came in.
///
/// Rows of one batch that meet in a slice and key share one read and one write of state; they are added one by one in
/// the order of arrival, so batches never change a result.
template <class K, class T, class Row, class Key, class Aggregate>
class window_operator final : public typed_operator<T>, private window_firing {
 public:
  window_operator(std::string name, window_operator_options options, Key key, Aggregate aggregate)
      : typed_operator<T>(std::move(name)),
        schema_(std::move(options.schema)),
        key_(std::move(key)),
        aggregate_(std::move(aggregate)),
        errors_(options.on_error),
        engine_(options.shape, options.allowed_lateness) {}

  void connect(std::size_t number, chain_operator& target) override {
    if (number == dead_letter_output)
      errors_.connect(target);
    else if (number == late_output)
      late_.connect(target);
    else
      out_.connect(target);
  }
  result<> open(chain_runtime& runtime) override {
    errors_.open(runtime, this->name());
    late_count_ = &runtime.counter(this->name(), "late");
    WEIR_TRY(engine_.open(runtime, this->name(), schema_));
    return typed_operator<T>::open(runtime);
  }
  void on_restored() override { engine_.set_watermark(this->runtime().watermark); }

  result<progress> consume(batch<T>& rows) override {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      WEIR_ASSIGN(auto taken, add(rows, i));
      if (!taken) {
        held_.hold(rows, i);
        break;
      }
    }
    WEIR_TRY(write_back());
    WEIR_ASSIGN(auto passed, pass_on());
    return held_.empty() ? passed : progress::blocked;
  }
  [[nodiscard]] std::optional<timestamp> waits_until() const override { return errors_.waits_until(); }
  result<progress> advance(timestamp before) override {
    engine_.set_watermark(this->runtime().watermark);
    engine_.begin(before);
    return resume();
  }
  result<progress> resume() override {
    if (!held_.empty()) {
      if (waits_until())
        return progress::blocked;
      auto rows = held_.take();
      WEIR_ASSIGN(auto taken, consume(rows));
      if (taken == progress::blocked)
        return taken;
    }
    while (engine_.firing()) {
      WEIR_ASSIGN(auto fired, engine_.fire(*this));
      WEIR_ASSIGN(auto passed, out_.push(rows_));
      if (passed == progress::blocked)
        return progress::blocked;
      if (fired == progress::blocked && !this->runtime().has_credit())
        return progress::blocked;
    }
    return pass_on();
  }

 private:
  using state = typename Aggregate::state;
  /// A (slice, key) that this batch has touched.
  struct touched {
    std::uint64_t hash;
    timestamp slice;
    std::string key;
    std::uint16_t group;
    state accumulator;
    bool changed = false;
  };

  /// False: the row waits for its next try.
  result<bool> add(const batch<T>& rows, std::size_t i) {
    const auto& meta = rows.meta[i];
    if (!engine_.shape().covers(meta.time)) {
      WEIR_TRY(detail::reject_row(errors_, rows, i, errc::invalid_argument,
                                  "event time " + std::to_string(meta.time.us) + " us is too near the end of time for a window"));
      return true;
    }
    auto slice = engine_.shape().slice_end(meta.time);
    if (engine_.late(slice)) {
      reject_late(rows, i);
      return true;
    }
    WEIR_ASSIGN(auto next, aggregate(rows, i, slice));
    if (next)
      return *next != after_throw::wait;
    if (engine_.fired(slice)) {
      // Within the allowed lateness: the windows' results are emitted anew, which reads them from state.
      auto group = group_of(meta.key_hash);
      auto key = key_bytes_;
      WEIR_TRY(write_back());
      WEIR_TRY(engine_.fire_again(group, slice, key, *this));
    }
    return true;
  }

  /// None: the row is in its slice's accumulator. Else user code threw, no trace of it is left, and this is to be done.
  result<std::optional<after_throw>> aggregate(const batch<T>& rows, std::size_t i, timestamp slice) {
    const auto& meta = rows.meta[i];
    for (;;)
      try {
        key_bytes_.clear();
        encode_key(static_cast<const K&>(std::invoke(key_, std::as_const(rows.values[i]))), key_bytes_);
        WEIR_ASSIGN(auto* entry, find(meta.key_hash, slice));
        auto next = entry->accumulator;
        aggregate_.add(next, rows.values[i]);
        entry->accumulator = std::move(next);
        entry->changed = true;
        errors_.returned();
        return std::optional<after_throw>{};
      } catch (...) {
        auto next = errors_.threw();
        if (next == after_throw::again)
          continue;
        if (next == after_throw::give_up)
          WEIR_TRY(detail::reject_row(errors_, rows, i, errc::user_code_failed, current_exception_text()));
        return std::optional(next);
      }
  }

  [[nodiscard]] std::uint16_t group_of(std::uint64_t hash) const {
    return static_cast<std::uint16_t>(hash % this->runtime().context->max_parallelism);
  }

  /// The accumulator of key_bytes_ in the slice: touched before in this batch, or read from state, or new.
  result<touched*> find(std::uint64_t hash, timestamp slice) {
    if (index_.empty())
      index_.assign(256, 0);
    const auto mixed = (hash ^ static_cast<std::uint64_t>(slice.us)) * 0x9e3779b97f4a7c15u;
    const auto mask = index_.size() - 1;
    auto at = static_cast<std::size_t>(mixed >> 32) & mask;
    for (; index_[at] != 0; at = (at + 1) & mask) {
      auto& t = touched_[index_[at] - 1];
      if (t.hash == hash && t.slice == slice && t.key == key_bytes_)
        return &t;
    }
    const auto group = group_of(hash);
    state accumulator{};
    WEIR_ASSIGN(auto stored, engine_.get(group, slice, key_bytes_));
    if (stored)
      WEIR_TRY(decode(*stored, accumulator));
    if ((touched_.size() + 1) * 2 > index_.size()) {
      WEIR_TRY(write_back());
      index_.assign(index_.size() * 2, 0);
      at = static_cast<std::size_t>(mixed >> 32) & (index_.size() - 1);
    }
    touched_.push_back({hash, slice, key_bytes_, group, std::move(accumulator)});
    index_[at] = static_cast<std::uint32_t>(touched_.size());
    return &touched_.back();
  }

  result<> write_back() {
    if (touched_.empty())
      return success();
    for (auto& t : touched_) {
      if (!t.changed)
        continue;
      encode(t.accumulator, bytes_);
      WEIR_TRY(engine_.put(t.group, t.slice, t.key, bytes_));
    }
    touched_.clear();
    std::fill(index_.begin(), index_.end(), 0);
    return success();
  }

  void reject_late(const batch<T>& rows, std::size_t i) {
    ++*late_count_;
    if (!late_.connected())
      return;
    std::optional<std::string> value;
    if (!rows.meta[i].raw.kept)
      value = detail::value_text(rows.values[i]);
    auto meta = rows.meta[i];
    meta.raw = {};
    late_rows_.push(annotated(rejected_row(rows, i, value), *this->runtime().context, "late", this->name(),
                              {{"weir.watermark", to_string(this->runtime().watermark)}}),
                    meta);
  }

  result<progress> pass_on() {
    WEIR_ASSIGN(auto letters, errors_.flush());
    WEIR_ASSIGN(auto late, late_.push(late_rows_));
    WEIR_ASSIGN(auto done, out_.push(rows_));
    return letters == progress::blocked || late == progress::blocked ? progress::blocked : done;
  }

  result<> merge(std::string& into, std::string_view from) override {
    state earlier{};
    state later{};
    WEIR_TRY(decode(into, earlier));
    WEIR_TRY(decode(from, later));
    try {
      aggregate_.merge(earlier, later);
    } catch (...) {
      return {errc::user_code_failed, "operator '" + this->name() + "', merging slices of a window: " + current_exception_text()};
    }
    encode(earlier, into);
    return success();
  }
  result<bool> emit(std::string_view key, timestamp end, std::string_view accumulator) override {
    state s{};
    WEIR_TRY(decode(accumulator, s));
    Row row;
    byte_reader in(key);
    if (!decode_key(in, row.key))
      return {errc::store_corrupt, "operator '" + this->name() + "': a key of its window state cannot be read"};
    row.start = end - engine_.shape().size();
    row.end = end;
    row.values = aggregate_.finish(s);
    row_meta meta;
    meta.time = end - last_millisecond;
    rows_.push(std::move(row), meta);
    return rows_.size() < this->runtime().limits.rows && this->runtime().has_credit();
  }

  void encode(const state& s, std::string& out) const {
    out.clear();
    byte_writer w(out);
    encode_binary(s, w);
  }
  result<> decode(std::string_view bytes, state& s) const {
    byte_reader in(bytes);
    if (!decode_binary(in, s))
      return {errc::store_corrupt, "operator '" + this->name() + "': an accumulator of its window state cannot be read"};
    return success();
  }

  std::string schema_;
  Key key_;
  Aggregate aggregate_;
  error_handler errors_;
  detail::held_rows<T> held_;
  window_engine engine_;
  output<Row> out_;
  output<raw_record> late_;
  batch<Row> rows_;
  batch<raw_record> late_rows_;
  std::vector<touched> touched_;
  std::vector<std::uint32_t> index_;
  std::string key_bytes_;
  std::string bytes_;
  std::uint64_t* late_count_ = nullptr;
};

} // namespace weir
