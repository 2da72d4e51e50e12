#pragma once
#include <deque>
#include <memory>
#include <set>
#include <vector>
#include <weir/checkpoint/alignment.hpp>
#include <weir/cluster/local_base.hpp>
#include "tests/simulation/cluster/node.hpp"

namespace weir::simulation {

/// A node's part in one attempt of the job: it restores its ranges by the chain rule, reads its partitions, counts the
/// keys of its ranges, and prepares deltas and output in the shared directory.
class worker : public std::enable_shared_from_this<worker> {
 public:
  worker(node& n, const cluster::job_state& job);
  void start();
  void stop() { stopped_ = true; }
  /// All are ready: the sources may read.
  void go();

  [[nodiscard]] const cluster::fence& by() const { return by_; }
  [[nodiscard]] work_phase phase() const { return phase_; }
  [[nodiscard]] const std::set<std::string>& causes() const { return causes_; }
  void on_barrier(std::uint64_t checkpoint, bool final_barrier);
  void on_closed(std::uint64_t checkpoint);
  void on_frame(const cluster::fence& by, int partition, std::uint64_t sequence, const frame& f);
  /// *Complete* was read: its deltas may be applied, what it took is confirmed.
  void on_complete(const cluster::cluster_manifest& m);

 private:
  struct reading {
    int partition = 0;
    std::size_t offset = 0;
    std::map<int, std::uint64_t> sent; ///< Frames, by node.
  };
  struct staged {
    std::uint64_t checkpoint = 0;
    cluster::prepared_chunk what;
    std::string bytes;
    table rows;
  };
  struct waiting_ack {
    std::uint64_t checkpoint = 0;
    contribution what;
  };
  void guarded(std::int64_t delay, world::event e);
  void fail(std::set<std::string> causes, const char* probe);
  void restore();
  void restore_range(std::size_t index);
  void restore_step(std::size_t index, const std::shared_ptr<cluster::base_plan>& plan, std::size_t step);
  void range_restored(std::size_t index);
  void ready();
  void read(std::size_t index);
  void send(reading& r, int to, frame f);
  void handle(std::size_t channel, const frame& f);
  void go_on();
  void process(const std::vector<item>& rows);
  void freeze(std::uint64_t checkpoint);
  void stage(std::uint64_t checkpoint);
  void pump();
  void flush();
  [[nodiscard]] cluster::key_range range_of(int key) const;
  [[nodiscard]] int node_of(int key) const;

  node* node_;
  cluster::job_state job_;
  cluster::fence by_;
  bool stopped_ = false;
  work_phase phase_ = work_phase::restoring;
  std::set<std::string> causes_;
  std::shared_ptr<const cluster::cluster_manifest> base_;
  std::vector<cluster::key_range> own_;
  std::set<int> task_nodes_; ///< Nodes with ranges.
  std::map<cluster::key_range, std::size_t> chain_length_;
  cluster::slot_id slot_;
  std::vector<reading> sources_;
  alignment alignment_;
  std::vector<cluster::channel_gate> gates_;
  std::vector<std::deque<frame>> held_;
  std::map<cluster::key_range, table> rows_, dirty_;
  std::vector<item> output_;
  std::uint64_t deltas_ = 0, outboxes_ = 0; ///< Staged.
  std::uint64_t deltas_stored_ = 0, outboxes_stored_ = 0;
  std::deque<staged> queue_;
  bool writing_ = false;
  std::deque<waiting_ack> acks_;
  std::vector<cluster::prepared_chunk> unconfirmed_;
};

} // namespace weir::simulation
