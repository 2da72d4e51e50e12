#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/e2e/judge.hpp"
#include "tests/e2e/orders.hpp"
#include "tests/e2e/process.hpp"
#include "tests/e2e/world.hpp"

// Runs of a service that are killed and started again, each judged from outside.

namespace weir::e2e {

struct crash_settings {
  std::filesystem::path weir;   ///< The program.
  std::size_t records = 12'000; ///< How many a run reads, handed out while it runs.
  std::size_t chunk = 300;      ///< How many at a time.
  unsigned keys = 50;
  std::chrono::milliseconds pace{40};         ///< Between two chunks.
  std::chrono::milliseconds random_pace{40};  ///< The same in runs that are killed at random.
  std::chrono::milliseconds grace{800};       ///< Left to go on reading before it is stopped.
  std::chrono::milliseconds limit{90'000};    ///< A process that has not ended by then hangs.
  std::chrono::milliseconds settle_pace{300}; ///< Between two looks at whether it has.
  std::chrono::milliseconds settling{60'000}; ///< After the last fault everything has come to its end by then.
  std::chrono::milliseconds life{1'500};      ///< The longest that a process lives before a kill at random.
  std::string checkpoint_interval = "100ms";
  unsigned shards = 1;     ///< Of each service that can have some.
  bool copies = false;     ///< Copies of the checkpoints go to a directory.
  bool lose_store = false; ///< And each kill takes the job's store with it.
};

/// What came of one run.
struct crash_outcome {
  unsigned starts = 0;
  unsigned kills = 0;
  std::string failure; ///< Why it could not be judged; empty if it was.
  verdict judged;
  std::chrono::milliseconds took{0};
  std::chrono::milliseconds settled{0}; ///< After the last start.

  [[nodiscard]] bool right() const { return failure.empty() && judged.right(); }
};

/// One run of the job in one world. Use once. Its logs are in `folder`.
class crash_run {
 public:
  crash_run(const crash_settings& s, const scene& what, world& w, std::filesystem::path folder, std::uint64_t seed);

  /// Starts the job once for each fail point in `arms` (a WEIR_FAIL_POINT, or none if empty), each to be killed by it
  /// or, if it does not come to that, stopped by SIGINT and started once more to the end of its input; then lets it
  /// read to the end undisturbed and judges.
  crash_outcome at_fail_points(const std::vector<std::string>& arms);
  /// Kills the job `kills` times after a random time each, then lets it read to the end and judges.
  crash_outcome at_random(unsigned kills);
  /// Kills the job when a checkpoint is complete and not published, damages that checkpoint, and goes on as
  /// at_fail_points: it has to go back to the checkpoint before.
  crash_outcome behind_damage(const std::vector<std::string>& arms);
  /// Kills who produces the input at each fail point of `arms`, then lets the job read to the end and judges.
  crash_outcome of_the_producer(const std::vector<std::string>& arms);

 private:
  /// Runs the job with these armed until it is killed, stopped, or (true) has come to the end of its input: nothing more can be
  /// armed then.
  [[nodiscard]] bool arm(const std::string& fail_points);
  crash_outcome run(const std::function<void()>& disturb);
  std::unique_ptr<process> start(const std::string& fail_point, bool until_end);
  [[nodiscard]] std::filesystem::path copies() const { return folder_ / "copies"; }
  void feed();
  void judge();
  void open();
  /// Waits until the facts are so and stops the job; or its end, whatever it was.
  process_end run_until(process& p, const std::function<bool(const world_facts&)>& done, const char* what);
  process_end wait_to_end(process& p);
  bool killed(const process_end& end, const std::string& doing);

  const crash_settings& settings_;
  const scene& scene_;
  world& world_;
  std::filesystem::path folder_;
  std::unique_ptr<input_maker> maker_;
  std::vector<std::unique_ptr<input_maker>> companions_; ///< By companion; null for one that makes no input.
  std::mt19937_64 random_;
  crash_outcome outcome_;
};

} // namespace weir::e2e
