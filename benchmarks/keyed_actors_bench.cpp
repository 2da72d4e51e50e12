// A million keyed actors under a small memory limit: `keyed_actors_bench [keys] [hot events]`. Fills one event per key, stops,
// starts again on the same store and sends the hot events to one key in a hundred. Prints the highest RssAnon of each part and
// the hot events per CPU second of the process; exit code 1 when an answer is wrong or a bar is missed.
#include <malloc.h>
#include <sys/resource.h>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>
#include <weir/connectors/log/embedded_log.hpp>
#include <weir/core/logger.hpp>
#include <weir/services/actor_service.hpp>
#include "actors/runtime.hpp"

namespace {

using namespace std::chrono_literals;

constexpr std::size_t memory_limit = std::size_t{128} << 20;
constexpr double most_rss_mb = 128 + 25;
constexpr double least_per_second = 300'000;

struct entry {
  std::int64_t account = 0;
  std::int64_t cents = 0;
};
BOOST_DESCRIBE_STRUCT(entry, (), (account, cents))
/// A hundred bytes.
struct wallet {
  std::int64_t cents = 0;
  std::int64_t entries = 0;
  std::string note;
};
BOOST_DESCRIBE_STRUCT(wallet, (), (cents, entries, note))
struct question {
  bool exact = true;
};
BOOST_DESCRIBE_STRUCT(question, (), (exact))
struct answer {
  std::int64_t cents = 0, entries = 0;
};
BOOST_DESCRIBE_STRUCT(answer, (), (cents, entries))

using wallets = weir::actor_service<std::int64_t, wallet>;
const weir::request<std::int64_t, question, answer> wallet_of{"wallets", "wallet"};

template <class T>
T must(weir::result<T> r) {
  if (!r)
    throw std::runtime_error(r.err().message);
  return std::move(r).value();
}

double cpu_seconds() {
  rusage u{};
  getrusage(RUSAGE_SELF, &u);
  auto s = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return s(u.ru_utime) + s(u.ru_stime);
}

double rss_anon_mb() {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("RssAnon:"))
      return std::atof(line.c_str() + 8) / 1024;
  throw std::runtime_error("the kernel does not tell RssAnon");
}

wallets make_wallets() {
  wallets a{"wallets"};
  a.on("in", weir::topic<entry>{{"main", "in"}}, &entry::account, [](const entry& e, wallets::context& ctx) {
    auto& w = ctx.state();
    w.cents += e.cents;
    ++w.entries;
    if (w.note.empty())
      w.note.assign(84, 'n');
  });
  a.answers(wallet_of, [](const question&, wallets::reader& ctx) { return answer{ctx.state().cents, ctx.state().entries}; });
  return a;
}

struct part {
  double rss_mb = 0, cpu_s = 0;
};

class bench {
 public:
  bench(std::int64_t keys, std::int64_t hot) : keys_(keys), hot_(hot) {
    std::string name = (std::filesystem::temp_directory_path() / "keyed_actors_bench.XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr)
      throw std::runtime_error("no temporary folder");
    path_ = name;
    log_ = must(weir::embedded_log::open(path_ + "/log"));
    connection_ = must(weir::make_log_connection({"main", "log", {{"path", path_ + "/log"}}, {}}));
    must(log_->create_topic("in", {.partitions = 2}));
  }
  ~bench() {
    connection_.reset();
    log_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  bench(const bench&) = delete;
  bench& operator=(const bench&) = delete;

  int run() {
    append(keys_, [](std::int64_t i) { return i; });
    const auto filled = serve(keys_, nullptr);
    append(hot_, [this](std::int64_t i) { return i * 7919 % std::max<std::int64_t>(1, keys_ / 100) * 100; });
    std::string wrong;
    const auto hot = serve(hot_, &wrong);
    const auto rss = std::max(filled.rss_mb, hot.rss_mb), rate = static_cast<double>(hot_) / hot.cpu_s;
    std::printf("fill: RssAnon %.0f MB, %.0f K/s  hot: RssAnon %.0f MB, %.0f K/s  per CPU second, limit %.0f MB: %s\n",
                filled.rss_mb, static_cast<double>(keys_) / filled.cpu_s / 1e3, hot.rss_mb, rate / 1e3, most_rss_mb,
                !wrong.empty()                                   ? wrong.c_str()
                : rss <= most_rss_mb && rate >= least_per_second ? "reached"
                                                                 : "missed");
    return wrong.empty() && rss <= most_rss_mb && rate >= least_per_second ? 0 : 1;
  }

 private:
  template <class Key>
  void append(std::int64_t events, Key key_of) {
    auto t = must(log_->topic("in"));
    for (std::int64_t i = 0; i < events;) {
      weir::log_batch batch;
      for (int n = 0; n < 10'000 && i < events; ++n, ++i) {
        auto value = R"({"account":)" + std::to_string(key_of(i)) + R"(,"cents":1})";
        must(batch.add(t, {"in", static_cast<std::int32_t>(i % 2), std::nullopt, value, {}, 1'700'000'000'000}));
      }
      must(log_->commit(batch, {}));
    }
    ::malloc_trim(0); // What filling took is not the service's.
  }

  /// Runs the service until it has handled `events` more and a checkpoint holds them, or, with `wrong`, checks its answers first.
  part serve(std::int64_t events, std::string* wrong) {
    weir::job_spec s;
    s.plan = must(make_wallets().plan({}));
    s.name_space = "bench";
    s.store_directory = path_ + "/store";
    s.connections["main"] = connection_;
    s.memory_limit = memory_limit;
    part out;
    const auto before = cpu_seconds();
    std::vector<weir::job_spec> all;
    all.push_back(std::move(s));
    auto runtime = must(weir::start_runtime({2}, std::move(all)));
    const auto until = std::chrono::steady_clock::now() + 5min;
    // Read is not handled: the last key's answer tells.
    for (auto handled = false; !handled;) {
      if (!runtime->wait(50ms).empty())
        throw std::runtime_error("the service ended");
      out.rss_mb = std::max(out.rss_mb, rss_anon_mb());
      if (std::chrono::steady_clock::now() > until)
        throw std::runtime_error("the events are not handled after 5 min");
      const auto status = runtime->status()[0];
      std::uint64_t in = 0;
      for (const auto& o : status.operators)
        if (o.name == "wallets")
          in = o.records_in;
      handled = in >= static_cast<std::uint64_t>(events);
    }
    out.cpu_s = cpu_seconds() - before;
    if (wrong != nullptr)
      *wrong = check(*runtime);
    out.rss_mb = std::max(out.rss_mb, rss_anon_mb());
    runtime->request_stop();
    (void)runtime->wait(60s);
    return out;
  }

  std::string check(weir::runtime& runtime) const {
    const auto hot_keys = std::max<std::int64_t>(1, keys_ / 100);
    std::vector<std::int64_t> hits(static_cast<std::size_t>(hot_keys));
    for (std::int64_t i = 0; i < hot_; ++i)
      ++hits[static_cast<std::size_t>(i * 7919 % hot_keys)];
    for (std::int64_t key = 0; key < keys_; key += std::max<std::int64_t>(1, keys_ / 1000) + 1) {
      const auto w = runtime.ask(wallet_of, key, question{}, {.timeout = 10s});
      if (!w)
        return "key " + std::to_string(key) + " does not answer: " + w.err().message;
      const auto want = 1 + (key % 100 == 0 ? hits[static_cast<std::size_t>(key / 100)] : 0);
      if (w->entries != want || w->cents != want)
        return "key " + std::to_string(key) + " has " + std::to_string(w->entries) + " entries, not " + std::to_string(want);
    }
    return {};
  }

  const std::int64_t keys_, hot_;
  std::string path_;
  std::shared_ptr<weir::embedded_log> log_;
  std::shared_ptr<weir::connection> connection_;
};

} // namespace

int main(int argc, char** argv) {
  weir::configure_logging(weir::log_level::warning, weir::log_format::text);
  try {
    const auto keys = argc > 1 ? std::atoll(argv[1]) : 1'000'000, hot = argc > 2 ? std::atoll(argv[2]) : 1'000'000;
    if (argc > 3 || keys < 100 || hot < 1) {
      std::fprintf(stderr, "usage: keyed_actors_bench [keys, from 100] [hot events]\n");
      return 2;
    }
    return bench(keys, hot).run();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "keyed_actors_bench: %s\n", e.what());
    return 1;
  }
}
