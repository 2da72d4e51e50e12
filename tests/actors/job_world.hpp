#pragma once
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>
#include <weir/connectors/log/embedded_log.hpp>
#include <weir/core/clock.hpp>
#include <weir/core/logger.hpp>
#include <weir/weir.hpp>
#include "actors/runtime.hpp"
#include "tests/storage/temporary_directory.hpp"

// Whole jobs in this process: an embedded log in a folder of its own, the runtime on CAF, stores beside the log.

namespace job_test {

using namespace std::chrono_literals;

/// The time within which anything that must happen has happened, also under a sanitizer on a busy machine.
inline constexpr weir::duration patience = 60s;

/// The value, or the test ends with the error's text.
template <class T>
T must(weir::result<T> r) {
  if (!r)
    throw std::runtime_error(std::string(describe(r.err().code)) + ": " + r.err().message);
  return std::move(r).value();
}

struct written_record {
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::optional<std::string> key, value;
  weir::header_list headers;

  [[nodiscard]] std::string header(const std::string& name) const {
    for (const auto& [k, v] : headers)
      if (k == name)
        return v.value_or("(null)");
    return "(none)";
  }
};

/// How the tasks of a job are laid out; the results must not depend on it.
struct layout {
  int parallelism = 1;
  bool encode = false;
  bool chain = true;
};
inline std::string text(const layout& l) {
  return "parallelism " + std::to_string(l.parallelism) + (l.encode ? ", encoded channels" : ", channels in memory") +
         (l.chain ? ", chained" : ", not chained");
}
/// Both transports, chained and not, and different parallelisms.
inline std::vector<layout> layouts() {
  return {{1, false, true}, {2, true, true}, {3, false, false}, {1, true, false}, {2, false, true}, {3, true, false}};
}

/// A running set of jobs with what a test waits for.
class running {
 public:
  explicit running(std::vector<weir::job_spec> specs) : runtime_(must(weir::start_runtime({2}, std::move(specs)))) {}

  [[nodiscard]] weir::job_status status() const { return runtime_->status().at(0); }
  /// Whether the condition came true in time; it is looked at again and again.
  bool until(const std::function<bool(const weir::job_status&)>& condition, weir::duration limit = patience) {
    auto end = weir::system_clock().monotonic() + limit;
    while (weir::system_clock().monotonic() < end) {
      if (condition(status()))
        return true;
      if (auto ends = runtime_->wait(2ms); !ends.empty())
        return condition(status());
    }
    return false;
  }
  bool until(weir::job_phase phase) {
    return until([phase](const weir::job_status& s) { return s.phase == phase; });
  }
  void request_stop() { runtime_->request_stop(); }
  /// How the (first) job ended.
  weir::job_end end() {
    auto ends = runtime_->wait(patience);
    if (ends.empty())
      throw std::runtime_error("the job does not end; it is in phase " + std::to_string(static_cast<int>(status().phase)) + " '" +
                               status().detail + "'");
    return ends.at(0);
  }
  weir::job_end stop() {
    request_stop();
    return end();
  }

 private:
  std::unique_ptr<weir::runtime> runtime_;
};

/// An embedded log and a place for stores.
class world {
 public:
  world() : log_(must(weir::embedded_log::open(path("log")))) {
    static const auto quiet = [] {
      if (!std::getenv("WEIR_TEST_LOG"))
        weir::configure_logging(weir::log_level::off, weir::log_format::text);
      return true;
    }();
    (void)quiet;
    connection_ = must(weir::make_log_connection({"main", "log", {{"path", path("log")}}, {}}));
  }

  [[nodiscard]] std::string path(const std::string& name) const { return directory_.path + "/" + name; }
  [[nodiscard]] weir::embedded_log& log() { return *log_; }

  void topic(const std::string& name, std::int32_t partitions = 1, std::size_t max_record_bytes = 1 << 20) {
    must(log_->create_topic(name, {.partitions = partitions, .max_record_bytes = max_record_bytes}));
  }
  /// Appends values without key in one transaction.
  void put(const std::string& name, std::int32_t partition, const std::vector<std::string>& values) {
    auto t = must(log_->topic(name));
    weir::log_batch batch;
    for (const auto& v : values)
      must(batch.add(t, {name, partition, std::nullopt, v, {}, 1'700'000'000'000}));
    must(log_->commit(batch, {}));
  }
  /// All records of a topic, partition by partition. None if it is not there.
  std::vector<written_record> read(const std::string& name) {
    struct collector : weir::record_consumer {
      std::vector<written_record> records;
      void consume(const weir::record_view& r) override {
        written_record w;
        w.partition = r.partition;
        w.offset = r.offset;
        if (r.key)
          w.key = *r.key;
        if (r.value)
          w.value = *r.value;
        w.headers = r.headers.unpack();
        records.push_back(std::move(w));
      }
    } out;
    auto t = log_->topic(name);
    if (!t)
      return {};
    auto source = must(connection_->open_source("test", 1 << 20, weir::logger{}));
    for (std::int32_t p = 0; p < t->options.partitions; ++p) {
      auto state = must(log_->partition(*t, p));
      auto reader = must(source->open(name, p, state.first, [] {}));
      for (auto at = state.first; at < state.next;)
        at = must(reader->poll(1000, 1 << 20, out)).next_offset;
    }
    return std::move(out.records);
  }
  /// The values of a topic, sorted.
  std::vector<std::string> values(const std::string& name) {
    std::vector<std::string> all;
    for (auto& r : read(name))
      all.push_back(r.value.value_or("(null)"));
    std::sort(all.begin(), all.end());
    return all;
  }
  std::size_t count(const std::string& name) { return read(name).size(); }
  /// Records in a topic, without reading them; 0 if it is not there.
  std::size_t size(const std::string& name) {
    auto t = log_->topic(name);
    std::size_t n = 0;
    for (std::int32_t p = 0; t && p < t->options.partitions; ++p)
      n += static_cast<std::size_t>(must(log_->partition(*t, p)).next);
    return n;
  }

  /// A job of this world with short times: checkpoints each 20 ms, restarts after 1 ms.
  weir::job_spec spec(const weir::job& job, const layout& l = {}) {
    auto s = empty_spec(l);
    weir::plan_options o;
    o.parallelism = l.parallelism;
    o.chaining = l.chain;
    s.plan = must(job.plan(o));
    return s;
  }
  /// The same without a plan.
  weir::job_spec empty_spec(const layout& l = {}) {
    weir::job_spec s;
    s.name_space = "test";
    s.store_directory = path("store");
    s.connections["main"] = connection_;
    s.checkpoint.interval = 20ms;
    s.restart.initial_backoff = 1ms;
    s.restart.max_backoff = 4ms;
    s.restart.max_attempts = 3;
    s.encode_channels = l.encode;
    return s;
  }
  /// Runs to the end of the input.
  weir::job_end run_to_end(weir::job_spec s) {
    s.until_end = true;
    running r({std::move(s)});
    return r.end();
  }

 private:
  temporary_directory directory_;
  std::shared_ptr<weir::embedded_log> log_;
  std::shared_ptr<weir::connection> connection_;
};

inline std::string cause(const weir::job_end& e) { return e.cause ? e.cause->message : "no cause"; }

} // namespace job_test
