#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>
#include <weir/checkpoint/types.hpp>
#include "tests/simulation/world.hpp"

namespace weir::simulation {

/// What the protocol relies on in Kafka: transactions under an id, epochs that fence, and read_committed up to the last
/// stable offset. It judges requests as the real one does, whoever sends them and however late.
class broker {
 public:
  broker(world& w, int partitions) : world_(&w), partitions_(static_cast<std::size_t>(partitions)) {}

  enum class answer { ok, fenced, retriable, refused };
  /// What becomes of a record that is refused: every other one is a dead letter, the rest is dropped.
  static bool becomes_letter(int id) { return id % 2 == 0; }
  /// From now on records with these ids are refused, but not their letters.
  void refuse(std::set<int> ids) { refused_ = std::move(ids); }

  /// init_transactions: raises the id's epoch and aborts what its last holder left open.
  int init(const std::string& id);
  /// With `refused`, `which` is the first record that can never be written.
  answer add(const std::string& id, int epoch, const std::vector<item>& records, std::size_t& which);
  /// Writes the marker in the id's transaction and commits it.
  answer commit(const std::string& id, int epoch, const marker& m);
  void abort(const std::string& id, int epoch);
  /// A transaction of somebody else, with a record in the marker topic, that stays open until `close_foreign`.
  void open_foreign(const std::string& id);
  void close_foreign(const std::string& id);

  struct marker_view {
    std::optional<marker> found; ///< The newest committed below the last stable offset.
    std::size_t last_stable = 0;
    std::size_t high_watermark = 0;
  };
  [[nodiscard]] marker_view read_markers(const std::string& id) const;
  [[nodiscard]] std::vector<item> read_committed(std::size_t partition) const;
  [[nodiscard]] std::size_t partitions() const { return partitions_.size(); }
  [[nodiscard]] bool any_open() const;

 private:
  enum class state { open, committed, aborted };
  struct producer {
    int epoch = -1;
    int transaction = -1; ///< Index of the open one.
  };
  struct output_entry {
    int transaction;
    item record;
  };
  struct marker_entry {
    int transaction;
    std::string id;
    marker mark;
  };
  int open_transaction(producer& p);
  void end(producer& p, state s);
  template <class Log>
  std::size_t last_stable(const Log& log) const {
    for (std::size_t i = 0; i < log.size(); ++i)
      if (transactions_[static_cast<std::size_t>(log[i].transaction)] == state::open)
        return i;
    return log.size();
  }
  [[nodiscard]] bool committed(int transaction) const {
    return transactions_[static_cast<std::size_t>(transaction)] == state::committed;
  }

  world* world_;
  std::set<int> refused_;
  std::map<std::string, producer> producers_;
  std::vector<state> transactions_;
  std::vector<std::vector<output_entry>> partitions_;
  std::vector<marker_entry> markers_;
};

} // namespace weir::simulation
