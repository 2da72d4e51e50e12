#pragma once
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <weir/cluster/fence_gate.hpp>
#include <weir/cluster/liveness.hpp>
#include <weir/cluster/log_authority.hpp>
#include "tests/simulation/cluster/site.hpp"

namespace weir::simulation {

class leader;
class slot_publisher;
class worker;

enum class work_phase { none, restoring, ready, running, failed };

/// What a node says of itself in every keep-alive.
struct node_status {
  std::string node;
  std::uint64_t start = 0;
  cluster::fence by;
  work_phase phase = work_phase::none;
  std::set<std::string> causes; ///< Whom a failure names.
  std::set<std::string> hears;
  bool kafka = true, directory = true;
};

/// One process of a cluster: keep-alives, its side of the control topic, its part of the job; leads when the group says so.
/// Dies, sleeps and wakes at any event; what it asked of the broker and the directory goes on without it.
class node : public std::enable_shared_from_this<node>, private cluster::control_log {
 public:
  node(site& s, int index, local_disk disk);
  ~node() override;
  void start();
  enum class state { running, frozen, dead };
  void die();
  void freeze() { state_ = state::frozen; }
  void wake();
  [[nodiscard]] state now() const { return state_; }

  // --- for its parts
  site& at() { return *site_; }
  world& in() { return site_->in(); }
  local_disk& disk() { return disk_; }
  cluster::log_authority& authority() { return authority_; }
  cluster::control_office& office() { return office_; }
  [[nodiscard]] int index() const { return index_; }
  [[nodiscard]] const std::string& name() const { return office_.node(); }
  [[nodiscard]] std::uint64_t start_number() const { return start_; }
  [[nodiscard]] std::set<std::string> hears() const { return peers_.hears(); }
  void after(std::int64_t delay, world::event e);
  /// What happens there, and what follows here; `failed` instead when no answer comes.
  using elsewhere = std::function<world::event()>;
  void ask_kafka(elsewhere what, world::event failed);
  void ask_directory(elsewhere what, world::event failed);
  /// Writes a file step by step, each at its own time.
  void write_file(std::string name, std::string bytes, std::function<void(bool)> done);
  /// Checked; errors: unavailable, not_found, store_corrupt.
  void read_file(cluster::file_ref f, std::function<void(result<std::string>)> done);
  [[nodiscard]] std::string new_name(const cluster::fence& by, std::uint64_t checkpoint, cluster::file_kind kind,
                                     cluster::key_range range);
  /// Markers of these slots, up to the end.
  void read_markers(std::vector<cluster::slot_id> slots, std::function<void(std::map<cluster::slot_id, marker>)> done);
  /// The newest complete checkpoint's, when it was read; null before.
  [[nodiscard]] std::shared_ptr<const cluster::cluster_manifest> manifest() const { return manifest_; }
  [[nodiscard]] node_status status() const;

  // --- messages
  void on_keep_alive(const node_status& s, bool leads, const cluster::fence& by, bool go);
  void on_look();
  void on_barrier(const cluster::fence& by, std::uint64_t checkpoint, bool final_barrier);
  void on_closed(const cluster::fence& by, std::uint64_t checkpoint);
  void on_frame(const cluster::fence& by, int partition, std::uint64_t sequence, const frame& f);
  void on_ack(const cluster::fence& by, std::uint64_t checkpoint, const contribution& c,
              const std::vector<cluster::prepared_chunk>& chunks);
  void on_declined(const cluster::fence& by, std::uint64_t checkpoint, const participant_id& who);

 private:
  void take(took done) override;
  void append(const std::vector<cluster::control_entry>& entries, appended done) override;
  void read(std::uint64_t from, read_back done) override;
  void read_until(std::uint64_t from, std::uint64_t target, read_back done);
  void deliver(world::event e);
  void tick();
  void tick_in(std::int64_t delay);
  void poll_group();
  void say_alive();
  void watch_lead(bool was_frozen);
  void give_up_lead();
  void react();
  void load_manifest();
  void react_to_assignment(const cluster::job_state& job);
  [[nodiscard]] bool takes_part(const cluster::job_state& job) const;
  bool obeys(const cluster::fence& by);

  site* site_;
  int index_;
  local_disk disk_;
  std::uint64_t start_;
  state state_ = state::running;
  std::deque<world::event> stalled_;
  bool tick_stalled_ = false;
  cluster::control_office office_;
  cluster::log_authority authority_;
  cluster::fence_gate gate_;
  cluster::peer_watch peers_;
  cluster::lead_watch lead_;
  int epoch_ = 0;
  std::uint64_t generation_ = 0;
  std::int64_t kafka_answered_, directory_answered_, leader_heard_, rests_until_ = 0;
  std::map<std::string, std::pair<std::uint64_t, std::int64_t>> seen_alive_; ///< Offset of the sign, and when it was read.
  std::uint64_t beat_ = 0;
  std::uint64_t manifest_of_ = 0; ///< The checkpoint whose manifest is being read.
  std::shared_ptr<const cluster::cluster_manifest> manifest_;
  std::shared_ptr<leader> leader_;
  std::shared_ptr<worker> worker_;
  std::map<cluster::slot_id, std::shared_ptr<slot_publisher>> publishers_;
};

} // namespace weir::simulation
