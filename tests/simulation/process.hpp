#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>
#include <weir/checkpoint/coordinator.hpp>
#include "tests/simulation/broker.hpp"
#include "tests/simulation/publisher.hpp"
#include "tests/simulation/store.hpp"
#include "tests/simulation/task.hpp"

namespace weir::simulation {

namespace actor {
constexpr int coordinator = 0, store = 1, publisher = 2, first_task = 3;
}

struct input_record {
  item record;
  std::int64_t available = 0;
};
using input_log = std::vector<std::vector<input_record>>; ///< By partition.

/// What differs from run to run.
struct process_options {
  checkpoint_coordinator::options checkpoint;
  std::size_t first_tasks = 2, second_tasks = 2;
  int slow_links_percent = 20;
  std::int64_t crash_after = -1; ///< Events; -1: never.
  std::int64_t freeze_after = -1;
  int frozen_when_unknown_percent = 0; ///< Frozen before it looks up what became of a publish.
  std::int64_t stop_at = -1;           ///< Time of a request to stop.
  std::int64_t snapshot_fails_in_million = 15'000;
  std::int64_t lost_in_million = 10'000; ///< Requests to the broker that get lost, and as many answers.
  /// Killed soon after a checkpoint is complete, before the next one hides what was wrong with it.
  int killed_behind_complete_percent = 0;
  int killed_behind_cancel_percent = 0; ///< The same where an alignment was cancelled before it.
};

/// One run of a job on a store: coordinator, store actor, publisher, sources, tasks. Messages between two of them keep
/// their order and take their time. Dies, freezes and wakes at any event.
class process : public std::enable_shared_from_this<process> {
 public:
  enum class end { killed, failed, fenced, refused, stopped, ended };
  using on_end = std::function<void(end)>;
  using on_freeze = std::function<void()>;

  process(world& w, broker& b, const input_log& input, store_content content, process_options o, on_end ended, on_freeze frozen);
  void start();
  void wake();

  // --- for its actors
  void send(int from, int to, world::event e);
  void send_frame(int from, const channel_end& to, frame f);
  void after(int who, std::int64_t delay, world::event e);
  world& in() { return *world_; }
  broker& kafka() { return *broker_; }
  store& disk() { return store_; }
  const input_log& input() const { return *input_; }
  const std::string& id() const { return id_; }
  void exit(end how);
  void decide(const std::optional<marker>& found);
  void start_graph();
  void published_all();
  void on_ack(std::uint64_t k, const contribution& c);
  void on_declined(std::uint64_t k, const participant_id& who);
  void on_activity();
  void on_cancelled() { cancelled_ = true; }
  void on_unknown();
  [[nodiscard]] std::int64_t snapshot_fails_in_million() const { return options_.snapshot_fails_in_million; }
  [[nodiscard]] std::int64_t lost_in_million() const { return options_.lost_in_million; }

 private:
  enum class state { running, frozen, dead };
  void deliver(world::event e);
  void execute(checkpoint_coordinator::actions actions);
  void tick();
  [[nodiscard]] std::int64_t latency(int from, int to);
  void complete(const checkpoint_coordinator::store_complete& ask);
  void close(std::uint64_t k);
  void perhaps_die_soon();

  world* world_;
  broker* broker_;
  const input_log* input_;
  store store_;
  store_authority authority_{store_};
  process_options options_;
  on_end on_end_;
  on_freeze on_freeze_;
  std::string id_ = "weir.job.main.0";
  state state_ = state::running;
  std::int64_t events_ = 0;
  std::deque<world::event> stalled_;
  std::map<std::pair<int, int>, std::int64_t> last_, slow_;
  std::uint64_t next_ = 1;
  publisher publisher_;
  std::unique_ptr<checkpoint_coordinator> coordinator_;
  std::int64_t tick_at_ = -1;
  std::vector<std::unique_ptr<source>> sources_;
  std::vector<std::unique_ptr<task>> tasks_;
  bool cancelled_ = false; ///< An alignment, since the last complete checkpoint.
  bool last_checkpoint_done_ = false;
  bool input_ended_ = false;
};

} // namespace weir::simulation
