#pragma once
#include <memory>
#include <weir/checkpoint/recovery.hpp>
#include <weir/cluster/slots.hpp>
#include "tests/simulation/cluster/node.hpp"

namespace weir::simulation {

/// Publishes what complete manifests list for one slot, while the control topic says that the slot is this node's: fence,
/// ask who owns it, look, claim, then epoch by epoch as `may_publish` allows.
class slot_publisher : public std::enable_shared_from_this<slot_publisher> {
 public:
  slot_publisher(node& n, cluster::slot_id slot, std::uint64_t incarnation);
  void start() { fence(); }
  void stop() { stopped_ = true; }
  [[nodiscard]] std::uint64_t incarnation() const { return incarnation_; }

 private:
  void guarded(std::int64_t delay, world::event e);
  void ask(node::elsewhere what, world::event failed);
  void fence();
  void ask_owner(bool was_fenced);
  void look();
  void looked(const std::optional<marker>& found);
  void decide(const std::optional<marker>& found);
  void claim();
  void next();
  void publish(const cluster::outbox_entry& e);
  void read(cluster::outbox_entry e, std::size_t file, std::vector<item> records);
  void send(const std::vector<item>& records, std::uint64_t checkpoint, std::uint64_t from);
  void transact(std::vector<item> part, const marker& m);
  void commit(const marker& m);
  void came_back(publish_outcome outcome);
  void replaced();

  node* node_;
  cluster::slot_id slot_;
  std::string id_;
  std::uint64_t incarnation_;
  bool stopped_ = false;
  bool claimed_ = false;
  bool claim_sent_ = false;
  int epoch_ = -1;
  unsigned attempts_ = 0;
  recovery_plan::claim claim_;
  marker intended_;
  std::uint64_t from_checkpoint_ = 0, from_ordinal_ = 0;
  std::map<cluster::slot_id, marker> markers_; ///< Of all slots with output that is not published, as last read.
};

} // namespace weir::simulation
