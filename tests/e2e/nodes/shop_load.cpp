#include "tests/e2e/nodes/shop_load.hpp"

#include <chrono>
#include <stdexcept>
#include <utility>

#include "tests/e2e/nodes/cluster_of_nodes.hpp"
#include "tests/e2e/shop.hpp"

namespace weir::e2e {
namespace {

using namespace std::chrono_literals;

constexpr unsigned keys = 40;
constexpr std::size_t orders_at_once = 8, others_at_once = 8;
constexpr auto pace = 250ms;
/// So that a window of a minute ends every few seconds.
constexpr std::int64_t order_step_ms = 2'000;

} // namespace

shop_load::shop_load(const std::string& brokers, const std::filesystem::path& source, const std::filesystem::path& folder,
                     const std::string& name, std::uint64_t seed, unsigned shards)
    : scene_(shop_scene()),
      shards_(shards),
      world_(make_kafka_world(brokers, source, folder, name, scene_)),
      services_(with_shards(world_->config(), scene_, shards, folder / "services.json")),
      environment_(world_->environment()),
      orders_(std::make_unique<shop_order_maker>(seed, keys, order_step_ms)) {
  environment_.insert(scene_.environment.begin(), scene_.environment.end());
  environment_["CHECKPOINT_INTERVAL"] = "200ms";
  for (const auto& c : scene_.companions)
    others_.push_back(c.make_input ? c.make_input(seed, keys) : nullptr);
}

shop_load::~shop_load() { stop(); }

void shop_load::open() {
  for (const auto& o : scene_.openings)
    world_->produce_to(o.where, o.key_field, o.make(keys));
}

void shop_load::start() {
  thread_ = std::thread([this] {
    for (auto next = std::chrono::steady_clock::now(); !stop_; std::this_thread::sleep_until(next += pace))
      try {
        place();
      } catch (const std::runtime_error& e) {
        const std::lock_guard lock(mutex_);
        failure_ = e.what();
      }
  });
}

std::string shop_load::stop() {
  stop_ = true;
  if (thread_.joinable())
    thread_.join();
  const std::lock_guard lock(mutex_);
  return failure_;
}

void shop_load::place() {
  world_->produce(orders_->next(orders_at_once));
  for (std::size_t i = 0; i < others_.size(); ++i)
    if (others_[i])
      world_->produce_to(scene_.companions[i].input, scene_.companions[i].key_field, others_[i]->next(others_at_once));
}

bool shop_load::reached(const std::function<bool(const world_facts&)>& done) {
  try {
    return done(world_->read_all());
  } catch (const std::runtime_error&) {
    return false; // A topic that no service has made yet.
  }
}

std::map<std::string, topic_owner> shop_load::owners() const {
  std::map<std::string, topic_owner> out;
  struct row {
    const char* variable;
    const char* service;
    bool divided = false, by_its_key = false;
  };
  for (const auto& r : {row{"SHOP_RESERVATIONS", "inventory", true}, row{"SHOP_STOCK", "inventory", true, true},
                        row{"SHOP_RESULTS", "inventory", true}, row{"SHOP_PAYMENTS", "payments", true},
                        row{"SHOP_ACCOUNTS", "payments", true, true}, row{"SHOP_NOTIFICATIONS", "notifier", true, true},
                        row{"TOTALS_TOPIC", "order-totals"}, row{"ALERTS_TOPIC", "fraud-detection", true, true},
                        row{"SESSIONS_TOPIC", "click-sessions"}, row{"TOP_PAGES_TOPIC", "click-sessions"}})
    if (shards_ == 1 || !r.divided || r.by_its_key)
      out[environment_.at(r.variable)] = {r.service, r.divided ? shards_ : 1};
  return out;
}

} // namespace weir::e2e
