#pragma once
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>
#include <thread>
#include "services/click-sessions/click_sessions.hpp"
#include "services/fraud-detection/fraud_detection.hpp"
#include "services/inventory/inventory.hpp"
#include "services/notifier/notifier.hpp"
#include "services/order-totals/order_totals.hpp"
#include "services/payments/payments.hpp"
#include "services/weir/commands.hpp"
#include "services/weir/connections.hpp"

namespace weir::test {

/// A folder of its own for one test, removed after it.
class scratch {
 public:
  scratch() {
    char name[] = "/tmp/weir-program-XXXXXX";
    if (::mkdtemp(name) == nullptr)
      throw std::runtime_error("mkdtemp");
    path_ = name;
  }
  ~scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }
  std::string file(const std::string& name, const std::string& content) const {
    std::ofstream(path_ + "/" + name) << content;
    return path_ + "/" + name;
  }

 private:
  std::string path_;
};

struct released_key {
  std::string service;
  std::string encoded_key;
  unpark how = unpark::retry;
};

/// What a runtime is told to do, and what was done with it.
struct fake_jobs {
  std::vector<released_key> released;
  std::mutex lock;
  std::condition_variable changed;
  std::vector<job_spec> specs;
  std::vector<job_status> statuses;
  std::vector<job_end> ends; ///< What wait returns once `over`.
  bool over = false;
  bool end_on_stop = true;
  unsigned stops = 0;
  unsigned waits = 0;
  std::function<void(unsigned wait)> on_wait; ///< Called at the start of each wait.
};

class fake_runtime : public runtime {
 public:
  explicit fake_runtime(fake_jobs& jobs) : jobs_(jobs) {}
  [[nodiscard]] std::vector<job_status> status() const override {
    std::lock_guard guard(jobs_.lock);
    return jobs_.statuses;
  }
  void request_stop() override {
    std::lock_guard guard(jobs_.lock);
    ++jobs_.stops;
    jobs_.over = jobs_.over || jobs_.end_on_stop;
    jobs_.changed.notify_all();
  }
  std::vector<job_end> wait(duration timeout) override {
    unsigned n = 0;
    {
      std::lock_guard guard(jobs_.lock);
      n = ++jobs_.waits;
    }
    if (jobs_.on_wait)
      jobs_.on_wait(n);
    std::unique_lock guard(jobs_.lock);
    jobs_.changed.wait_for(guard, timeout, [&] { return jobs_.over; });
    return jobs_.over ? jobs_.ends : std::vector<job_end>{};
  }
  void ask(ask_message, duration, std::function<void(ask_outcome)> done) override {
    done(ask_error{ask_errc::no_service, "no service runs here"});
  }
  bool release(const std::string& service, const std::string& encoded_key, unpark how) override {
    std::lock_guard guard(jobs_.lock);
    jobs_.released.push_back({service, encoded_key, how});
    return true;
  }

 private:
  fake_jobs& jobs_;
};

/// Stop requests from the test's own hand.
class manual_stop : public stop_source {
 public:
  void watch(std::function<void()> first, std::function<void()> second) override {
    first_ = std::move(first);
    second_ = std::move(second);
    if (before_start)
      first_();
  }
  void unwatch() override { watching = false; }
  void first() { first_(); }
  void second() { second_(); }
  bool before_start = false;
  bool watching = true;

 private:
  std::function<void()> first_, second_;
};

/// The program with a runtime that does what the test says.
struct bench {
  fake_jobs jobs;
  manual_stop stop;
  std::ostringstream out, err;
  std::map<std::string, std::string> variables;
  bool terminal = false;
  std::optional<error> start_error;
  std::optional<error> connect_error;
  std::vector<int> exits;
  duration log_period = std::chrono::seconds(10);
  decltype(program_seams::serve_health) serve_health; ///< Empty: no test opens a port that it does not ask for.
  program all{{order_totals_service(), fraud_detection_service(), click_sessions_service(), shop::inventory_service(),
               shop::payments_service(), shop::notifier_service()},
              {}};

  exit_code run(const std::vector<std::string>& arguments) {
    program_seams seams{out,
                        err,
                        terminal,
                        {[this](const std::string& name) -> std::optional<std::string> {
                          auto found = variables.find(name);
                          return found == variables.end() ? std::nullopt : std::optional<std::string>{found->second};
                        }},
                        [this](const connection_settings&) -> result<std::shared_ptr<connection>> {
                          if (connect_error)
                            return *connect_error;
                          return std::shared_ptr<connection>{};
                        },
                        check_connection,
                        [this](const runtime_options&, std::vector<job_spec> specs) -> result<std::unique_ptr<runtime>> {
                          if (start_error)
                            return *start_error;
                          jobs.specs = std::move(specs);
                          return std::unique_ptr<runtime>(std::make_unique<fake_runtime>(jobs));
                        },
                        stop,
                        [this](int code) { exits.push_back(code); },
                        log_period,
                        std::chrono::milliseconds(1),
                        serve_health};
    return run_program(all, arguments, seams);
  }
};

inline std::string log_config() { return std::string(WEIR_SOURCE_DIR) + "/config/order-totals.json"; }
inline std::string kafka_config() { return std::string(WEIR_SOURCE_DIR) + "/config/order-totals.kafka.json"; }

inline bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

} // namespace weir::test
