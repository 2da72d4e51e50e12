#include "tests/simulation/scenario.hpp"

#include "tests/simulation/process.hpp"

namespace weir::simulation {

namespace {

constexpr std::int64_t calm_at = 20'000;
constexpr std::int64_t input_span = 4'000;
constexpr std::int64_t long_span = 8'000;
constexpr std::int64_t dense_percent = 30;
constexpr std::uint64_t most_events = 400'000;

/// What an operator and a supervisor do around the processes: start again, take over a frozen one's store, choose.
class scenario {
 public:
  explicit scenario(std::uint64_t seed) : world_(seed), broker_(world_, 2) {
    auto keys = 3 + world_.below(6);
    // Now and then a lot of input: then there is something on every channel at every moment.
    auto dense = world_.chance(dense_percent);
    auto records = dense ? 300 + world_.below(400) : 20 + world_.below(60);
    auto span = dense ? long_span : input_span;
    input_.resize(static_cast<std::size_t>(1 + world_.below(3)));
    for (int i = 0; i < records; ++i) {
      auto key = static_cast<int>(world_.below(keys));
      ++per_key_[key];
      auto& partition = input_[static_cast<std::size_t>(key) % input_.size()];
      auto from = partition.empty() ? 0 : partition.back().available;
      partition.push_back({{i, key, 0, 0}, from + world_.below(2 * span / records)});
    }
    // In every third run; no chance is drawn, so the others are as they were without it.
    if (seed % 3 == 0)
      for (int i = 0; i < records; ++i)
        if ((static_cast<std::uint64_t>(i) * 7919 + seed) % 11 == 0)
          refused_.insert(i);
    broker_.refuse(refused_);
    first_tasks_ = static_cast<std::size_t>(1 + world_.below(4));
    second_tasks_ = static_cast<std::size_t>(1 + world_.below(2));
  }

  verdict run() {
    store_content fresh;
    fresh.lineage.bytes[0] = 1;
    start(fresh);
    foreign(0);
    world_.at(calm_at, [this] {
      world_.calm();
      // Whatever runs may have options under which nothing ever completes: the last one has sane ones.
      if (main_)
        main_->exit(process::end::killed);
    });
    std::uint64_t events = 0;
    while (world_.wrong().empty() && world_.step())
      if (++events > most_events)
        world_.wrong("no end: the job does not come through");
    if (world_.wrong().empty())
      judge();
    return {world_.wrong(), world_.probes()};
  }

 private:
  process_options options() {
    process_options o;
    o.first_tasks = first_tasks_;
    o.second_tasks = second_tasks_;
    o.checkpoint.interval = duration{100 + world_.below(300)};
    o.checkpoint.min_pause = duration{world_.below(2) * world_.below(100)};
    if (world_.calmed()) {
      o.checkpoint.timeout = duration{100'000};
      o.slow_links_percent = 0;
      return o;
    }
    o.checkpoint.timeout = duration{100 + world_.below(600)};
    o.checkpoint.tolerated_failures = world_.chance(20) ? 1 : 1'000;
    o.slow_links_percent = static_cast<int>(world_.below(50));
    o.snapshot_fails_in_million = world_.chance(70) ? 15'000 : 100'000;
    o.lost_in_million = world_.chance(70) ? 10'000 : world_.chance(70) ? 80'000 : 300'000;
    if (world_.chance(60))
      o.crash_after = 1 + world_.below(1'500);
    else if (world_.chance(40))
      o.freeze_after = 1 + world_.below(1'500);
    o.frozen_when_unknown_percent = world_.chance(20) ? 50 : 0;
    o.killed_behind_complete_percent = world_.chance(20) ? 10 : 0;
    o.killed_behind_cancel_percent = 90;
    if (world_.chance(15))
      o.stop_at = world_.below(3'000);
    return o;
  }

  void start(const store_content& content) {
    main_.reset();
    auto holder = std::make_shared<std::weak_ptr<process>>();
    auto p = std::make_shared<process>(
        world_, broker_, input_, content, options(), [this, holder](process::end how) { ended(holder->lock(), how); },
        [this, holder] { frozen(holder->lock()); });
    *holder = p;
    main_ = p;
    p->start();
  }

  void restart(const store_content& content) {
    world_.after(20 + world_.below(200), [this, content] { start(content); });
  }

  void ended(const std::shared_ptr<process>& p, process::end how) {
    auto content = p->disk().content();
    if (p != main_) {
      // One that was frozen and taken over.
      world_.probe(how == process::end::fenced ? "zombie fenced" : "zombie ended otherwise");
      if (how == process::end::ended)
        finished_ = true;
      zombies_.erase(p);
      left_.push_back(content);
      return;
    }
    main_.reset();
    switch (how) {
      case process::end::ended:
        finished_ = true;
        return start_left();
      case process::end::refused:
        world_.probe("refused");
        if (finished_)
          return start_left();
        // Somebody woke before we claimed and is the owner again: go on with what it left, when it has ended.
        return take_back();
      case process::end::fenced:
        world_.probe("successor fenced before its claim");
        break;
      case process::end::stopped:
        world_.probe("stopped and started again");
        break;
      case process::end::killed:
      case process::end::failed:
        break;
    }
    restart(content);
  }

  void take_back() {
    if (!zombies_.empty()) {
      world_.after(500, [this] { take_back(); });
      return;
    }
    if (finished_)
      return start_left();
    if (left_.empty())
      return world_.wrong("a store was refused and there is no other");
    auto content = left_.back();
    left_.pop_back();
    world_.probe("store of the frozen one taken back");
    start(content);
  }

  /// At the end somebody starts the stores that are left: they must be refused, or do no harm.
  void start_left() {
    if (left_.empty())
      return;
    auto content = left_.back();
    left_.pop_back();
    world_.probe("old store started again");
    start(content);
  }

  void frozen(const std::shared_ptr<process>& p) {
    world_.probe("frozen and taken over");
    zombies_.insert(p);
    restart(p->disk().copy());
    main_.reset();
    // Soon: while the successor recovers.
    world_.after(world_.below(world_.chance(50) ? 800 : 4'000), [p] { p->wake(); });
  }

  void foreign(int serial) {
    if (world_.calmed() || world_.now() > calm_at - 2'000)
      return;
    auto id = "foreign." + std::to_string(serial);
    broker_.open_foreign(id);
    world_.after(1 + world_.below(800), [this, id] { broker_.close_foreign(id); });
    world_.after(100 + world_.below(4'000), [this, serial] { foreign(serial + 1); });
  }

  void judge() {
    if (!finished_)
      return world_.wrong("the job did not end");
    if (broker_.any_open())
      return world_.wrong("a transaction is open");
    std::map<int, int> seen;
    for (std::size_t p = 0; p < broker_.partitions(); ++p)
      for (const auto& r : broker_.read_committed(p)) {
        auto expected = ++seen[r.key];
        // What was dropped left its place.
        for (auto id = nth_of_key(r.key, expected); dropped(id); id = nth_of_key(r.key, expected))
          expected = ++seen[r.key];
        if (r.letter != (refused_.count(r.id) > 0))
          return world_.wrong("record " + std::to_string(r.id) + (r.letter ? " is a dead letter for nothing" : " was refused"));
        if (r.first_count != expected || r.second_count != expected)
          return world_.wrong("key " + std::to_string(r.key) + ": output " + std::to_string(expected) + " says " +
                              std::to_string(r.first_count) + " and " + std::to_string(r.second_count));
        if (nth_of_key(r.key, expected) != r.id)
          return world_.wrong("key " + std::to_string(r.key) + ": record " + std::to_string(r.id) + " is out of order");
      }
    for (auto& [key, n] : per_key_)
      while (seen[key] < n && dropped(nth_of_key(key, seen[key] + 1)))
        ++seen[key];
    if (seen != per_key_)
      world_.wrong("output is missing");
  }

  [[nodiscard]] int nth_of_key(int key, int n) const {
    for (const auto& r : input_[static_cast<std::size_t>(key) % input_.size()])
      if (r.record.key == key && --n == 0)
        return r.record.id;
    return -1;
  }

  [[nodiscard]] bool dropped(int id) const { return refused_.count(id) > 0 && !broker::becomes_letter(id); }

  world world_;
  broker broker_;
  input_log input_;
  std::map<int, int> per_key_;
  std::set<int> refused_; ///< Ids of records that the broker never takes.
  std::size_t first_tasks_ = 1, second_tasks_ = 1;
  std::shared_ptr<process> main_;
  std::set<std::shared_ptr<process>> zombies_;
  std::vector<store_content> left_;
  bool finished_ = false;
};

} // namespace

verdict run_seed(std::uint64_t seed) { return scenario{seed}.run(); }

} // namespace weir::simulation
