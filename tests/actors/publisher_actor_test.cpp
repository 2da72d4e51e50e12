#include "actors/publisher_actor.hpp"
#include <caf/scoped_actor.hpp>
#include <condition_variable>
#include <mutex>
#include "tests/actors/job_world.hpp"
#include "tests/catch.hpp"

using namespace job_test;
namespace msg = weir::msg;

// The publisher's actor between a store and a supervisor that are the test, without output: what it tells the consumer group.

namespace publisher_actor_test {

using offsets = weir::told_offsets::offsets;

/// Takes down what the group is told.
class group final : public weir::source_connection {
 public:
  weir::result<weir::topic_description> describe(const std::string&) override { return weir::topic_description{}; }
  weir::result<std::int64_t> resolve(const std::string&, std::int32_t, const weir::start_position&) override { return 0; }
  weir::result<std::int64_t> end_offset(const std::string&, std::int32_t) override { return 0; }
  weir::result<std::unique_ptr<weir::partition_reader>> open(const std::string&, std::int32_t, std::int64_t,
                                                             std::function<void()>) override {
    return std::unique_ptr<weir::partition_reader>();
  }
  weir::result<> start() override { return weir::success(); }
  weir::result<> commit_offsets(const std::string&, const offsets& next) override {
    std::lock_guard lock(mutex_);
    told_.push_back(next);
    changed_.notify_all();
    if (told_.size() <= refusals_)
      return weir::error{weir::errc::unavailable, "told to refuse"};
    return weir::success();
  }

  void refuse_first(std::size_t n) { refusals_ = n; }
  /// What was told, once it was told n times.
  std::vector<offsets> told(std::size_t n) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, patience, [&] { return told_.size() >= n; }))
      throw std::runtime_error("the group is not told");
    return told_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<offsets> told_;
  std::size_t refusals_ = 0;
};

struct fixture {
  group connection;
  caf::actor_system_config config;
  caf::actor_system system{config};
  caf::scoped_actor store{system}, supervisor{system};
  caf::actor publisher;

  void spawn(weir::duration again) {
    weir::publisher_options o;
    o.store = caf::actor_cast<caf::actor>(store);
    o.supervisor = caf::actor_cast<caf::actor>(supervisor);
    o.shared = std::make_shared<weir::job_shared>();
    o.topics[{"main", "t"}] = {&connection, {"in"}};
    o.positions = at({{0, 3}, {1, 0}});
    o.commit_again = again;
    publisher = system.spawn<caf::detached>(weir::publisher_actor, o);
  }
  ~fixture() {
    if (!publisher)
      return;
    supervisor->send_exit(publisher, caf::exit_reason::user_shutdown);
    supervisor->wait_for(publisher);
  }
  static std::shared_ptr<msg::source_positions> at(offsets next) {
    auto p = std::make_shared<msg::source_positions>();
    (*p)["in"] = std::move(next);
    return p;
  }
  void complete(std::uint64_t k, offsets next) {
    store->send(publisher, msg::complete{k, at(std::move(next))});
    store->receive([&](const msg::read_outbox& m) { CHECK(m.checkpoint == k); },
                   caf::after(patience) >> [] { throw std::runtime_error("the outbox is not asked for"); });
    store->send(publisher, msg::outbox{k, weir::epoch_output{k, {}}});
    store->receive([&](const msg::published& m) { CHECK(m.what.checkpoint == k); },
                   caf::after(patience) >> [] { throw std::runtime_error("nothing is published"); });
  }
};

TEST_CASE("an idle job tells its consumer group again and again where it stands, also after a failure to tell") {
  fixture f;
  f.connection.refuse_first(2);
  f.spawn(1ms);
  for (const auto& t : f.connection.told(5))
    CHECK(t == offsets{{0, 3}, {1, 0}});
}

TEST_CASE("a job that goes on tells its consumer group what is new behind each epoch, and no more") {
  fixture f;
  f.spawn(12h);
  f.complete(1, {{0, 3}, {1, 0}});
  f.complete(2, {{0, 3}, {1, 0}});
  f.complete(3, {{0, 3}, {1, 7}});
  f.complete(4, {{0, 9}, {1, 8}});
  CHECK(f.connection.told(3) == std::vector<offsets>{{{0, 3}, {1, 0}}, {{1, 7}}, {{0, 9}, {1, 8}}});
}

} // namespace publisher_actor_test
