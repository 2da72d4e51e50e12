#pragma once
#include <caf/all.hpp>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>
#include <weir/services/ask.hpp>

namespace weir {

/// Where the keys of this process's actor services live. Any thread.
class service_directory {
 public:
  /// The service, or this shard of one, exists; its tasks may be down.
  void announce(const std::string& service, const service_shard& shard = {});
  /// Its tasks by subtask, while an attempt runs; none behind it.
  void set(const std::string& service, std::vector<caf::actor> tasks, std::uint32_t max_parallelism);
  void clear(const std::string& service);

  /// Who takes asks of services that are not of this runtime; null: nobody, and there are none.
  void set_relay(caf::actor relay);

  struct owner {
    caf::actor task;
    std::optional<ask_error> missing; ///< Why there is none.
  };
  /// Who takes the ask. One of a service whose shards are known here then names the shard of its key.
  [[nodiscard]] owner find(ask_message& m) const;
  /// The same, of services of this runtime only.
  [[nodiscard]] owner find_here(ask_message& m) const;
  [[nodiscard]] owner find_here(const std::string& service, std::uint64_t key_hash) const;

 private:
  struct entry {
    std::vector<caf::actor> tasks;
    std::uint32_t max_parallelism = 128;
  };
  void name_shard(ask_message& m) const;

  mutable std::mutex mutex_;
  std::map<std::string, entry> services_;
  std::map<std::string, std::uint32_t> shards_; ///< How many, by service.
  caf::actor relay_;
};

} // namespace weir
