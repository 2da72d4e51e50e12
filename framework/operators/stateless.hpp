#pragma once
#include <weir/operators/shard_check.hpp>
#include <weir/operators/user_call.hpp>
#include <weir/record/key.hpp>
#include <weir/time/event_time.hpp>

namespace weir {

/// An operator with one output besides its dead letters, and user code that may throw on a row.
template <class In, class Out>
class row_operator : public typed_operator<In> {
 public:
  void connect(std::size_t number, chain_operator& target) override {
    number == dead_letter_output ? errors_.connect(target) : out_.connect(target);
  }
  result<> open(chain_runtime& runtime) override {
    errors_.open(runtime, this->name());
    return typed_operator<In>::open(runtime);
  }
  result<progress> resume() override {
    if (held_.empty())
      return progress::done;
    if (waits_until())
      return progress::blocked;
    auto rows = held_.take();
    return this->consume(rows);
  }
  [[nodiscard]] std::optional<timestamp> waits_until() const override { return errors_.waits_until(); }

 protected:
  row_operator(std::string name, error_policy on_error) : typed_operator<In>(std::move(name)), errors_(on_error) {}

  /// User code must leave its row as it is, for it may be needed when it throws.
  [[nodiscard]] bool needs_row() const { return errors_.needs_row(); }
  void returned() { errors_.returned(); }
  /// For a catch block: applies the error policy to the row on which user code threw. After `give_up` it is dealt with.
  result<after_throw> threw(const batch<In>& rows, std::size_t row) {
    auto next = errors_.threw();
    if (next == after_throw::give_up)
      WEIR_TRY(detail::reject_row(errors_, rows, row, errc::user_code_failed, current_exception_text()));
    return next;
  }
  /// Keeps the rows from `from` on for `resume`; the caller hands down those in front of them.
  void hold(batch<In>& rows, std::size_t from) { held_.hold(rows, from); }
  /// Hands rows down; dead letters stay until `finish`.
  result<progress> push(batch<Out>& rows) { return out_.push(rows); }
  /// The input at hand is done: hands its dead letters and `rows` down.
  result<progress> finish(batch<Out>& rows) {
    WEIR_ASSIGN(auto letters, errors_.flush());
    WEIR_ASSIGN(auto done, out_.push(rows));
    return letters == progress::blocked || !held_.empty() ? progress::blocked : done;
  }
  /// Hands on the rows for which `keep(row)` is true, in place. Where it throws, the error policy decides.
  template <class Keep>
  result<progress> pass_kept(batch<In>& rows, Keep keep) {
    static_assert(std::is_same_v<In, Out>);
    detail::row_compactor<In> compact(rows);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      try {
        auto wanted = keep(i);
        returned();
        if (wanted)
          compact.keep(i);
      } catch (...) {
        WEIR_ASSIGN(auto next, threw(rows, i));
        if (next == after_throw::again)
          --i;
        if (next == after_throw::wait) {
          hold(rows, i);
          break;
        }
      }
    }
    compact.finish();
    return finish(rows);
  }

 private:
  error_handler errors_;
  output<Out> out_;
  detail::held_rows<In> held_;
};

/// One row out for each row in. F: Out(const In&) or Out(In&&).
template <class In, class Out, class F>
class map_operator final : public row_operator<In, Out> {
 public:
  map_operator(std::string name, error_policy on_error, F f)
      : row_operator<In, Out>(std::move(name), on_error), f_(std::move(f)) {}

  result<progress> consume(batch<In>& rows) override {
    const bool keep = this->needs_row();
    rows_.values.clear();
    rows_.values.reserve(rows.size());
    std::size_t kept = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      try {
        rows_.values.push_back(detail::call_user(f_, rows.values[i], keep));
        this->returned();
      } catch (...) {
        WEIR_ASSIGN(auto next, this->threw(rows, i));
        if (next == after_throw::again)
          --i;
        if (next != after_throw::wait)
          continue;
        this->hold(rows, i);
        break;
      }
      if (kept != i)
        rows.meta[kept] = rows.meta[i];
      ++kept;
    }
    rows.meta.resize(kept);
    rows_.meta.swap(rows.meta);
    rows_.raw.swap(rows.raw);
    return this->finish(rows_);
  }

 private:
  F f_;
  batch<Out> rows_;
};

/// Keeps the rows for which F: bool(const T&) is true.
template <class T, class F>
class filter_operator final : public row_operator<T, T> {
 public:
  filter_operator(std::string name, error_policy on_error, F f)
      : row_operator<T, T>(std::move(name), on_error), f_(std::move(f)) {}

  result<progress> consume(batch<T>& rows) override {
    return this->pass_kept(rows,
                           [&](std::size_t i) { return static_cast<bool>(std::invoke(f_, std::as_const(rows.values[i]))); });
  }

 private:
  F f_;
};

/// What a flat_map function puts its rows into. Valid during the call.
template <class Out>
class collector {
 public:
  explicit collector(std::vector<Out>& rows) : rows_(rows) {}
  void emit(Out value) { rows_.push_back(std::move(value)); }
  void operator()(Out value) { emit(std::move(value)); }

 private:
  std::vector<Out>& rows_;
};

/// Any number of rows out for each row in. F: void(const In&, collector<Out>&). Yields between records without credit.
/// Rows that F emitted before it threw are withdrawn.
template <class In, class Out, class F>
class flat_map_operator final : public row_operator<In, Out> {
 public:
  flat_map_operator(std::string name, error_policy on_error, F f)
      : row_operator<In, Out>(std::move(name), on_error), f_(std::move(f)) {}

  result<progress> consume(batch<In>& rows) override {
    waiting_.clear();
    swap_rows(waiting_, rows);
    next_ = 0;
    return resume();
  }
  result<progress> resume() override {
    if (this->waits_until())
      return progress::blocked;
    const auto limit = this->runtime().limits.rows;
    while (next_ < waiting_.size()) {
      const auto i = next_++;
      const auto before = rows_.values.size();
      try {
        collector<Out> to(rows_.values);
        std::invoke(f_, std::as_const(waiting_.values[i]), to);
        this->returned();
      } catch (...) {
        rows_.values.erase(rows_.values.begin() + static_cast<std::ptrdiff_t>(before), rows_.values.end());
        WEIR_ASSIGN(auto next, this->threw(waiting_, i));
        if (next != after_throw::give_up)
          --next_;
        if (next == after_throw::wait) {
          WEIR_TRY(this->finish(rows_));
          return progress::blocked;
        }
      }
      rows_.meta.resize(rows_.values.size(), waiting_.meta[i]);
      if (waiting_.meta[i].raw.kept && before < rows_.meta.size()) {
        auto slice = rows_.copy_raw(waiting_, waiting_.meta[i].raw);
        for (auto m = before; m < rows_.meta.size(); ++m)
          rows_.meta[m].raw = slice;
      }
      if (rows_.size() >= limit || (before < rows_.meta.size() && !this->runtime().has_credit())) {
        WEIR_ASSIGN(auto passed, this->push(rows_));
        if (passed == progress::blocked || (next_ < waiting_.size() && !this->runtime().has_credit()))
          return progress::blocked;
      }
    }
    waiting_.clear();
    return this->finish(rows_);
  }

 private:
  F f_;
  batch<Out> rows_;
  batch<In> waiting_;
  std::size_t next_ = 0;
};

/// Sets the hash by which rows are routed to key groups. Key: K(const T&). Always the last operator of a chain. `feeds_state`: a
/// keyed operator takes the rows, so that in a service of several shards each must be in that of its key.
template <class T, class Key>
class key_by_operator final : public row_operator<T, T> {
 public:
  key_by_operator(std::string name, error_policy on_error, Key key, bool feeds_state = true)
      : row_operator<T, T>(std::move(name), on_error), key_(std::move(key)), feeds_state_(feeds_state) {}

  result<progress> consume(batch<T>& rows) override {
    const auto& context = *this->runtime().context;
    const auto checks = feeds_state_ && !context.shard.whole();
    auto right = success();
    auto passed = this->pass_kept(rows, [&](std::size_t i) {
      const auto& key = std::invoke(key_, std::as_const(rows.values[i]));
      rows.meta[i].key_hash = key_hash_of(key);
      if (checks && right)
        right = detail::check_key(context, this->name(), key, rows.meta[i], bytes_);
      return right.ok(); // Nothing passes from the first wrong row on.
    });
    return right ? std::move(passed) : result<progress>(right.err());
  }

 private:
  Key key_;
  bool feeds_state_;
  std::string bytes_; ///< Of the key in topics.
};

/// Assigns event time and makes the partition's watermark. F: timestamp(const T&). Runs in the source's chain only.
template <class T, class F>
class event_time_operator final : public row_operator<T, T> {
 public:
  event_time_operator(std::string name, error_policy on_error, F f, duration bound, std::optional<duration> idle)
      : row_operator<T, T>(std::move(name), on_error), f_(std::move(f)), generator_(bound), idle_(idle) {}

  result<progress> consume(batch<T>& rows) override {
    return this->pass_kept(rows, [&](std::size_t i) {
      if constexpr (!std::is_same_v<F, std::nullptr_t>)
        rows.meta[i].time = std::invoke(f_, std::as_const(rows.values[i]));
      generator_.on_event(rows.meta[i].time);
      return true;
    });
  }
  void save(byte_writer& out) const override { generator_.save(out); }
  bool restore(byte_reader& in) override { return generator_.restore(in); }
  const watermark_generator* watermarks() const override { return &generator_; }
  std::optional<duration> idle_after() const override { return idle_; }

 private:
  F f_;
  watermark_generator generator_;
  std::optional<duration> idle_;
};

} // namespace weir
