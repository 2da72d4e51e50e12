#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <queue>
#include <random>
#include <string>
#include <vector>

namespace weir::simulation {

/// Simulated time, chance and the counters of rare branches. Everything that happens is an event; equal seeds give equal
/// runs.
class world {
 public:
  explicit world(std::uint64_t seed) : random_(seed) {}

  using event = std::function<void()>;
  void after(std::int64_t delay, event e) { queue_.push({now_ + delay, ++serial_, std::move(e)}); }
  void at(std::int64_t time, event e) { queue_.push({std::max(time, now_), ++serial_, std::move(e)}); }
  /// Runs the next event; false: there is none.
  bool step();

  [[nodiscard]] std::int64_t now() const { return now_; }
  /// Uniform in [0, n).
  std::int64_t below(std::int64_t n) { return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(n)); }
  /// True `in_million` times out of a million while faults are on.
  bool fault(std::int64_t in_million) { return faults_ && below(1'000'000) < in_million; }
  bool chance(std::int64_t percent) { return below(100) < percent; }
  /// No more faults: what is left to do must come to its end.
  void calm() { faults_ = false; }
  [[nodiscard]] bool calmed() const { return !faults_; }

  /// Counts; WEIR_TRACE=1 in the environment prints it with its time.
  void probe(const std::string& name);
  [[nodiscard]] const std::map<std::string, std::uint64_t>& probes() const { return probes_; }
  /// What broke an invariant; the first is kept.
  void wrong(const std::string& what) {
    if (wrong_.empty())
      wrong_ = "at " + std::to_string(now_) + ": " + what;
  }
  [[nodiscard]] const std::string& wrong() const { return wrong_; }

 private:
  struct entry {
    std::int64_t time;
    std::uint64_t serial;
    event run;
    friend bool operator<(const entry& a, const entry& b) { return a.time != b.time ? a.time > b.time : a.serial > b.serial; }
  };
  std::mt19937_64 random_;
  std::priority_queue<entry> queue_;
  std::int64_t now_ = 0;
  std::uint64_t serial_ = 0;
  bool faults_ = true;
  std::map<std::string, std::uint64_t> probes_;
  std::string wrong_;
};

/// A record on its way: identity, key, and its number among those of its key, as counted by each of the two keyed tasks.
struct item {
  int id = 0;
  int key = 0;
  int first_count = 0;
  int second_count = 0;
  bool letter = false; ///< A dead letter in the record's place.
};

} // namespace weir::simulation
