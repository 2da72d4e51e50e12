// What the state engine costs: one access of the hot path, a freeze and its draining, a durable checkpoint, a base read.
#include <benchmark/benchmark.h>
#include <cstring>
#include <filesystem>
#include <random>
#include <weir/state/task_state.hpp>
#include <weir/storage/job_store.hpp>

using namespace weir;

namespace {

/// A store in a directory of its own and a table over its base.
struct bench_world {
  bench_world() {
    auto pattern = (std::filesystem::temp_directory_path() / "weir-bench-XXXXXX").string();
    directory = ::mkdtemp(pattern.data());
    job_store_options o;
    o.directory = directory + "/job";
    o.apply_checkpoints = 1;
    store = std::move(*open_job_store(o));
    if (!store->begin_incarnation())
      std::abort();
    open_table(std::size_t{4} << 30);
  }
  ~bench_world() {
    table.reset();
    store.reset();
    std::filesystem::remove_all(directory);
  }
  void open_table(std::size_t memory_limit) {
    task_state_options o;
    o.last_key_group = 127;
    o.memory_limit = memory_limit;
    table = make_task_state(o, std::move(*store->open_base()));
    values = *table->declare({"bench", "values", state_kind::value, "1"});
    slices = *table->declare({"bench", "slices", state_kind::ordered, "1"});
  }
  /// Freezes, stages all and completes the next checkpoint.
  void checkpoint() {
    table->freeze();
    while (auto chunk = table->drain(std::size_t{4} << 20))
      staged = *store->stage_delta(who, chunk->bytes) + 1;
    checkpoint_manifest m;
    m.number = ++number;
    m.contributions.push_back({who, "", staged, 0, false});
    if (!store->complete(m))
      std::abort();
  }
  std::string directory;
  std::unique_ptr<job_store> store;
  std::unique_ptr<task_state> table;
  state_handle values, slices;
  participant_id who{"bench", 0};
  std::uint64_t staged = 0, number = 0;
};

std::string key_of(std::uint64_t n) { return "customer-" + std::to_string(n); }
std::uint16_t group_of(std::uint64_t n) { return static_cast<std::uint16_t>(n % 128); }

std::vector<std::string> keys(std::size_t n) {
  std::vector<std::string> k;
  for (std::size_t i = 0; i < n; ++i)
    k.push_back(key_of(i));
  return k;
}

void update_value(benchmark::State& state) {
  bench_world w;
  auto k = keys(static_cast<std::size_t>(state.range(0)));
  std::mt19937_64 random(1);
  for (auto _ : state) {
    auto i = random() % k.size();
    std::uint64_t sum = 0;
    auto old = w.table->get(w.values, group_of(i), k[i]);
    if (*old)
      std::memcpy(&sum, (*old)->data(), sizeof sum);
    ++sum;
    benchmark::DoNotOptimize(w.table->put(w.values, group_of(i), k[i], {reinterpret_cast<char*>(&sum), sizeof sum}).ok());
  }
}
BENCHMARK(update_value)->Arg(1'000)->Arg(100'000)->Arg(1'000'000);

void update_slice(benchmark::State& state) {
  bench_world w;
  auto k = keys(static_cast<std::size_t>(state.range(0)));
  std::mt19937_64 random(1);
  for (auto _ : state) {
    auto i = random() % k.size();
    timestamp slice{static_cast<std::int64_t>(random() % 4) * 60'000'000};
    std::uint64_t sum = 0;
    auto old = w.table->get(w.slices, group_of(i), slice, k[i]);
    if (*old)
      std::memcpy(&sum, (*old)->data(), sizeof sum);
    ++sum;
    benchmark::DoNotOptimize(w.table->put(w.slices, group_of(i), slice, k[i], {reinterpret_cast<char*>(&sum), sizeof sum}).ok());
  }
}
BENCHMARK(update_slice)->Arg(1'000)->Arg(100'000);

void nothing_due(benchmark::State& state) {
  bench_world w;
  if (!w.table->put(w.slices, 0, timestamp{1'000'000}, "a", "b"))
    std::abort();
  for (auto _ : state)
    benchmark::DoNotOptimize(w.table->first_time(w.slices, 0, min_timestamp).ok());
}
BENCHMARK(nothing_due);

/// Only the task's part: what a barrier and the slices behind it cost.
void freeze_and_drain(benchmark::State& state) {
  bench_world w;
  auto k = keys(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    state.PauseTiming();
    for (std::size_t i = 0; i < k.size(); ++i)
      benchmark::DoNotOptimize(w.table->put(w.values, group_of(i), k[i], "12345678").ok());
    state.ResumeTiming();
    w.table->freeze();
    while (auto chunk = w.table->drain(std::size_t{4} << 20))
      benchmark::DoNotOptimize(chunk->bytes.data());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * k.size()));
}
BENCHMARK(freeze_and_drain)->Arg(1'000)->Arg(100'000)->Unit(benchmark::kMicrosecond);

void freeze_alone(benchmark::State& state) {
  bench_world w;
  auto k = keys(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    state.PauseTiming();
    while (w.table->drain(std::size_t{4} << 20)) {
    }
    for (std::size_t i = 0; i < k.size(); ++i)
      benchmark::DoNotOptimize(w.table->put(w.values, group_of(i), k[i], "12345678").ok());
    state.ResumeTiming();
    w.table->freeze();
  }
}
BENCHMARK(freeze_alone)->Arg(1'000)->Arg(100'000)->Iterations(20);

/// From the barrier to durable, everything in one thread.
void checkpoint_durable(benchmark::State& state) {
  bench_world w;
  auto k = keys(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    state.PauseTiming();
    for (std::size_t i = 0; i < k.size(); ++i)
      benchmark::DoNotOptimize(w.table->put(w.values, group_of(i), k[i], "12345678").ok());
    state.ResumeTiming();
    w.checkpoint();
    state.PauseTiming();
    while (w.store->apply_slice()->more) {
    }
    state.ResumeTiming();
  }
}
BENCHMARK(checkpoint_durable)->Arg(0)->Arg(1'000)->Arg(100'000)->Unit(benchmark::kMillisecond)->Iterations(20);

void read_base(benchmark::State& state) {
  bench_world w;
  auto k = keys(100'000);
  for (std::size_t i = 0; i < k.size(); ++i)
    benchmark::DoNotOptimize(w.table->put(w.values, group_of(i), k[i], "12345678").ok());
  w.checkpoint();
  w.checkpoint();
  while (w.store->apply_slice()->more) {
  }
  w.open_table(0);
  std::mt19937_64 random(1);
  std::size_t n = 0;
  for (auto _ : state) {
    auto i = random() % k.size();
    benchmark::DoNotOptimize(w.table->get(w.values, group_of(i), k[i])->has_value());
    if (++n % 512 == 0)
      w.table->end_batch();
  }
}
BENCHMARK(read_base);

} // namespace

BENCHMARK_MAIN();
