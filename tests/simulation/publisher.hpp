#pragma once
#include <functional>
#include <optional>
#include <vector>
#include <weir/checkpoint/recovery.hpp>
#include "tests/simulation/broker.hpp"

namespace weir::simulation {

class process;

/// Fences, reads the marker, claims, publishes what is complete. Requests and answers may be late or lost; what follows
/// is decided by the real decide_publish, after_claim_look and after_look.
class publisher {
 public:
  explicit publisher(process& p) : process_(&p) {}

  void start() { fence(); }
  /// Recovery has decided: claim, publish what is left, then the process goes on.
  void recover(const recovery_plan& plan);
  /// There may be something to publish.
  void wake();

 private:
  enum class stage { recovering, claiming, leftovers, running };
  using answer = std::function<void()>;
  using at_broker = std::function<answer(broker&)>;
  /// Sends; without an answer in time, `timed_out`.
  void request(at_broker what, answer timed_out);
  void fence();
  void look(std::optional<std::size_t> target);
  void looked(const std::optional<marker>& found);
  void claim_looked(const std::optional<marker>& found);
  void publish();
  void commit();
  void came_back(publish_outcome outcome);
  void recorded();
  void next();
  void isolate();

  process* process_;
  stage stage_ = stage::recovering;
  bool busy_ = false;
  bool again_ = false;
  int epoch_ = -1;
  std::uint64_t generation_ = 0; // Answers to older requests are not listened to.
  std::int64_t last_arrival_ = 0;
  unsigned attempts_ = 0;
  std::uint64_t from_checkpoint_ = 0, from_ordinal_ = 0;
  recovery_plan::claim claim_;
  marker intended_;
  std::vector<item> records_;
  std::vector<std::pair<std::uint64_t, std::size_t>> places_; // Of records_: epoch and ordinal.
  std::size_t refused_ = 0;                                   // Index in records_.
};

} // namespace weir::simulation
