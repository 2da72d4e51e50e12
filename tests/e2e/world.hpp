#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/judge.hpp"
#include "tests/e2e/orders.hpp"
#include "tests/e2e/scene.hpp"

namespace weir::e2e {

/// Where a service runs in a test: its topics, its configuration, and how to see what it wrote. One run each.
/// Everything throws std::runtime_error when the surroundings fail.
class world {
 public:
  explicit world(const scene& s) : scene_(s) {}
  virtual ~world() = default;
  /// The configuration file that is run, and the environment it is run with.
  [[nodiscard]] virtual std::filesystem::path config() const = 0;
  [[nodiscard]] virtual std::map<std::string, std::string> environment() const = 0;
  /// Appends to the input; returns when it is there.
  virtual void produce(const std::vector<input_line>& lines) = 0;
  /// Appends to the topic of an opening or a companion's input; returns when it is there.
  virtual void produce_to(const scene::topic& where, const std::string& key_field, const std::vector<input_line>& lines) = 0;
  /// As produce, by `weir log produce` that is killed at `fail_point`: all of the records are there, or none of them. Returns
  /// whether they are. Throws std::runtime_error if it is not killed or if a part of them is there.
  virtual bool produce_killed(const std::vector<input_line>& lines, const std::string& fail_point) = 0;
  /// Input and output as a read_committed reader sees them, and the partitions with an open transaction.
  virtual world_facts read_all() = 0;
  /// Adds the topics of the companions.
  virtual void read_companions(world_facts& facts) = 0;
  /// The same of order-totals.
  run_facts read() { return order_facts(read_all()); }
  /// The folder of the job's store.
  [[nodiscard]] std::filesystem::path store() const;
  /// Removes it, and those of the job's shards.
  void lose_store() const;
  /// Takes away what the run left.
  virtual void clean_up() = 0;

 protected:
  [[nodiscard]] const scene& scene_of_world() const { return scene_; }

 private:
  const scene& scene_;
};

/// On the embedded log in `folder`; `weir` is the program. Input comes and output goes by `weir log`.
std::unique_ptr<world> make_log_world(const std::filesystem::path& weir, const std::filesystem::path& source,
                                      const std::filesystem::path& folder, const scene& s = order_totals_scene());

/// On a Kafka broker, with topics and a namespace named after `name`; state in `folder`.
std::unique_ptr<world> make_kafka_world(const std::string& brokers, const std::filesystem::path& source,
                                        const std::filesystem::path& folder, const std::string& name,
                                        const scene& s = order_totals_scene());

/// How many partitions the input has.
inline constexpr std::int32_t input_partitions = 4;

inline void world::lose_store() const {
  const auto job = store().filename().string();
  std::vector<std::filesystem::path> lost;
  for (const auto& entry : std::filesystem::directory_iterator(store().parent_path()))
    if (const auto name = entry.path().filename().string(); name == job || name.starts_with(job + "."))
      lost.push_back(entry.path());
  for (const auto& path : lost)
    std::filesystem::remove_all(path);
}

inline std::filesystem::path world::store() const {
  return std::filesystem::path(environment().at("WEIR_DATA")) / "store" / (scene_.job.empty() ? scene_.service : scene_.job);
}

} // namespace weir::e2e
