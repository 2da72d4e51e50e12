#pragma once
#include <deque>
#include <unordered_map>
#include <weir/operators/process_function.hpp>
#include <weir/record/packed_record.hpp>
#include <weir/services/definition.hpp>
#include <weir/services/named_timers.hpp>
#include <weir/services/service_port.hpp>

namespace weir::detail {

/// The tasks of an actor service: calls handlers, one at a time per key, and does what they want done when they end well.
///
/// A key whose handler awaits, waits for its next try, or is parked, is *busy*: its unfinished event and all behind it lie in
/// the state "$queue" in order of arrival, so that every checkpoint holds them; after a restore they run again from the start.
class actor_operator final : public typed_operator<service_event>, public service_port, private call_environment {
 public:
  explicit actor_operator(std::shared_ptr<const service_definition> definition);
  ~actor_operator() override;

  void connect(std::size_t number, chain_operator& target) override { outputs_[number].connect(target); }
  result<> open(chain_runtime& runtime) override;
  result<progress> consume(batch<service_event>& rows) override;
  result<progress> advance(timestamp before) override;
  result<progress> processing_time(timestamp now) override;
  result<std::optional<timestamp>> next_processing_time() override;
  result<progress> resume() override;
  [[nodiscard]] std::optional<timestamp> waits_until() const override;

  [[nodiscard]] service_port* service() override { return this; }
  void attach(service_host& host) override { host_ = &host; }
  result<> asked(std::uint64_t token, ask_message m) override;
  result<> answered(std::uint64_t call, ask_outcome outcome) override;
  result<> appended(std::uint64_t call, std::optional<ask_error> failed) override;
  void at_barrier(std::uint64_t checkpoint) override;
  void completed(std::uint64_t checkpoint) override;
  result<bool> release(const std::string& encoded_key, unpark how) override;
  [[nodiscard]] std::vector<parked_key> parked() const override;
  [[nodiscard]] std::uint64_t parked_version() const override { return parked_version_; }
  [[nodiscard]] std::size_t awaiting() const override { return awaiting_.size(); }

 private:
  enum class key_phase : std::uint8_t { replay, awaiting, retrying, parked };
  struct busy_key {
    std::uint16_t group = 0;
    key_phase phase = key_phase::replay;
    std::deque<std::uint64_t> queue;    ///< Numbers of its events in "$queue", the one at hand first.
    std::unique_ptr<service_call> call; ///< Of an awaiting one.
    unsigned attempts = 0;
    timestamp until; ///< Of the next try.
    std::string event, reason;
    timestamp since;
  };
  using busy_keys = std::unordered_map<std::string, busy_key>;
  struct states {
    state_handle value, queue, parked, seen;
  };
  enum class ended : std::uint8_t { done, suspended, failed };

  // call_environment
  void load(service_call& c) override;
  void ask(service_call& c, ask_message m, const ask_options& options) override;
  [[nodiscard]] const chain_context& chain() const override { return *runtime().context; }
  [[nodiscard]] timestamp watermark() const override { return runtime().watermark; }
  [[nodiscard]] std::uint64_t& counter(const std::string& name) override { return runtime().counter(this->name(), name); }

  // actor_operator.cpp
  result<progress> run_rows();
  result<> take(std::size_t row);
  result<progress> run_timers(std::optional<timestamp>& due, bool processing);
  result<> fire(std::uint16_t group, timestamp time, std::string_view key, std::string_view timer);
  result<> dispatch(std::unique_ptr<service_call>& heap, service_call& c);
  template <class Start>
  result<ended> run(service_call& c, const Start& start) {
    mark(&handler_name(c));
    try {
      c.running = start();
    } catch (...) {
      return threw();
    }
    return go_on(c);
  }
  /// Tells the host which handler is at hand. It stays marked until another one is, or `no_mark` ends: handlers of a batch are
  /// mostly the same.
  void mark(const std::string* handler) {
    if (handler == marked_)
      return;
    marked_ = handler;
    if (host_ != nullptr)
      host_->handling(handler);
  }
  struct no_mark {
    actor_operator& o;
    ~no_mark() { o.mark(nullptr); }
  };
  /// What the exception at hand makes of the call: failed, with `failure_`, or the error of the state.
  result<ended> threw();
  result<ended> go_on(service_call& c);
  result<> commit(service_call& c);
  result<bool> handled_before(const service_call& c);
  result<> remember_command(const service_call& c);
  result<progress> pass_on();
  [[nodiscard]] bool enough_to_pass_on() const {
    return rows_waiting_ >= runtime().limits.rows || bytes_waiting_ >= runtime().limits.bytes;
  }
  /// By reference: a coroutine refers to the closure in it.
  [[nodiscard]] const service_definition::handler& handler_of(const service_call& c) const;
  [[nodiscard]] std::unique_ptr<service_call> make_call() const;
  [[nodiscard]] const std::string& handler_name(const service_call& c) const;
  [[nodiscard]] std::string event_text(const service_call& c) const;
  [[nodiscard]] error corrupt(const std::string& what) const;

  // busy_keys.cpp
  result<> ensure_loaded();
  result<> load_queue();
  result<> load_parked();
  result<> enqueue(const service_call& c, busy_key& busy);
  result<std::unique_ptr<service_call>> read_queued(const std::string& key, const busy_key& busy);
  result<> drop_first(const std::string& key, busy_key& busy);
  result<> suspend(std::unique_ptr<service_call> c, busy_keys::iterator busy);
  result<> failed(service_call& c, busy_keys::iterator busy);
  /// Runs the events of a busy key from its first on, until it is free, waits again, or is parked.
  result<> drain(busy_keys::iterator busy);
  result<> run_due(timestamp now);
  result<busy_keys::iterator> busy_with(service_call& c);

  // questions.cpp
  void reply(const service_call& c, ask_outcome outcome);
  void question_ended(std::unique_ptr<service_call> c, ended how);
  void send_appends(service_call& c);
  [[nodiscard]] std::optional<ask_error> refusal(const ask_message& m, const service_definition::question* question) const;
  [[nodiscard]] bool at_end() const { return runtime().watermark == max_timestamp; }

  std::shared_ptr<const service_definition> definition_;
  service_host* host_ = nullptr;
  const std::string* marked_ = nullptr; ///< The handler that the host was told.
  states states_;
  named_timers timers_;
  std::vector<output<packed_record>> outputs_;
  std::vector<batch<packed_record>> rows_;
  std::size_t rows_waiting_ = 0, bytes_waiting_ = 0;

  batch<service_event> waiting_;
  std::size_t next_ = 0;
  std::optional<timestamp> due_, processing_due_;
  std::unique_ptr<service_call> scratch_; ///< Of handlers that do not await.
  std::string failure_;                   ///< Why the call at hand failed.
  std::string encoded_;                   ///< State on its way to the store.

  bool loaded_ = false;
  bool started_ = false;
  busy_keys busy_;
  std::uint64_t next_number_ = 1;
  std::size_t replays_ = 0; ///< Busy keys in that phase.
  std::size_t retries_ = 0;
  std::uint64_t parked_version_ = 0;
  std::uint64_t* parked_count_ = nullptr;
  std::uint64_t* failures_ = nullptr;

  std::uint64_t next_call_ = 1;
  std::unordered_map<std::uint64_t, std::string> awaiting_;                        ///< Call -> key.
  std::unordered_map<std::uint64_t, std::unique_ptr<service_call>> questions_;     ///< That await, or append.
  std::vector<std::pair<std::uint64_t, ask_outcome>> durable_;                     ///< Token and answer, for the next barrier.
  std::map<std::uint64_t, std::vector<std::pair<std::uint64_t, ask_outcome>>> at_; ///< Checkpoint -> the same.
};

} // namespace weir::detail
