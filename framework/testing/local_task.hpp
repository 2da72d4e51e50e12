#pragma once
#include <weir/testing/local_run.hpp>

// The parts of a task of local_run; not for users.

namespace weir::testing {

class local_run::task_sink final : public sink_target {
 public:
  task_sink(local_run& run, std::size_t max_bytes, std::vector<output_row>& rows, std::optional<std::size_t> read_by)
      : run_(run), max_bytes_(max_bytes), rows_(rows), read_by_(read_by) {}
  result<> write(const encoded_record& r) override {
    if (max_bytes_ > 0 && r.value && r.value->size() > max_bytes_)
      return {errc::too_large, "the record has " + std::to_string(r.value->size()) + " bytes"};
    output_row row;
    if (r.key)
      row.key = std::string(*r.key);
    if (r.value)
      row.value = std::string(*r.value);
    row.headers = headers_view(r.packed_headers).unpack();
    row.time = r.time;
    if (read_by_) {
      const auto partitions = static_cast<std::uint32_t>(run_.options_.partitions);
      auto place = r.key_group.value_or(encoded_record::place{0, 1});
      run_.carried_.push_back({*read_by_, static_cast<int>(task_of(place.group, place.groups, partitions)), row});
    }
    rows_.push_back(std::move(row));
    return success();
  }

 private:
  local_run& run_;
  std::size_t max_bytes_; ///< 0: no limit.
  std::vector<output_row>& rows_;
  std::optional<std::size_t> read_by_; ///< The source vertex behind through().
};

class local_run::task_output final : public chain_output {
 public:
  task_output(local_run& run, std::size_t vertex, std::size_t subtask) : run_(run), vertex_(vertex), subtask_(subtask) {}
  void emit(std::size_t port, std::unique_ptr<any_batch> rows) override;
  [[nodiscard]] bool has_credit() const override {
    if (!run_.options_.refuse_credit)
      return true;
    asked_ = !asked_;
    return !asked_;
  }

 private:
  local_run& run_;
  std::size_t vertex_, subtask_;
  std::size_t turn_ = 0;
  mutable bool asked_ = false;
};

struct local_run::task {
  std::size_t vertex = 0, subtask = 0;
  chain_context context;
  std::unique_ptr<memory_state> state;
  std::unique_ptr<task_output> output;
  std::unique_ptr<task_sink> sink;
  std::unique_ptr<chain> operators;
  std::unique_ptr<watermark_merger> merger;
  std::vector<std::size_t> input_of_channel;
  /// Channel number by (edge, sending subtask).
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> channels;
  std::deque<std::pair<std::size_t, frame>> queue;
  timestamp sent = min_timestamp;
  std::int64_t next_offset = 0;
  std::unique_ptr<service_host> services; ///< Of an actor service's task.
};

/// What an actor service's task asks of the run.
class local_run::task_services final : public service_host {
 public:
  task_services(local_run& run, task& t) : run_(run), task_(t) {}
  void ask(std::uint64_t call, ask_message m, duration) override { run_.asks_.push_back({&task_, call, std::move(m)}); }
  void reply(std::uint64_t token, ask_outcome outcome) override { run_.replies_.emplace(token, std::move(outcome)); }
  void append(std::uint64_t call, std::size_t topic, raw_record record) override {
    run_.appends_.push_back({&task_, call, topic, std::move(record)});
  }
  void want_checkpoint() override {}

 private:
  local_run& run_;
  task& task_;
};

} // namespace weir::testing
