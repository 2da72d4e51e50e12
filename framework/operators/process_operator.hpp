#pragma once
#include <map>
#include <memory>
#include <weir/operators/collection_state.hpp>
#include <weir/operators/process_function.hpp>
#include <weir/operators/user_call.hpp>

namespace weir {

namespace detail {

/// A side output of a process operator, its type known only to its maker.
class side_output_base {
 public:
  virtual ~side_output_base() = default;
  virtual void connect(chain_operator& target) = 0;
  virtual void add(const std::type_info& type, const void* value, const row_meta& meta) = 0;
  virtual void withdraw() = 0; ///< Rows since the last `accept`.
  virtual void accept() = 0;
  virtual result<progress> push() = 0;
};

template <class T>
class side_output final : public side_output_base {
 public:
  void connect(chain_operator& target) override { out_.connect(target); }
  void add(const std::type_info& type, const void* value, const row_meta& meta) override {
    if (type != typeid(T))
      throw std::logic_error("a side output is written with another type than it is read with");
    rows_.push(*static_cast<const T*>(value), meta);
  }
  void withdraw() override {
    rows_.values.erase(rows_.values.begin() + static_cast<std::ptrdiff_t>(accepted_), rows_.values.end());
    rows_.meta.resize(accepted_);
  }
  void accept() override { accepted_ = rows_.size(); }
  result<progress> push() override {
    accepted_ = 0;
    return out_.push(rows_);
  }

 private:
  output<T> out_;
  batch<T> rows_;
  std::size_t accepted_ = 0;
};

template <class F, class In, class Context>
concept processes = requires(F& f, const In& v, Context& c) {
  f.process(v, c);
};
template <class F, class Context>
concept has_timers = requires(F& f, timestamp t, Context& c) {
  f.on_timer(t, c);
};
template <class F>
concept has_states = requires(const F& f) {
  f.declared_states();
};

} // namespace detail

/// What a stream asks of a process operator's side outputs: number of the output, tag, and a maker of the typed end.
struct side_output_plan {
  std::size_t output = 0;
  std::string tag;
  std::function<std::unique_ptr<detail::side_output_base>()> make;
};

/// Runs a process function on keyed rows; see process_function. Key: K(const In&).
template <class K, class In, class Out, class Key, class F>
class process_operator final : public typed_operator<In> {
 public:
  using context = process_context<K, Out>;
  static_assert(detail::processes<F, In, context>, "a process function needs: void process(const In& value, context& ctx)");

  process_operator(std::string name, error_policy on_error, Key key, F f, const std::vector<side_output_plan>& sides)
      : typed_operator<In>(std::move(name)), key_(std::move(key)), f_(std::move(f)), errors_(on_error) {
    for (const auto& s : sides) {
      auto& made = sides_.emplace_back();
      made.number = s.output;
      made.tag = s.tag;
      made.out = s.make();
    }
    side_ = [this](const std::string& tag, const std::type_info& type, const void* value) {
      for (auto& s : sides_)
        if (s.tag == tag)
          s.out->add(type, value, meta_);
    };
  }

  void connect(std::size_t number, chain_operator& target) override {
    if (number == dead_letter_output)
      return errors_.connect(target);
    if (number == 0)
      return out_.connect(target);
    for (auto& s : sides_)
      if (s.number == number)
        s.out->connect(target);
  }
  result<> open(chain_runtime& runtime) override {
    errors_.open(runtime, this->name());
    WEIR_TRY(typed_operator<In>::open(runtime));
    if constexpr (detail::has_states<F>)
      return process_.open(runtime, this->name(), f_.declared_states(), schema_fingerprint<K>());
    else
      return process_.open(runtime, this->name(), {}, schema_fingerprint<K>());
  }

  result<progress> consume(batch<In>& rows) override {
    waiting_.clear();
    swap_rows(waiting_, rows);
    next_ = 0;
    return resume();
  }
  result<progress> advance(timestamp) override {
    due_ = this->runtime().watermark;
    return resume();
  }
  result<progress> processing_time(timestamp now) override {
    processing_due_ = now;
    return resume();
  }
  result<std::optional<timestamp>> next_processing_time() override { return process_.processing_timers.first(); }
  [[nodiscard]] std::optional<timestamp> waits_until() const override { return errors_.waits_until(); }
  result<progress> resume() override {
    if (waits_until())
      return progress::blocked;
    WEIR_ASSIGN(auto rows, run_rows());
    if (rows == progress::blocked)
      return rows;
    WEIR_ASSIGN(auto event, run_timers(due_, process_.event_timers, false));
    if (event == progress::blocked)
      return event;
    WEIR_ASSIGN(auto processing, run_timers(processing_due_, process_.processing_timers, true));
    if (processing == progress::blocked)
      return processing;
    return pass_on();
  }

 private:
  struct side {
    std::size_t number = 0;
    std::string tag;
    std::unique_ptr<detail::side_output_base> out;
  };

  result<progress> run_rows() {
    while (next_ < waiting_.size()) {
      const auto i = next_++;
      const auto& meta = waiting_.meta[i];
      process_.time = meta.time;
      process_.in_processing_time = false;
      meta_ = meta;
      meta_.raw = {};
      try {
        const K& key = std::invoke(key_, std::as_const(waiting_.values[i]));
        process_.key_bytes.clear();
        encode_key(key, process_.key_bytes);
        process_.group = static_cast<std::uint16_t>(meta.key_hash % this->runtime().context->max_parallelism);
        process_.begin_call(errors_.goes_on());
        context ctx(process_, key, rows_.values, side_);
        f_.process(std::as_const(waiting_.values[i]), ctx);
        errors_.returned();
      } catch (const state_exception& e) {
        return e.cause;
      } catch (...) {
        auto what = current_exception_text();
        withdraw();
        WEIR_TRY(process_.roll_back());
        auto next = errors_.threw();
        if (next == after_throw::give_up) {
          WEIR_TRY(detail::reject_row(errors_, waiting_, i, errc::user_code_failed, what));
          continue;
        }
        --next_;
        if (next == after_throw::again)
          continue;
        WEIR_TRY(pass_on());
        return progress::blocked;
      }
      // Original bytes travel with what was made of the record, for late and dead letters further down.
      const auto before = rows_.meta.size();
      rows_.meta.resize(rows_.values.size(), meta_);
      if (meta.raw.kept && before < rows_.meta.size()) {
        auto slice = rows_.copy_raw(waiting_, meta.raw);
        for (auto m = before; m < rows_.meta.size(); ++m)
          rows_.meta[m].raw = slice;
      }
      WEIR_ASSIGN(auto stop, accept_output(before < rows_.meta.size()));
      if (stop)
        return progress::blocked;
    }
    waiting_.clear();
    return progress::done;
  }

  result<progress> run_timers(std::optional<timestamp>& due, timer_service& timers, bool processing) {
    if (!due)
      return progress::done;
    WEIR_ASSIGN(auto all, timers.fire(*due, [&](std::uint16_t group, timestamp time, std::string_view key) {
      return on_timer(group, time, key, processing);
    }));
    if (!all)
      return progress::blocked;
    due.reset();
    return progress::done;
  }

  result<bool> on_timer(std::uint16_t group, timestamp time, std::string_view key_bytes, bool processing) {
    K key{};
    byte_reader in(key_bytes);
    if (!decode_key(in, key))
      return process_.corrupt("the key of a timer cannot be read");
    process_.time = time;
    process_.in_processing_time = processing;
    process_.key_bytes.assign(key_bytes);
    process_.group = group;
    meta_ = {};
    meta_.time = processing ? this->runtime().context->time->now() : time;
    if constexpr (detail::has_timers<F, context>) {
      try {
        process_.begin_call(false);
        context ctx(process_, key, rows_.values, side_);
        f_.on_timer(time, ctx);
      } catch (const state_exception& e) {
        return e.cause;
      } catch (...) {
        return {errc::user_code_failed,
                "operator '" + this->name() + "', timer at " + std::to_string(time.us) + " us: " + current_exception_text()};
      }
    }
    const auto before = rows_.meta.size();
    rows_.meta.resize(rows_.values.size(), meta_);
    WEIR_ASSIGN(auto stop, accept_output(before < rows_.meta.size()));
    return !stop;
  }

  void withdraw() {
    rows_.values.erase(rows_.values.begin() + static_cast<std::ptrdiff_t>(rows_.meta.size()), rows_.values.end());
    for (auto& s : sides_)
      s.out->withdraw();
  }

  /// Keeps what the call emitted; true: yield now.
  result<bool> accept_output(bool emitted) {
    for (auto& s : sides_)
      s.out->accept();
    if (rows_.size() < this->runtime().limits.rows && (!emitted || this->runtime().has_credit()))
      return false;
    WEIR_ASSIGN(auto passed, pass_on());
    return passed == progress::blocked || !this->runtime().has_credit();
  }

  result<progress> pass_on() {
    auto all = progress::done;
    WEIR_ASSIGN(auto letters, errors_.flush());
    if (letters == progress::blocked)
      all = letters;
    for (auto& s : sides_) {
      WEIR_ASSIGN(auto pushed, s.out->push());
      if (pushed == progress::blocked)
        all = pushed;
    }
    WEIR_ASSIGN(auto done, out_.push(rows_));
    return done == progress::blocked ? done : all;
  }

  Key key_;
  F f_;
  error_handler errors_;
  detail::process_runtime process_;
  output<Out> out_;
  std::vector<side> sides_;
  typename context::side_writer side_;
  batch<Out> rows_;
  batch<In> waiting_;
  std::size_t next_ = 0;
  row_meta meta_;
  std::optional<timestamp> due_;
  std::optional<timestamp> processing_due_;
};

} // namespace weir
