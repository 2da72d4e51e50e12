#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace weir::e2e {

/// A network between tun devices that loses, delays, reorders and cuts IP packets by rules for each ordered pair of ends. The
/// same seed throws the same dice; which packet they fall on is up to the senders.
class lossy_link {
 public:
  struct rule {
    bool cut = false;   ///< Nothing passes.
    double loss = 0;    ///< The part of the packets that is lost.
    double reorder = 0; ///< The part that comes 30 ms later than it would.
    std::chrono::milliseconds delay{0};
  };
  struct end {
    std::string address;
    int tun = -1; ///< Not blocking; stays the caller's.
  };

  lossy_link(std::vector<end> ends, std::uint64_t seed);
  ~lossy_link();
  lossy_link(const lossy_link&) = delete;
  lossy_link& operator=(const lossy_link&) = delete;

  /// From now on, one way, by address.
  void set(const std::string& from, const std::string& to, rule r);
  /// The same for every pair.
  void set_all(rule r);

  struct counts {
    std::uint64_t passed = 0, lost = 0, cut = 0, late = 0;
  };
  [[nodiscard]] counts counted() const;

 private:
  using clock = std::chrono::steady_clock;
  struct packet {
    int to = -1;
    std::vector<char> bytes;
  };

  void work();
  void take(std::size_t from);
  void pass_due();

  std::vector<end> ends_;
  std::map<std::uint32_t, std::size_t> by_address_; ///< In the order of the network.
  mutable std::mutex mutex_;
  std::vector<std::vector<rule>> rules_; ///< By sender, then by receiver.
  counts counts_;
  std::multimap<clock::time_point, packet> delayed_; ///< Only the thread's.
  std::mt19937_64 random_;
  int stop_[2] = {-1, -1};
  std::thread thread_;
};

} // namespace weir::e2e
