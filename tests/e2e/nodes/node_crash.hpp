#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/e2e/nodes/cluster_of_nodes.hpp"
#include "tests/e2e/nodes/faults.hpp"
#include "tests/e2e/nodes/isolation.hpp"
#include "tests/e2e/nodes/lossy_link.hpp"
#include "tests/e2e/nodes/output_watch.hpp"
#include "tests/e2e/nodes/shop_load.hpp"

// Rounds of random faults on the shop on three nodes, each judged from outside.

namespace weir::e2e {

struct node_crash_settings {
  std::filesystem::path weir;   ///< The program.
  std::filesystem::path source; ///< The tree with scripts and config.
  std::string broker;           ///< host:port of one that belongs to the test.
  std::string broker_version;
  std::filesystem::path broker_log; ///< What scripts/kafka says.
  int broker_tun = -1;              ///< The broker's end of the network between the nodes; none: everything is on loopback.
  std::chrono::milliseconds whole_within{60'000};
  std::chrono::milliseconds checkpoint_within{30'000}; ///< Under loss or delay.
};

/// scripts/kafka with these words for the broker of the settings. Throws std::runtime_error if it fails.
void order_broker(const node_crash_settings& s, const std::vector<std::string>& words);

/// What came of one fault.
struct fault_row {
  fault what;
  std::string node, leader;                          ///< To whom it happened, and who led before.
  std::chrono::milliseconds at{0};                   ///< Since the round began.
  bool reached = true;                               ///< Its fail point was.
  std::optional<std::chrono::milliseconds> recovery; ///< Until each service of the node had its next output; none: it had none.
  std::chrono::milliseconds whole{0};                ///< From the end of the fault until all nodes and services worked.
  std::chrono::milliseconds silence{0};              ///< The longest without output of any service, from the fault until then.
  std::string silent;                                ///< That service.
  std::vector<std::string> complaints;
};

/// In every second of rounds with seeds in a row another node keeps the store of each service ready.
inline bool with_standby(std::uint64_t seed) { return seed % 2 == 0; }
/// Into how many shards it divides the services that can be divided.
inline unsigned shards_in(std::uint64_t seed) { return seed / 2 % 2 == 0 ? 1 : 2; }

/// A cluster, from its start to the judges. Use once. Everything that it leaves is in `folder`.
class node_crash_round {
 public:
  node_crash_round(const node_crash_settings& s, std::filesystem::path folder, const std::string& name, std::uint64_t seed);
  ~node_crash_round();
  node_crash_round(const node_crash_round&) = delete;

  /// Starts nodes and load; returns when every service has output.
  void begin();
  /// Throws std::runtime_error if the cluster is not whole again in time, or is not what it must be.
  void suffer(const fault& f, fault_row& row);
  /// Ends the load, waits until everything has come to its end, and judges. What is wrong; empty: nothing.
  [[nodiscard]] std::vector<std::string> end();
  [[nodiscard]] std::string counts() const;

 private:
  using clock = std::chrono::steady_clock;
  struct view {
    std::string leader;
    std::set<std::string> able;
    std::map<std::string, std::string> placed, running; ///< By service.
  };

  std::optional<view> look() const;
  void connect(const std::string& node, const std::string& other, bool cut, bool back);
  [[nodiscard]] std::string address_of(const std::string& node) const;
  clock::time_point strike(const fault& f, const std::string& node, fault_row& row, view& at);
  clock::time_point start_armed(const fault& f, const std::string& node, fault_row& row, view& at);
  void heal();
  void complain_of_ends(std::vector<std::string>& complaints);
  void wait_until_whole(clock::time_point since, fault_row& row);
  [[nodiscard]] std::size_t lost_connections() const;
  [[nodiscard]] std::string state() const;
  void judge(std::vector<std::string>& complaints);

  const node_crash_settings& settings_;
  std::filesystem::path folder_;
  shop_load load_;
  std::map<std::string, std::unique_ptr<node_space>> spaces_;
  std::unique_ptr<lossy_link> link_;
  std::unique_ptr<cluster_of_nodes> nodes_;
  std::unique_ptr<output_watch> watch_;
  clock::time_point began_ = clock::now();
};

} // namespace weir::e2e
