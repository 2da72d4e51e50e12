#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>
#include <weir/cluster/control_log.hpp>
#include <weir/cluster/shared_directory.hpp>
#include "tests/simulation/world.hpp"

namespace weir::simulation {

/// The control topic at its broker: a transactional id with epochs, a group with generations and one partition to hold,
/// the last stable offset, compaction. It judges requests as the real one does, whoever sends them and however late.
class control_topic {
 public:
  explicit control_topic(world& w) : world_(&w) {}

  /// A member of the group: a node, and which of its processes.
  struct member {
    std::string node;
    std::uint64_t start = 0;
  };
  struct membership {
    std::uint64_t generation = 0;
    bool holder = false;
  };
  /// A heartbeat; joins who is not in. A new process of a node takes the place of the old one (group.instance.id).
  membership poll(const member& m);
  void leave(const member& m);

  /// init_transactions.
  int take();
  enum class answer { ok, retriable, stale, fenced };
  /// Produces and sends offsets with the member's generation, in the open transaction.
  answer add(int epoch, const member& m, std::uint64_t generation, const std::vector<cluster::control_entry>& entries);
  answer commit(int epoch);
  /// Outside of any transaction.
  void add_plain(const cluster::control_entry& e);

  [[nodiscard]] std::uint64_t high_watermark() const { return log_.size(); }
  [[nodiscard]] std::uint64_t last_stable() const;
  /// Committed records at or above `from` below the last stable offset; what compaction has removed is missing.
  [[nodiscard]] std::vector<cluster::control_entry_at> read(std::uint64_t from);
  /// The same without compaction: for the judge.
  [[nodiscard]] std::vector<cluster::control_entry_at> history() const;
  [[nodiscard]] bool any_open() const { return open_ >= 0; }

 private:
  enum class state { open, committed, aborted };
  struct entry {
    int transaction;
    bool marker; ///< Takes an offset and carries nothing.
    cluster::control_entry what;
  };
  void end(state s);
  void expire();
  [[nodiscard]] bool committed(const entry& e) const {
    return !e.marker && (e.transaction < 0 || transactions_[static_cast<std::size_t>(e.transaction)] == state::committed);
  }
  world* world_;
  std::vector<entry> log_;
  std::vector<state> transactions_;
  int epoch_ = 0;
  int open_ = -1;
  std::int64_t opened_at_ = 0;
  std::uint64_t compacted_below_ = 0;
  struct seat {
    std::uint64_t start = 0;
    std::int64_t heard = 0;
  };
  std::map<std::string, seat> members_;
  std::string holder_;
  std::uint64_t generation_ = 0;
};

/// A directory shared by all nodes: exclusive creation, renames that never replace, writes and names that are gone with
/// the machine that made them unless they were synced.
class directory {
 public:
  explicit directory(world& w) : world_(&w) {}

  /// The machine of `writer` failed.
  void crash(const std::string& writer);
  [[nodiscard]] const std::string* find(const std::string& name) const;

  result<> create(const std::string& writer, const std::string& name, std::string_view bytes);
  result<> sync_file(const std::string& name);
  result<> rename(const std::string& from, const std::string& to);
  result<> sync_names(const std::string& writer);
  [[nodiscard]] std::vector<std::string> list() const;
  result<> remove(const std::string& name);

 private:
  struct file {
    std::string bytes;
    std::string writer;
    bool synced = false;
    bool named = false;
  };
  world* world_;
  std::map<std::string, file> files_;
  std::map<std::string, bool> ever_; ///< Names that were removed: none may come again.
};

} // namespace weir::simulation
