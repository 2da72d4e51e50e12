#include <algorithm>
#include <weir/state/delta_format.hpp>
#include <weir/task/task_core.hpp>
#include "tests/catch.hpp"
#include "tests/state/map_base.hpp"
#include "tests/task/fakes.hpp"

using namespace weir;
using namespace task_test;

// A task core on the real table: what it stages is what a restart needs, whatever happens around a barrier.

namespace {

constexpr std::size_t value_bytes = 10'000;
constexpr std::size_t plenty = std::size_t{1} << 30;

/// "k=v" writes (v is repeated to 10,000 bytes), "k?" answers "k:v" with the first byte of the value, or "k:none".
class keeping_chain : public chain {
 public:
  result<> open(chain_context& ctx) override {
    context_ = &ctx;
    WEIR_ASSIGN(handle_, ctx.state->declare({"keep", "kept", state_kind::value, "v1"}));
    return success();
  }
  result<progress> accept(std::size_t, std::unique_ptr<any_batch> b) override {
    std::vector<std::string> answers;
    for (auto& row : static_cast<batch<std::string>&>(*b).values) {
      if (row.back() != '?') {
        auto is = row.find('=');
        WEIR_TRY(context_->state->put(handle_, 0, row.substr(0, is), std::string(value_bytes, row[is + 1])));
        continue;
      }
      auto key = row.substr(0, row.size() - 1);
      WEIR_ASSIGN(auto value, context_->state->get(handle_, 0, key));
      answers.push_back(key + ":" + (value ? std::string(1, (*value)[value->size() - 1]) : "none"));
    }
    if (!answers.empty())
      context_->output->emit(0, rows(answers));
    return progress::done;
  }
  result<> accept_raw(const record_view&) override { return success(); }
  result<progress> flush_source() override { return progress::done; }
  timestamp source_watermark() const override { return min_timestamp; }
  std::optional<duration> idle_after() const override { return std::nullopt; }
  result<progress> advance(timestamp) override { return progress::done; }
  result<progress> processing_time(timestamp) override { return progress::done; }
  result<std::optional<timestamp>> next_processing_time() override { return std::optional<timestamp>{}; }
  result<progress> resume() override { return progress::done; }
  void save(std::string&) const override {}
  result<> restore(std::string_view) override { return success(); }

 private:
  chain_context* context_ = nullptr;
  state_handle handle_;
};

struct restored {
  std::vector<std::string> chunks;
  std::uint64_t checkpoint = 0;
};

/// A keyed task with one input (10); the store is a vector of chunks, the base a map.
struct keyed_fixture {
  map_base base;
  receiver to;
  fake_host host;
  task_state* state = nullptr;
  std::unique_ptr<task_core> core;

  explicit keyed_fixture(std::size_t memory = plenty, bool may_spill = false, const restored& from = {}) {
    task_state_options o;
    o.memory_limit = memory;
    if (may_spill)
      o.read_chunk = [this](std::uint64_t n) -> result<std::string> { return host.deltas.at(n); };
    task_core::parts p;
    p.who = {"keep", 0};
    p.inputs = {{10, 0}};
    p.output = to.router(routing::forward, 1, std::int64_t{1} << 40);
    p.state = make_task_state(o, base.reader());
    state = p.state.get();
    for (auto& c : from.chunks)
      REQUIRE(p.state->load_pending(c, from.checkpoint).ok());
    p.operators = std::make_unique<keeping_chain>();
    p.host = &host;
    core = std::make_unique<task_core>(std::move(p));
    std::optional<task_snapshot> saved;
    if (from.checkpoint > 0)
      saved.emplace();
    REQUIRE(core->open(saved, from.checkpoint).ok());
  }
  void give(frame f) {
    std::vector<frame> one;
    one.push_back(std::move(f));
    core->deliver(10, std::move(one));
  }
  /// Writes `to` under k0 to k<n - 1>, ten rows a frame.
  void write(int n, char to_value) {
    for (int i = 0; i < n; i += 10) {
      std::vector<std::string> some;
      for (int j = i; j < std::min(n, i + 10); ++j)
        some.push_back("k" + std::to_string(j) + "=" + to_value);
      give(task_test::data(some));
    }
  }
  words work() {
    for (;;) {
      auto r = core->step();
      REQUIRE(r.ok());
      // The store confirms spilled chunks in the order they came.
      for (; confirmed_ < host.deltas.size(); ++confirmed_)
        if (host.spilled[confirmed_])
          core->on_spilled(confirmed_);
      if (*r == task_core::step_result::idle)
        return to.take();
    }
  }
  /// First bytes of the values of k0 to k<n - 1>.
  std::string read(int n) {
    std::string out;
    for (int i = 0; i < n; ++i)
      give(data({"k" + std::to_string(i) + "?"}));
    for (auto& answer : work())
      if (auto colon = answer.find(':'); colon != std::string::npos)
        out += answer.substr(colon + 1);
    return out;
  }
  /// What a task that starts from the chunks up to checkpoint k's end holds.
  std::string after_restart(std::uint64_t k, int n) {
    auto end = static_cast<std::ptrdiff_t>(host.acknowledged.at(k).delta_end);
    keyed_fixture again(plenty, false, {{host.deltas.begin(), host.deltas.begin() + end}, k});
    return again.read(n);
  }
  /// The base takes all chunks up to checkpoint k's end.
  void apply(std::uint64_t k) {
    auto next = base.current();
    for (std::size_t i = 0; i < host.acknowledged.at(k).delta_end; ++i) {
      auto rows = delta_chunk_reader::open(host.deltas[i]);
      REQUIRE(rows.ok());
      while (*rows->next())
        if (rows->action() == row_action::put)
          next[std::string(rows->row_key())] = rows->value();
    }
    base.publish(std::move(next));
  }

 private:
  std::size_t confirmed_ = 0;
};

std::string all(int n, char value) { return std::string(static_cast<std::size_t>(n), value); }

} // namespace

TEST_CASE("what changes while a snapshot is handed over belongs to the next checkpoint, in the task and after a restart") {
  // Two megabytes: several slices, with rows between them.
  keyed_fixture t;
  t.write(200, 'a');
  t.give(barrier_frame{1, false});
  t.write(200, 'b');
  t.work();
  REQUIRE(t.host.acknowledged.count(1) == 1);
  CHECK(t.host.acknowledged[1].delta_end >= 3);
  CHECK(t.host.acknowledged[1].delta_end == t.host.deltas.size());
  CHECK(t.read(200) == all(200, 'b'));
  CHECK(t.after_restart(1, 200) == all(200, 'a'));
  t.give(barrier_frame{2, false});
  t.work();
  CHECK(t.host.acknowledged.at(2).delta_end == t.host.deltas.size());
  CHECK(t.after_restart(2, 200) == all(200, 'b'));
  // Nothing changed since: the third has no chunk of its own.
  auto before = t.host.deltas.size();
  t.give(barrier_frame{3, false});
  t.work();
  CHECK(t.host.acknowledged.at(3).delta_end == before);
}

TEST_CASE("the changes of a closed attempt are in the next checkpoint, the newer value on top") {
  keyed_fixture t;
  t.write(20, 'a');
  t.give(barrier_frame{1, false});
  t.work();
  t.core->on_closed(1);
  t.write(10, 'b');
  t.give(barrier_frame{2, false});
  t.work();
  CHECK(t.after_restart(2, 20) == all(10, 'b') + all(10, 'a'));
}

TEST_CASE("a barrier that comes while the last snapshot is still handed over puts that one's chunks first") {
  keyed_fixture t;
  t.write(200, 'a');
  t.give(barrier_frame{1, false});
  for (int i = 0; i < 21; ++i)
    REQUIRE(t.core->step().ok());
  REQUIRE(t.host.acknowledged.empty());
  t.core->on_closed(1);
  t.give(data({"k0=b"}));
  t.give(barrier_frame{2, false});
  t.work();
  CHECK(t.after_restart(2, 200) == "b" + all(199, 'a'));
}

TEST_CASE("a task without memory spills, reads back what it spilled, and its checkpoint counts the spilled chunks") {
  keyed_fixture t(100'000, true);
  t.write(200, 'a');
  t.work();
  auto spills = std::count(t.host.spilled.begin(), t.host.spilled.end(), true);
  CHECK(spills >= 5);
  CHECK(t.state->memory_bytes() < 400'000);
  CHECK(t.read(200) == all(200, 'a'));
  t.give(barrier_frame{1, false});
  t.work();
  CHECK(t.host.acknowledged.at(1).delta_end == t.host.deltas.size());
  CHECK(t.after_restart(1, 200) == all(200, 'a'));
}

TEST_CASE("a task that needs memory while its snapshot is handed over spills nothing newer between that one's chunks") {
  keyed_fixture t(1'500'000, true);
  t.write(140, 'a');
  t.work();
  REQUIRE(t.host.deltas.empty());
  t.give(barrier_frame{1, false});
  t.write(200, 'b');
  t.work();
  CHECK(t.host.acknowledged.at(1).delta_end >= 2);
  CHECK(std::count(t.host.spilled.begin(), t.host.spilled.end(), true) > 0);
  CHECK(t.after_restart(1, 140) == all(140, 'a'));
  t.give(barrier_frame{2, false});
  t.work();
  CHECK(t.after_restart(2, 200) == all(200, 'b'));
  CHECK(t.read(200) == all(200, 'b'));
}

TEST_CASE("what the base holds leaves memory and is read from there, and what it does not hold stays") {
  keyed_fixture t(100'000);
  t.write(100, 'a');
  t.give(barrier_frame{1, false});
  t.work();
  t.write(50, 'b');
  t.work();
  CHECK(t.state->memory_bytes() > 100 * value_bytes);
  t.apply(1);
  t.core->on_applied(0);
  CHECK(t.read(1) == "b");
  CHECK(t.state->memory_bytes() > 100 * value_bytes);
  t.core->on_applied(1);
  CHECK(t.read(100) == all(50, 'b') + all(50, 'a'));
  CHECK(t.state->memory_bytes() > 50 * value_bytes);
  CHECK(t.state->memory_bytes() < 75 * value_bytes);
  t.give(barrier_frame{2, false});
  t.work();
  t.apply(2);
  t.core->on_applied(2);
  CHECK(t.read(100) == all(50, 'b') + all(50, 'a'));
  CHECK(t.state->memory_bytes() < 20 * value_bytes);
}

TEST_CASE("what was restored leaves memory when the base holds the restored checkpoint") {
  keyed_fixture first;
  first.write(100, 'a');
  first.give(barrier_frame{7, false});
  first.work();
  keyed_fixture t(100'000, false, {first.host.deltas, 7});
  CHECK(t.read(100) == all(100, 'a'));
  CHECK(t.state->memory_bytes() > 100 * value_bytes);
  t.base.publish([&] {
    first.apply(7);
    return first.base.current();
  }());
  t.core->on_applied(7);
  CHECK(t.read(100) == all(100, 'a'));
  CHECK(t.state->memory_bytes() < 20 * value_bytes);
}
