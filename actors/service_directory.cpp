#include "actors/service_directory.hpp"
#include <weir/graph/plan.hpp>

namespace weir {

void service_directory::announce(const std::string& service, const service_shard& shard) {
  std::lock_guard lock(mutex_);
  services_.try_emplace(service);
  if (!shard.whole())
    shards_[shard.service] = shard.of;
}

void service_directory::set(const std::string& service, std::vector<caf::actor> tasks, std::uint32_t max_parallelism) {
  std::lock_guard lock(mutex_);
  services_[service] = {std::move(tasks), max_parallelism};
}

void service_directory::clear(const std::string& service) {
  std::lock_guard lock(mutex_);
  services_[service].tasks.clear();
}

void service_directory::set_relay(caf::actor relay) {
  std::lock_guard lock(mutex_);
  relay_ = std::move(relay);
}

void service_directory::name_shard(ask_message& m) const {
  std::lock_guard lock(mutex_);
  if (auto found = shards_.find(m.service); found != shards_.end())
    m.service = shard_name(m.service, m.topic_hash % found->second);
}

service_directory::owner service_directory::find(ask_message& m) const {
  name_shard(m);
  {
    std::lock_guard lock(mutex_);
    if (relay_ && !services_.contains(m.service))
      return {relay_, std::nullopt};
  }
  return find_here(m.service, m.key_hash);
}

service_directory::owner service_directory::find_here(ask_message& m) const {
  name_shard(m);
  return find_here(m.service, m.key_hash);
}

service_directory::owner service_directory::find_here(const std::string& service, std::uint64_t key_hash) const {
  std::lock_guard lock(mutex_);
  auto found = services_.find(service);
  if (found == services_.end())
    return {nullptr, ask_error{ask_errc::no_service, "no actor service '" + service + "' runs here"}};
  const auto& e = found->second;
  if (e.tasks.empty())
    return {nullptr, ask_error{ask_errc::unavailable, "service '" + service + "' is starting, restarting or stopped"}};
  auto task = task_of(key_group_of(key_hash, e.max_parallelism), e.max_parallelism, static_cast<std::uint32_t>(e.tasks.size()));
  return {e.tasks[task], std::nullopt};
}

} // namespace weir
