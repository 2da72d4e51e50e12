// Random operations against a std::map as the truth, with a crash possible after any storage call. A failing seed is in the
// message; WEIR_SEEDS scales how many run, WEIR_SEED runs one.
#include <cstdlib>
#include <map>
#include <random>
#include "tests/catch.hpp"
#include "tests/state/model_store.hpp"
#include "tests/storage/temporary_directory.hpp"

using namespace weir;

namespace {

constexpr std::uint16_t groups = 5;
constexpr unsigned most_retained = 3;

struct failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class T>
T must(result<T> r) {
  if (!r)
    throw failure("error " + r.err().message);
  return std::move(*r);
}

void expect(bool ok, const std::string& what) {
  if (!ok)
    throw failure(what);
}

using value_truth = std::map<std::pair<std::uint16_t, std::string>, std::string>;
using ordered_truth = std::map<std::tuple<std::uint16_t, std::int64_t, std::string>, std::string>;
struct truth {
  value_truth values;
  ordered_truth ordered;
};

class model_run {
 public:
  model_run(std::uint64_t seed, std::unique_ptr<model_store> store) : random_(seed), store_(std::move(store)) {
    long_keys_ = pick(20) == 0;
    restore();
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i)
      step();
    crash();
    compare_all();
  }

 private:
  struct running_task {
    std::unique_ptr<task_state> state;
    state_handle values, ordered;
    std::uint16_t first = 0, last = 0;
    std::uint64_t staged = 0; ///< Chunks.
    std::uint64_t frozen = 0;
    bool drained = true;
    std::uint64_t end = 0;                                         ///< Of the attempt's chunks, once drained.
    std::vector<std::pair<std::uint64_t, std::uint64_t>> complete; ///< (checkpoint, freeze) not told as applied.
  };

  std::uint64_t pick(std::uint64_t n) { return random_() % n; }
  std::string key() {
    auto k = std::string(1, static_cast<char>('a' + pick(6)));
    return long_keys_ && k > "c" ? k + std::string(600, 'x') + k : k;
  }
  timestamp time() { return {static_cast<std::int64_t>(pick(12)) - 3}; }
  std::string value() { return std::string(pick(8) == 0 ? 200 + pick(300) : pick(12), static_cast<char>('0' + pick(10))); }
  running_task& task_of(std::uint16_t group) {
    for (auto& t : tasks_)
      if (group >= t.first && group <= t.last)
        return t;
    throw failure("no task");
  }

  void restore() {
    tasks_.clear();
    auto parallelism = 1 + pick(3);
    for (std::uint64_t i = 0; i < parallelism; ++i) {
      running_task t;
      t.first = static_cast<std::uint16_t>(i * groups / parallelism);
      t.last = static_cast<std::uint16_t>((i + 1) * groups / parallelism - 1);
      task_state_options o;
      o.first_key_group = t.first;
      o.last_key_group = t.last;
      constexpr std::size_t limits[] = {0, 0, 4000, std::size_t{1} << 20};
      o.memory_limit = limits[pick(4)];
      if (pick(2))
        o.read_chunk = store_->chunk_reader(static_cast<int>(i));
      t.state = make_task_state(o, store_->reader());
      store_->read_unapplied([&](std::uint64_t k, std::string_view chunk) { must(t.state->load_pending(chunk, k)); });
      t.values = must(t.state->declare({"op", "values", state_kind::value, "1"}));
      t.ordered = must(t.state->declare({"op", "ordered", state_kind::ordered, "1"}));
      tasks_.push_back(std::move(t));
    }
  }

  void crash() {
    attempt_.reset();
    tasks_.clear(); // Readers end before the store does.
    store_->crash();
    go_back_perhaps();
    now_ = complete_;
    restore();
  }

  /// As recovery does when the newest checkpoint is damaged.
  void go_back_perhaps() {
    auto list = store_->restorable();
    expect(list.empty() ? at_.empty() : list.front() == at_.rbegin()->first, "the newest checkpoint is not restorable");
    if (list.size() < 2 || pick(3))
      return;
    auto to = list[1 + pick(list.size() - 1)];
    store_->fall_back(to);
    expect(store_->restorable().front() == to, "newest checkpoint after going back");
    at_.erase(at_.upper_bound(to), at_.end());
    complete_ = at_.at(to);
  }

  void step() {
    auto group = static_cast<std::uint16_t>(pick(groups));
    auto& t = task_of(group);
    switch (pick(24)) {
      case 0:
      case 1:
      case 2: {
        auto k = key(), v = value();
        must(t.state->put(t.values, group, k, v));
        now_.values[{group, k}] = v;
        break;
      }
      case 3:
      case 4: {
        auto k = key();
        must(t.state->erase(t.values, group, k));
        now_.values.erase({group, k});
        break;
      }
      case 5:
      case 6:
        check_get(t, group, key());
        break;
      case 7:
      case 8:
      case 9: {
        auto k = key(), v = value();
        auto at = time();
        must(t.state->put(t.ordered, group, at, k, v));
        now_.ordered[{group, at.us, k}] = v;
        break;
      }
      case 10:
      case 11: {
        auto k = key();
        auto at = time();
        must(t.state->erase(t.ordered, group, at, k));
        now_.ordered.erase({group, at.us, k});
        break;
      }
      case 12:
        check_get(t, group, time(), key());
        break;
      case 13:
        check_scan(t, group);
        break;
      case 14:
        check_first(t, group, pick(3) ? time() : min_timestamp);
        break;
      case 15: {
        auto until = pick(20) == 0 ? max_timestamp : timestamp{time().us - 3};
        must(t.state->drop_until(t.ordered, group, until));
        std::erase_if(now_.ordered, [&](auto& e) { return std::get<0>(e.first) == group && std::get<1>(e.first) <= until.us; });
        break;
      }
      case 16:
        begin_attempt();
        break;
      case 17:
      case 18:
        drain(tasks_[pick(tasks_.size())]);
        break;
      case 19:
        end_attempt();
        break;
      case 20:
        newest_applied_ = std::max(newest_applied_, store_->apply_slice());
        if (pick(10) == 0)
          crash();
        break;
      case 21:
        tell_applied(tasks_[pick(tasks_.size())]);
        break;
      case 22:
        end_batch(tasks_[pick(tasks_.size())]);
        break;
      case 23:
        if (pick(6) == 0)
          crash();
        else if (pick(4) == 0)
          compare_all();
        break;
    }
  }

  void begin_attempt() {
    if (attempt_ && pick(3))
      return;
    if (attempt_)
      store_->close(*attempt_); // Perhaps before everything was drained.
    attempt_ = ++last_number_;
    at_attempt_ = now_;
    for (auto& t : tasks_) {
      t.frozen = t.state->freeze();
      t.drained = false;
    }
  }

  void stage(running_task& t, const delta_chunk& c) {
    auto n = store_->stage(static_cast<int>(&t - tasks_.data()), c.bytes);
    expect(n == t.staged, "chunk number");
    ++t.staged;
  }

  void drain(running_task& t) {
    if (t.drained)
      return;
    if (auto chunk = t.state->drain(1 + pick(300))) {
      expect(chunk->freeze <= t.frozen, "freeze of a chunk");
      stage(t, *chunk);
      return;
    }
    t.drained = true;
    t.end = t.staged;
  }

  void end_attempt() {
    if (!attempt_)
      return;
    if (pick(5) == 0) {
      store_->close(*attempt_);
      attempt_.reset();
      return;
    }
    std::vector<std::uint64_t> ends;
    for (auto& t : tasks_) {
      while (!t.drained)
        drain(t);
      ends.push_back(t.end);
    }
    store_->complete(*attempt_, ends);
    for (auto& t : tasks_)
      t.complete.emplace_back(*attempt_, t.frozen);
    complete_ = at_attempt_;
    at_[*attempt_] = at_attempt_;
    attempt_.reset();
    if (pick(10) == 0)
      crash();
  }

  void tell_applied(running_task& t) {
    if (newest_applied_ == 0)
      return;
    t.state->applied_checkpoint(newest_applied_ - 1);
    std::uint64_t freeze = 0;
    for (auto& [k, f] : t.complete)
      if (k < newest_applied_)
        freeze = std::max(freeze, f);
    if (freeze)
      t.state->applied(freeze);
  }

  void end_batch(running_task& t) {
    t.state->end_batch();
    if (pick(2))
      return;
    while (auto chunk = t.state->take_spill()) {
      stage(t, *chunk);
      t.state->spill_stored(t.staged - 1);
    }
    t.state->end_batch();
  }

  void check_get(running_task& t, std::uint16_t group, const std::string& k) {
    auto it = now_.values.find({group, k});
    auto got = must(t.state->get(t.values, group, k));
    expect(got.has_value() == (it != now_.values.end()), "presence of " + k.substr(0, 3) + " in " + std::to_string(group));
    expect(!got || *got == it->second, "value of " + k.substr(0, 3));
  }

  void check_get(running_task& t, std::uint16_t group, timestamp at, const std::string& k) {
    auto it = now_.ordered.find({group, at.us, k});
    auto got = must(t.state->get(t.ordered, group, at, k));
    expect(got.has_value() == (it != now_.ordered.end()), "presence at a time");
    expect(!got || *got == it->second, "value at a time");
  }

  void check_first(running_task& t, std::uint16_t group, timestamp from) {
    auto it = now_.ordered.lower_bound({group, from.us, ""});
    auto got = must(t.state->first_time(t.ordered, group, from));
    bool there = it != now_.ordered.end() && std::get<0>(it->first) == group;
    expect(got.has_value() == there, "presence of a first time from " + std::to_string(from.us) + " in " + std::to_string(group));
    expect(!got || got->us == std::get<1>(it->first), "first time");
  }

  void check_scan(running_task& t, std::uint16_t group) {
    auto from = time(), until = pick(4) ? timestamp{from.us + static_cast<std::int64_t>(pick(8))} : max_timestamp;
    auto after = pick(2) ? key() : std::string();
    auto limit = 1 + pick(10);
    auto it = after.empty() ? now_.ordered.lower_bound({group, from.us, ""}) : now_.ordered.upper_bound({group, from.us, after});
    std::uint64_t seen = 0;
    must(t.state->scan(t.ordered, group, from, after, until, [&](timestamp at, std::string_view k, std::string_view v) {
      expect(it != now_.ordered.end() && it->first == std::tuple(group, at.us, std::string(k)) && it->second == v, "scan");
      ++it;
      return ++seen < limit;
    }));
    expect(seen == limit || it == now_.ordered.end() || std::get<0>(it->first) != group || std::get<1>(it->first) > until.us,
           "scan ended early");
  }

  void compare_all() {
    for (std::uint16_t group = 0; group < groups; ++group) {
      auto& t = task_of(group);
      value_truth seen;
      must(t.state->for_each(t.values, group, [&](std::string_view k, std::string_view v) {
        expect(seen.emplace(std::pair{group, std::string(k)}, v).second, "a key twice");
        return true;
      }));
      value_truth mine;
      for (auto& e : now_.values)
        if (e.first.first == group)
          mine.insert(e);
      expect(seen == mine, "all values of group " + std::to_string(group));
      ordered_truth all, mine_ordered;
      must(t.state->scan(t.ordered, group, min_timestamp, "", max_timestamp,
                         [&](timestamp at, std::string_view k, std::string_view v) {
                           all.emplace(std::tuple(group, at.us, std::string(k)), v);
                           return true;
                         }));
      for (auto& e : now_.ordered)
        if (std::get<0>(e.first) == group)
          mine_ordered.insert(e);
      expect(all == mine_ordered, "all ordered entries of group " + std::to_string(group));
      check_first(t, group, min_timestamp);
    }
  }

  std::mt19937_64 random_;
  std::unique_ptr<model_store> store_;
  bool long_keys_ = false;
  std::vector<running_task> tasks_;
  truth now_, at_attempt_, complete_;
  std::map<std::uint64_t, truth> at_; ///< Every complete checkpoint that was not gone back behind.
  std::optional<std::uint64_t> attempt_;
  std::uint64_t last_number_ = 0;
  std::uint64_t newest_applied_ = 0;
};

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  auto* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

template <class MakeStore>
void run_seeds(std::uint64_t count, MakeStore make) {
  auto one = from_environment("WEIR_SEED", 0);
  for (auto seed = one ? one : 1; seed <= (one ? one : count); ++seed) {
    try {
      model_run run(seed, make(seed));
      run.run(400);
    } catch (const std::exception& e) {
      FAIL("seed " << seed << ": " << e.what());
    }
  }
  SUCCEED("all seeds");
}

} // namespace

TEST_CASE("the state engine answers like a map through checkpoints, spills, evictions, crashes, going back and rescaling") {
  run_seeds(from_environment("WEIR_SEEDS", 10'000),
            [](std::uint64_t seed) { return make_memory_store(1 + seed % most_retained, 1 + static_cast<unsigned>(seed % 7)); });
}

TEST_CASE("the state engine on LMDB answers like a map through the same") {
  temporary_directory dir;
  run_seeds(std::max<std::uint64_t>(1, from_environment("WEIR_SEEDS", 10'000) / 50),
            [&](std::uint64_t seed) { return make_lmdb_store(dir.path + "/" + std::to_string(seed), 1 + seed % most_retained); });
}
