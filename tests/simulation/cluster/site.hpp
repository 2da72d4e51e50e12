#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>
#include <weir/cluster/manifest.hpp>
#include "tests/simulation/broker.hpp"
#include "tests/simulation/cluster/cloud.hpp"
#include "tests/simulation/process.hpp"
#include "tests/simulation/store.hpp"

namespace weir::simulation {

class node;

inline const std::string cluster_job = "job";
inline const std::string cluster_connection = "main";

/// Where nodes live: what they share, what lies between them, and who watches that nothing forbidden happens.
class site {
 public:
  virtual ~site() = default;
  virtual world& in() = 0;
  virtual control_topic& control() = 0;
  virtual broker& kafka() = 0;
  virtual directory& files() = 0;
  virtual const input_log& input() = 0;
  [[nodiscard]] virtual int nodes() const = 0;
  [[nodiscard]] virtual std::uint32_t ranges() const = 0;
  [[nodiscard]] virtual std::uint32_t capacity_of(int node) const = 0;

  [[nodiscard]] virtual bool cut_from_kafka(int node) const = 0;
  [[nodiscard]] virtual bool cut_from_directory(int node) const = 0;
  virtual bool lost_request() = 0;
  /// Each transactional id has a coordinator of its own among the brokers: this one's does not answer.
  [[nodiscard]] virtual bool coordinator_away(const std::string& transactional_id) const = 0;
  /// The node is in the middle of something that hurts: it may die or fall asleep right now.
  virtual void moment(int node) = 0;
  using message = std::function<void(node&)>;
  /// Each on its own way: lost, late, overtaken.
  virtual void send(int from, int to, message m) = 0;
  /// In order between two nodes, or lost.
  virtual void send_frame(int from, int to, message m) = 0;
  virtual std::uint64_t random() = 0;

  // --- what must hold
  virtual void restored(const cluster::key_range& range, const table& rows, const cluster::cluster_manifest& from) = 0;
  /// A file that a committed record or its manifest names could not be read.
  virtual void unreadable(const std::string& name, const error& e) = 0;
  virtual void about_to_remove(const std::string& name) = 0;
  virtual void acted(int node, std::uint64_t start, const cluster::fence& by) = 0;
};

/// The cluster's times in milliseconds, the unit of the simulated clock.
cluster::timing timing_in_simulation();

/// What a node's own disk holds of the ranges it has worked on. Written in order; what was not synced may be lost.
struct disk_content {
  struct delta {
    std::string id;
    std::uint64_t checkpoint = 0;
    table rows;
    bool snapshot = false;
  };
  struct range {
    std::optional<std::string> applied;
    table rows;
    std::vector<delta> prepared;
  };
  std::map<cluster::key_range, range> ranges;
};
struct local_disk {
  disk_content now, durable;
  void sync() { durable = now; }
};

std::string encode_rows(const table& rows);
table decode_rows(std::string_view bytes);
std::string encode_output(const std::vector<item>& records);
std::vector<item> decode_output(std::string_view bytes);

} // namespace weir::simulation
