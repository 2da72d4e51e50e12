#pragma once
#include <weir/operators/user_call.hpp>
#include <weir/record/key.hpp>
#include <weir/time/event_time.hpp>

namespace weir {

/// One row out for each row in. F: Out(const In&) or Out(In&&).
template <class In, class Out, class F>
class map_operator final : public typed_operator<In> {
 public:
  map_operator(std::string name, error_action on_error, F f)
      : typed_operator<In>(std::move(name)), f_(std::move(f)), errors_(on_error) {}

  void connect(std::size_t number, chain_operator& target) override {
    number == dead_letter_output ? errors_.connect(target) : out_.connect(target);
  }
  result<> open(chain_runtime& runtime) override {
    errors_.open(runtime, this->name());
    return typed_operator<In>::open(runtime);
  }
  result<progress> consume(batch<In>& rows) override {
    const bool keep = errors_.action() == error_action::dead_letter;
    rows_.values.clear();
    rows_.values.reserve(rows.size());
    std::size_t kept = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      try {
        rows_.values.push_back(detail::call_user(f_, rows.values[i], keep));
      } catch (...) {
        WEIR_TRY(detail::reject_row(errors_, rows, i, errc::user_code_failed, current_exception_text()));
        continue;
      }
      if (kept != i)
        rows.meta[kept] = rows.meta[i];
      ++kept;
    }
    rows.meta.resize(kept);
    rows_.meta.swap(rows.meta);
    rows_.raw.swap(rows.raw);
    WEIR_ASSIGN(auto letters, errors_.flush());
    WEIR_ASSIGN(auto done, out_.push(rows_));
    return letters == progress::blocked ? letters : done;
  }

 private:
  F f_;
  error_handler errors_;
  output<Out> out_;
  batch<Out> rows_;
};

/// Keeps the rows for which F: bool(const T&) is true.
template <class T, class F>
class filter_operator final : public typed_operator<T> {
 public:
  filter_operator(std::string name, error_action on_error, F f)
      : typed_operator<T>(std::move(name)), f_(std::move(f)), errors_(on_error) {}

  void connect(std::size_t number, chain_operator& target) override {
    number == dead_letter_output ? errors_.connect(target) : out_.connect(target);
  }
  result<> open(chain_runtime& runtime) override {
    errors_.open(runtime, this->name());
    return typed_operator<T>::open(runtime);
  }
  result<progress> consume(batch<T>& rows) override {
    detail::row_compactor<T> compact(rows);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      try {
        if (!std::invoke(f_, std::as_const(rows.values[i])))
          continue;
      } catch (...) {
        WEIR_TRY(detail::reject_row(errors_, rows, i, errc::user_code_failed, current_exception_text()));
        continue;
      }
      compact.keep(i);
    }
    compact.finish();
    WEIR_ASSIGN(auto letters, errors_.flush());
    WEIR_ASSIGN(auto done, out_.push(rows));
    return letters == progress::blocked ? letters : done;
  }

 private:
  F f_;
  error_handler errors_;
  output<T> out_;
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
class flat_map_operator final : public typed_operator<In> {
 public:
  flat_map_operator(std::string name, error_action on_error, F f)
      : typed_operator<In>(std::move(name)), f_(std::move(f)), errors_(on_error) {}

  void connect(std::size_t number, chain_operator& target) override {
    number == dead_letter_output ? errors_.connect(target) : out_.connect(target);
  }
  result<> open(chain_runtime& runtime) override {
    errors_.open(runtime, this->name());
    return typed_operator<In>::open(runtime);
  }
  result<progress> consume(batch<In>& rows) override {
    waiting_.clear();
    swap_rows(waiting_, rows);
    next_ = 0;
    return resume();
  }
  result<progress> resume() override {
    const auto limit = this->runtime().limits.rows;
    while (next_ < waiting_.size()) {
      const auto i = next_++;
      const auto before = rows_.values.size();
      try {
        collector<Out> to(rows_.values);
        std::invoke(f_, std::as_const(waiting_.values[i]), to);
      } catch (...) {
        rows_.values.erase(rows_.values.begin() + static_cast<std::ptrdiff_t>(before), rows_.values.end());
        WEIR_TRY(detail::reject_row(errors_, waiting_, i, errc::user_code_failed, current_exception_text()));
      }
      rows_.meta.resize(rows_.values.size(), waiting_.meta[i]);
      if (waiting_.meta[i].raw.kept && before < rows_.meta.size()) {
        auto slice = rows_.copy_raw(waiting_, waiting_.meta[i].raw);
        for (auto m = before; m < rows_.meta.size(); ++m)
          rows_.meta[m].raw = slice;
      }
      if (rows_.size() >= limit || (before < rows_.meta.size() && !this->runtime().has_credit())) {
        WEIR_ASSIGN(auto passed, out_.push(rows_));
        if (passed == progress::blocked || (next_ < waiting_.size() && !this->runtime().has_credit()))
          return progress::blocked;
      }
    }
    waiting_.clear();
    WEIR_ASSIGN(auto letters, errors_.flush());
    WEIR_ASSIGN(auto done, out_.push(rows_));
    return letters == progress::blocked ? letters : done;
  }

 private:
  F f_;
  error_handler errors_;
  output<Out> out_;
  batch<Out> rows_;
  batch<In> waiting_;
  std::size_t next_ = 0;
};

/// Sets the hash by which rows are routed to key groups. Key: K(const T&). Always the last operator of a chain.
template <class T, class Key>
class key_by_operator final : public typed_operator<T> {
 public:
  key_by_operator(std::string name, error_action on_error, Key key)
      : typed_operator<T>(std::move(name)), key_(std::move(key)), errors_(on_error) {}

  void connect(std::size_t number, chain_operator& target) override {
    number == dead_letter_output ? errors_.connect(target) : out_.connect(target);
  }
  result<> open(chain_runtime& runtime) override {
    errors_.open(runtime, this->name());
    return typed_operator<T>::open(runtime);
  }
  result<progress> consume(batch<T>& rows) override {
    detail::row_compactor<T> compact(rows);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      try {
        rows.meta[i].key_hash = key_hash_of(std::invoke(key_, std::as_const(rows.values[i])));
      } catch (...) {
        WEIR_TRY(detail::reject_row(errors_, rows, i, errc::user_code_failed, current_exception_text()));
        continue;
      }
      compact.keep(i);
    }
    compact.finish();
    WEIR_ASSIGN(auto letters, errors_.flush());
    WEIR_ASSIGN(auto done, out_.push(rows));
    return letters == progress::blocked ? letters : done;
  }

 private:
  Key key_;
  error_handler errors_;
  output<T> out_;
};

/// Assigns event time and makes the partition's watermark. F: timestamp(const T&). Runs in the source's chain only.
template <class T, class F>
class event_time_operator final : public typed_operator<T> {
 public:
  event_time_operator(std::string name, error_action on_error, F f, duration bound, std::optional<duration> idle)
      : typed_operator<T>(std::move(name)), f_(std::move(f)), errors_(on_error), generator_(bound), idle_(idle) {}

  void connect(std::size_t number, chain_operator& target) override {
    number == dead_letter_output ? errors_.connect(target) : out_.connect(target);
  }
  result<> open(chain_runtime& runtime) override {
    errors_.open(runtime, this->name());
    return typed_operator<T>::open(runtime);
  }
  result<progress> consume(batch<T>& rows) override {
    detail::row_compactor<T> compact(rows);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      try {
        if constexpr (!std::is_same_v<F, std::nullptr_t>)
          rows.meta[i].time = std::invoke(f_, std::as_const(rows.values[i]));
      } catch (...) {
        WEIR_TRY(detail::reject_row(errors_, rows, i, errc::user_code_failed, current_exception_text()));
        continue;
      }
      generator_.on_event(rows.meta[i].time);
      compact.keep(i);
    }
    compact.finish();
    WEIR_ASSIGN(auto letters, errors_.flush());
    WEIR_ASSIGN(auto done, out_.push(rows));
    return letters == progress::blocked ? letters : done;
  }
  void save(byte_writer& out) const override { generator_.save(out); }
  bool restore(byte_reader& in) override { return generator_.restore(in); }
  const watermark_generator* watermarks() const override { return &generator_; }
  std::optional<duration> idle_after() const override { return idle_; }

 private:
  F f_;
  error_handler errors_;
  output<T> out_;
  watermark_generator generator_;
  std::optional<duration> idle_;
};

} // namespace weir
