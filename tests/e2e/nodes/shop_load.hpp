#pragma once
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/nodes/output_watch.hpp"
#include "tests/e2e/scene.hpp"
#include "tests/e2e/world.hpp"

namespace weir::e2e {

/// The shop's topics on a broker and what goes into them: a thread that places orders, charges and clicks, evenly.
class shop_load {
 public:
  shop_load(const std::string& brokers, const std::filesystem::path& source, const std::filesystem::path& folder,
            const std::string& name, std::uint64_t seed, unsigned shards);
  ~shop_load();
  shop_load(const shop_load&) = delete;
  shop_load& operator=(const shop_load&) = delete;

  /// Deliveries and deposits, which come before all orders.
  void open();
  void start();
  /// Returns when no more is placed. What went wrong meanwhile; empty: nothing.
  std::string stop();
  /// Whether the topics say so; false if they cannot be read yet.
  [[nodiscard]] bool reached(const std::function<bool(const world_facts&)>& done);

  /// The services file, with shards if there are some.
  [[nodiscard]] const std::filesystem::path& services() const { return services_; }
  /// How many services and shards it has.
  [[nodiscard]] std::size_t jobs() const { return 6 + scene_.shardable.size() * (shards_ - 1); }
  [[nodiscard]] world& where() { return *world_; }
  [[nodiscard]] const scene& what() const { return scene_; }
  /// Of the processes that run the shop.
  [[nodiscard]] const std::map<std::string, std::string>& environment() const { return environment_; }
  /// By topic of output, whose it is. Of services with shards, the topics that are partitioned by their keys.
  [[nodiscard]] std::map<std::string, topic_owner> owners() const;

 private:
  void place();

  const scene& scene_;
  unsigned shards_;
  std::unique_ptr<world> world_;
  std::filesystem::path services_;
  std::map<std::string, std::string> environment_;
  std::unique_ptr<input_maker> orders_;
  std::vector<std::unique_ptr<input_maker>> others_; ///< By companion; null for one that makes no input.
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::string failure_;
  std::thread thread_;
};

} // namespace weir::e2e
