#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>
#include <weir/core/result.hpp>
#include <weir/operators/chain.hpp>
#include <weir/record/batch.hpp>
#include <weir/time/watermark_generator.hpp>

namespace weir {

/// A batch leaves a chain when it holds this much, or when the input at hand is done.
struct batch_limits {
  std::size_t rows = 1024;
  std::size_t bytes = std::size_t{256} << 10;
};

/// A figure an operator counts. Only the owning task's thread writes it.
struct operator_counter {
  std::string name; ///< `<operator>.<counter>`
  std::uint64_t value = 0;
};

/// What the operators of one chain share. Owned by the chain; outlives its operators.
struct chain_runtime {
  chain_context* context = nullptr;
  batch_limits limits;
  timestamp watermark = min_timestamp; ///< The operator watermark; a restored one is a floor.

  [[nodiscard]] bool has_credit() const { return context->output == nullptr || context->output->has_credit(); }
  /// The counter of that name, made at the first call; stays where it is.
  std::uint64_t& counter(const std::string& operator_name, const std::string& counter_name);
  [[nodiscard]] const std::vector<std::unique_ptr<operator_counter>>& counters() const { return counters_; }

 private:
  std::vector<std::unique_ptr<operator_counter>> counters_;
};

/// Number of the output that carries an operator's dead letters.
inline constexpr std::size_t dead_letter_output = 255;

/// One operator inside a chain. The chain calls; only the owning task's thread. Operators are linked once, before `open`,
/// into a tree whose leaves are ports or a sink; rows then pass batch by batch through direct calls.
///
/// `progress::blocked` means: this operator or one below it holds input that waits for credit or its next try. Nothing but
/// `resume` (from the leaves to the head), `save` and `next_processing_time` may follow until all of it is processed.
class chain_operator {
 public:
  explicit chain_operator(std::string name) : name_(std::move(name)) {}
  virtual ~chain_operator() = default;
  chain_operator(const chain_operator&) = delete;
  chain_operator& operator=(const chain_operator&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }

  /// Links output number `output` to `target`, whose row type is that of the output (the graph is typed).
  virtual void connect(std::size_t output, chain_operator& target) = 0;
  /// Declares states. Called once, after linking. Errors: incompatible.
  virtual result<> open(chain_runtime& runtime) {
    runtime_ = &runtime;
    return success();
  }
  /// Rows of this operator's input type from another task; they are empty after. Errors fail the task.
  virtual result<progress> accept(any_batch& rows) = 0;
  /// The watermark rose; runtime().watermark is the new one, `before` the old one.
  virtual result<progress> advance(timestamp before) {
    static_cast<void>(before);
    return progress::done;
  }
  /// Fires processing-time timers up to `now`.
  virtual result<progress> processing_time(timestamp now) {
    static_cast<void>(now);
    return progress::done;
  }
  /// The earliest processing-time timer, or none.
  virtual result<std::optional<timestamp>> next_processing_time() { return std::optional<timestamp>{}; }
  /// Goes on with what waited for credit or for its next try.
  virtual result<progress> resume() { return progress::done; }
  /// Until when a row waits for its next try, or none.
  [[nodiscard]] virtual std::optional<timestamp> waits_until() const { return std::nullopt; }
  /// The way in beside the channels, of an actor service; else null.
  [[nodiscard]] virtual service_port* service() { return nullptr; }
  /// Ports: sends what is buffered.
  virtual void flush() {}
  /// Appends the operator's own small state; nothing if it has none.
  virtual void save(byte_writer& out) const { static_cast<void>(out); }
  /// Reads exactly what `save` appended, called only if that was something. False: malformed.
  [[nodiscard]] virtual bool restore(byte_reader& in) {
    static_cast<void>(in);
    return true;
  }
  /// The chain is restored; runtime().watermark is the saved one.
  virtual void on_restored() {}
  /// Of the operator that assigns event time in a source's chain; else null.
  [[nodiscard]] virtual const watermark_generator* watermarks() const { return nullptr; }
  [[nodiscard]] virtual std::optional<duration> idle_after() const { return std::nullopt; }

 protected:
  [[nodiscard]] chain_runtime& runtime() const { return *runtime_; }
  chain_runtime* runtime_ = nullptr;

 private:
  std::string name_;
};

/// A source's head: takes raw records one at a time and runs the operators over all of them at `flush_source`.
class source_head {
 public:
  virtual ~source_head() = default;
  virtual result<> accept_raw(const record_view& record) = 0;
  virtual result<progress> flush_source() = 0;
};

/// An operator whose input rows are of type T.
template <class T>
class typed_operator : public chain_operator {
 public:
  using chain_operator::chain_operator;
  /// Takes all rows: what is left in `rows` after is unspecified.
  virtual result<progress> consume(batch<T>& rows) = 0;

  result<progress> accept(any_batch& rows) final {
    if (rows.row_type() != typeid(T))
      return {errc::internal, "operator '" + name() + "' was sent rows of another type"};
    return consume(static_cast<batch<T>&>(rows));
  }
};

/// Exchanges the rows of two batches without copying one.
template <class T>
void swap_rows(batch<T>& a, batch<T>& b) {
  a.values.swap(b.values);
  a.meta.swap(b.meta);
  a.raw.swap(b.raw);
}

/// An output of an operator: the consumers of its rows. With several of them all but the last get a copy.
template <class T>
class output {
 public:
  void connect(chain_operator& target) { targets_.push_back(static_cast<typed_operator<T>*>(&target)); }
  [[nodiscard]] bool connected() const { return !targets_.empty(); }

  /// Hands all rows down; `rows` is empty after.
  result<progress> push(batch<T>& rows) {
    auto all = progress::done;
    if (rows.size() > 0)
      for (std::size_t i = 0; i < targets_.size(); ++i) {
        batch<T> copy;
        auto& mine = i + 1 < targets_.size() ? (copy = rows) : rows;
        WEIR_ASSIGN(auto p, targets_[i]->consume(mine));
        if (p == progress::blocked)
          all = progress::blocked;
      }
    rows.clear();
    return all;
  }

 private:
  std::vector<typed_operator<T>*> targets_;
};

/// A leaf: collects rows into batches and hands them to the chain's output.
template <class T>
class port_operator final : public typed_operator<T> {
 public:
  explicit port_operator(std::size_t port) : typed_operator<T>("port"), port_(port) {}
  void connect(std::size_t, chain_operator&) override {}

  result<progress> consume(batch<T>& rows) override {
    if (!buffer_)
      buffer_ = std::make_unique<batch<T>>();
    if (buffer_->size() == 0) {
      swap_rows(*buffer_, rows);
    } else {
      for (std::size_t i = 0; i < rows.size(); ++i) {
        buffer_->push(std::move(rows.values[i]), rows.meta[i]);
        if (rows.meta[i].raw.kept)
          buffer_->meta.back().raw = buffer_->copy_raw(rows, rows.meta[i].raw);
      }
    }
    const auto& limits = this->runtime().limits;
    if (buffer_->size() >= limits.rows || buffer_->bytes() >= limits.bytes)
      flush();
    return progress::done;
  }
  void flush() override {
    if (buffer_ && buffer_->size() > 0)
      this->runtime().context->output->emit(port_, std::move(buffer_));
  }

 private:
  std::size_t port_;
  std::unique_ptr<batch<T>> buffer_;
};

} // namespace weir
