#pragma once
#include <unistd.h>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>

#include "tests/catch.hpp"
#include "tests/e2e/orders.hpp"
#include "tests/e2e/process.hpp"
#include "tests/e2e/world.hpp"

namespace takeover_test {

using namespace weir::e2e;

namespace fs = std::filesystem;
using namespace std::chrono_literals;

inline constexpr auto limit = 60s;
inline const fs::path program = WEIR_BINARY_DIR "/weir";

/// order-totals with a folder, a store and a log or topics of its own.
class stored_job {
 public:
  explicit stored_job(const std::string& kind) {
    auto pattern = (fs::temp_directory_path() / "weir-takeover.XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
      throw std::runtime_error("no folder under " + fs::temp_directory_path().string());
    folder = pattern;
    if (kind == "log") {
      where = make_log_world(program, WEIR_SOURCE_DIR, folder);
    } else {
      const auto* brokers = std::getenv("WEIR_TEST_KAFKA");
      if (brokers == nullptr)
        throw std::runtime_error("WEIR_TEST_KAFKA does not say where the broker is");
      where = make_kafka_world(brokers, WEIR_SOURCE_DIR, folder, "takeover-" + folder.filename().string().substr(14));
    }
  }
  ~stored_job() {
    where->clean_up();
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }
  stored_job(const stored_job&) = delete;
  stored_job& operator=(const stored_job&) = delete;

  /// The job, with its messages in `name`.
  std::unique_ptr<process> start(const std::string& name, std::vector<std::string> options = {}) const {
    process::setup s;
    s.command = {program.string(), "run", where->config().string()};
    s.command.insert(s.command.end(), options.begin(), options.end());
    return start_command(std::move(s), name);
  }
  /// `weir savepoint WORD config OPTION...`, ended by that signal or with that exit code. What it printed is in `said`.
  process_end savepoint(const std::string& name, const std::string& word, std::vector<std::string> options,
                        const std::string& fail_point = "") const {
    process::setup s;
    s.command = {program.string(), "savepoint", word, where->config().string()};
    s.command.insert(s.command.end(), options.begin(), options.end());
    if (!fail_point.empty())
      s.environment["WEIR_FAIL_POINT"] = fail_point;
    s.output = folder / (name + ".err");
    const auto end = start_command(std::move(s), name)->wait(limit);
    REQUIRE(end);
    return *end;
  }
  int run(const std::string& name, std::vector<std::string> options = {}) const {
    const auto end = start(name, std::move(options))->wait(limit);
    REQUIRE(end);
    INFO(said(name));
    REQUIRE(end->signal == 0);
    return end->exit_code;
  }
  /// Reads what is there, publishes it, and stops by SIGINT.
  void run_and_stop(const std::string& name) const {
    const auto job = start(name);
    wait_for_totals(*job);
    job->signal(SIGINT);
    const auto end = job->wait(limit);
    REQUIRE(end);
    INFO(said(name));
    REQUIRE(end->exit_code == 0);
  }
  /// Until more totals are out than `known`, and then until no more come for half a second.
  void wait_for_totals(process& job) const {
    const auto known = totals_before_;
    const auto until = std::chrono::steady_clock::now() + limit;
    auto last = totals();
    for (;;) {
      REQUIRE(std::chrono::steady_clock::now() < until);
      REQUIRE_FALSE(job.wait(500ms));
      const auto now = totals();
      if (now > known && now == last)
        break;
      last = now;
    }
    totals_before_ = last;
  }
  void produce(std::size_t count) { where->produce(maker_.next(count)); }

  std::string said(const std::string& name) const {
    std::ifstream in(folder / (name + ".err"));
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void copy_store(const std::string& to) const {
    fs::create_directories(folder / to);
    fs::copy(where->store(), folder / to / "order-totals", fs::copy_options::recursive);
  }

  fs::path folder;
  std::unique_ptr<world> where;
  std::map<std::string, std::string> environment; ///< Of each start, beside the world's.

 private:
  std::unique_ptr<process> start_command(process::setup s, const std::string& name) const {
    const auto of_world = where->environment();
    s.environment.insert(of_world.begin(), of_world.end());
    s.environment.insert(environment.begin(), environment.end());
    s.environment["CHECKPOINT_INTERVAL"] = "100ms";
    s.errors = folder / (name + ".err");
    return std::make_unique<process>(s);
  }
  std::size_t totals() const {
    try {
      return where->read().totals.size();
    } catch (const std::runtime_error&) {
      return 0; // The topics are made by the job, a moment after it started.
    }
  }
  order_maker maker_{7, 20, 100};
  mutable std::size_t totals_before_ = 0;
};

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

inline std::string complaints_of(const verdict& v) {
  std::string out;
  for (const auto& c : v.complaints)
    out += c + "\n";
  return out;
}

} // namespace takeover_test
