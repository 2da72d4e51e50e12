#pragma once
#include <memory>
#include <set>
#include <weir/checkpoint/coordinator.hpp>
#include <weir/cluster/placement.hpp>
#include "tests/simulation/cluster/node.hpp"

namespace weir::simulation {

/// What a node does while it leads: place the job, begin attempts, drive checkpoints, collect garbage. Everything it
/// decides is decided by framework/cluster and framework/checkpoint.
class leader : public std::enable_shared_from_this<leader> {
 public:
  explicit leader(node& n);
  void stop() { stopped_ = true; }
  void tick(const std::set<std::string>& lost);
  [[nodiscard]] const cluster::fence& current() const { return by_; }
  [[nodiscard]] bool go() const { return stage_ == stage::running; }

  void on_status(const node_status& s);
  void on_ack(std::uint64_t checkpoint, const contribution& c, const std::vector<cluster::prepared_chunk>& chunks);
  void on_declined(std::uint64_t checkpoint, const participant_id& who);

 private:
  enum class stage {
    idle,     ///< No attempt; exit: placing, when somebody can work.
    placing,  ///< Markers and the manifest are read, the assignment is written; exit: starting, idle.
    starting, ///< Nodes restore; exit: running, idle.
    running,  ///< Checkpoints; exit: idle.
  };
  void guarded(std::int64_t delay, world::event e);
  [[nodiscard]] std::vector<cluster::node_facts> facts() const;
  [[nodiscard]] std::set<std::string> workers() const;
  void place();
  void assign(const std::map<cluster::slot_id, marker>& markers);
  void begun();
  void run();
  void watch_attempt(const std::set<std::string>& lost);
  void fail(const std::set<std::string>& causes, const char* probe);
  void execute(checkpoint_coordinator::actions actions);
  void schedule_tick();
  void complete(const checkpoint_coordinator::store_complete& ask);
  void close(std::uint64_t k);
  void read_markers();
  void collect();
  void remove(std::vector<std::string> names, std::vector<std::uint64_t> batches);
  void to_all(const site::message& m);

  node* node_;
  bool stopped_ = false;
  stage stage_ = stage::idle;
  cluster::fence by_;
  std::int64_t since_, better_since_ = 0;
  std::map<std::string, node_status> nodes_;
  std::map<std::string, std::uint64_t> members_; ///< Of the attempt, with their start numbers.
  cluster::failure_record failures_;
  std::unique_ptr<checkpoint_coordinator> coordinator_;
  std::int64_t tick_at_ = -1;
  std::uint64_t base_ = 0;
  std::shared_ptr<const cluster::cluster_manifest> newest_; ///< Of the newest complete checkpoint.
  std::string newest_name_;
  std::vector<cluster::prepared_chunk> chunks_;
  std::map<cluster::slot_id, marker> markers_;
  bool collecting_ = false;
  std::int64_t collected_at_ = 0;
};

} // namespace weir::simulation
