#pragma once
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>
#include <weir/core/clock.hpp>
#include <weir/graph/plan.hpp>
#include <weir/record/frame.hpp>
#include <weir/services/service_port.hpp>
#include <weir/testing/memory_state.hpp>
#include <weir/time/watermark.hpp>

namespace weir::testing {

/// A record for a source's partition; offsets are counted by the runner.
struct input_record {
  std::optional<std::string> key;
  std::optional<std::string> value;
  header_list headers;
  timestamp time;
};
/// A record with this value and nothing else.
input_record value_record(std::string value, timestamp time = {});

/// What a sink wrote.
struct output_row {
  std::optional<std::string> key;
  std::optional<std::string> value;
  header_list headers;
  timestamp time;
  friend bool operator==(const output_row&, const output_row&) = default;
};
std::string to_text(const output_row& r);

struct local_options {
  int partitions = 1;                                    ///< Of every source.
  bool refuse_credit = false;                            ///< No credit at every other question.
  bool encode_channels = false;                          ///< Every batch is encoded and decoded on its way.
  std::map<std::string, std::size_t> max_record_bytes{}; ///< By sink: larger values are refused with too_large.
  /// What other services answer to an actor service's asks; default: there are none.
  std::function<ask_outcome(const ask_message&)> answer{};
  bool hold_answers = false; ///< Asks wait until `answer_asks`.
};

/// Runs a plan in one thread with in-memory state: every vertex with all its tasks, watermarks merged as in the real
/// runtime, frames in order. For tests of operators and of users' jobs; time is driven by hand, but for the pauses before a
/// retry, which make it go on. What goes through() a topic is read back at once. Any error ends the run.
class local_run {
 public:
  explicit local_run(job_plan plan, local_options options = {});

  /// Opens all chains. Errors: those of `chain::open`.
  result<> open();
  /// Appends records to a partition of a source and processes them, all consequences included.
  result<> feed(const std::string& source, int partition, const std::vector<input_record>& records);
  /// Processing time goes on by `d`; timers that are due fire.
  result<> elapse(duration d);
  /// All partitions of all sources have ended: the watermark goes to the end of time.
  result<> end();

  /// Asks the actor service of this plan and runs what follows, commands that it appends included. Errors fail the run.
  result<ask_outcome> ask(const ask_message& m);
  template <class Key, class Q, class A>
  answer<A> ask(const request<Key, Q, A>& r, const Key& key, const Q& question) {
    auto m = make_ask(r, key, question, false);
    m.id = "test/" + std::to_string(next_ask_++);
    auto outcome = ask(std::move(m));
    return outcome ? read_answer<A>(*outcome) : answer<A>(ask_error{ask_errc::unavailable, outcome.err().message});
  }
  /// Answers the asks that wait, also those that come of it.
  result<> answer_asks();
  [[nodiscard]] std::size_t open_asks() const { return asks_.size(); }
  /// Keys of the actor service that are parked, and letting one go.
  [[nodiscard]] std::vector<parked_key> parked() const;
  result<bool> release(const std::string& encoded_key, unpark how);
  /// Checkpoint `n` is taken and complete: answers that waited for one are given.
  void checkpoint(std::uint64_t n);

  /// Replaces every chain and state by new ones restored from what they save now.
  result<> restart();

  /// Written so far by the sink of that name, in order per task, tasks in turn.
  [[nodiscard]] const std::vector<output_row>& written(const std::string& sink) const;
  /// Sum over the tasks of a counter `<operator>.<name>`.
  [[nodiscard]] std::uint64_t counter(const std::string& name) const;
  /// State entries of all tasks together.
  [[nodiscard]] std::size_t state_entries() const;
  [[nodiscard]] manual_clock& time() { return clock_; }
  [[nodiscard]] const job_plan& plan() const { return plan_; }
  /// How often a chain was found blocked: a test of credit that never met one proves nothing.
  [[nodiscard]] std::uint64_t times_blocked() const { return blocked_; }

 private:
  struct task;
  class task_output;
  class task_sink;
  class task_services;
  struct open_ask {
    task* from;
    std::uint64_t call;
    ask_message message;
  };
  struct open_append {
    task* from;
    std::uint64_t call;
    std::size_t topic;
    raw_record record;
  };
  /// A row on its way through a topic of through(): to a source vertex.
  struct carried {
    std::size_t to;
    int partition;
    output_row row;
  };
  result<> settle_services();
  result<> read(std::size_t vertex, int partition, const std::vector<input_record>& records);
  result<bool> carry();
  result<> make_task(task& t);
  result<> settle(task& t, result<progress> p);
  result<> drain();
  result<> deliver(task& t, std::size_t channel, frame f);
  void broadcast(task& from, const frame& f);
  task& task_at(std::size_t vertex, std::size_t subtask);

  job_plan plan_;
  local_options options_;
  manual_clock clock_;
  std::vector<std::string> source_topics_;
  std::vector<std::vector<std::unique_ptr<task>>> tasks_; ///< By vertex, then subtask.
  std::map<std::string, std::vector<output_row>> written_;
  std::deque<carried> carried_;
  std::optional<error> failed_;
  std::uint64_t blocked_ = 0;
  std::deque<open_ask> asks_;
  std::deque<open_append> appends_;
  std::map<std::uint64_t, ask_outcome> replies_; ///< By token.
  std::uint64_t next_ask_ = 1;
  bool answering_ = false;

 public:
  ~local_run();
};

} // namespace weir::testing
