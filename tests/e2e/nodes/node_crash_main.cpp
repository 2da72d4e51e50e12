#include <unistd.h>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <stdexcept>

#include "tests/e2e/nodes/node_crash.hpp"
#include "tests/e2e/number.hpp"

namespace e2e = weir::e2e;
namespace fs = std::filesystem;
using std::chrono::milliseconds;

namespace {

constexpr const char* help = R"(usage: weir-node-crash --weir PROGRAM --source FOLDER [option...]

Random faults on the shop on three nodes with a Kafka broker of its own, under load, judged.

  --events N      how many (default 100); rounds of at most --round of them are judged each (default 20)
  --round N
  --seed N        of input, faults and lost packets (default: from the clock; printed)
  --port N        of the broker (default 9393)
  --version V     of the broker (default 3.9.1)
  --loopback      no namespaces: nothing is cut, lost or late
  --folder DIR    for data and logs (default: a new one under the temporary folder); what a wrong run left stays there

Exit code 0 if everything was right, 1 if not, 2 for a wrong argument, 3 if the surroundings fail.
)";

/// Of the time until the next output behind a kill: the time after which a peer is lost, or the session of a leader, and some.
constexpr milliseconds worker_bar{5'000}, leader_bar{10'000};
/// Of fewer a median says nothing.
constexpr std::size_t fewest_judged = 5;

struct arguments {
  e2e::node_crash_settings settings;
  unsigned events = 100, round = 20;
  unsigned port = 9393;
  std::uint64_t seed = 0;
  bool seed_given = false, loopback = false;
  fs::path folder;
};

arguments parse(int count, char** values) {
  arguments a;
  a.settings.broker_version = "3.9.1";
  for (int i = 1; i < count; ++i) {
    const std::string option = values[i];
    const auto value = [&]() -> std::string {
      if (++i >= count)
        throw std::invalid_argument(option + " needs a value");
      return values[i];
    };
    if (option == "--weir")
      a.settings.weir = fs::absolute(value());
    else if (option == "--source")
      a.settings.source = fs::absolute(value());
    else if (option == "--events")
      a.events = e2e::number<unsigned>(option, value(), 1);
    else if (option == "--round")
      a.round = e2e::number<unsigned>(option, value(), 1);
    else if (option == "--seed")
      a.seed = e2e::number<std::uint64_t>(option, value(), 0), a.seed_given = true;
    else if (option == "--port")
      a.port = e2e::number<unsigned>(option, value(), 1);
    else if (option == "--version")
      a.settings.broker_version = value();
    else if (option == "--loopback")
      a.loopback = true;
    else if (option == "--folder")
      a.folder = fs::absolute(value());
    else
      throw std::invalid_argument("unknown argument: " + option);
  }
  if (a.settings.weir.empty() || a.settings.source.empty())
    throw std::invalid_argument("--weir and --source are needed");
  if (!a.seed_given)
    a.seed = static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count()) % 1'000'000'007;
  return a;
}

double seconds(milliseconds t) { return static_cast<double>(t.count()) / 1000.0; }

class node_crash_table {
 public:
  explicit node_crash_table(const arguments& a) : arguments_(a), folder_(a.folder), own_folder_(a.folder.empty()) {
    if (own_folder_) {
      auto pattern = (fs::temp_directory_path() / "weir-node-crash.XXXXXX").string();
      if (::mkdtemp(pattern.data()) == nullptr)
        throw std::runtime_error("no folder can be made under " + fs::temp_directory_path().string());
      folder_ = pattern;
    }
    fs::create_directories(folder_);
    auto& s = arguments_.settings;
    s.broker = (a.loopback ? "127.0.0.1:" : "10.77.0.1:") + std::to_string(a.port);
    s.broker_log = folder_ / "broker.err";
    if (!a.loopback)
      s.broker_tun = e2e::open_tun("10.77.0.1");
  }

  int run() {
    auto& s = arguments_.settings;
    std::printf("the shop on three nodes, %s, Kafka %s at %s, seed %llu, %u events; folder %s\n",
                arguments_.loopback ? "on loopback" : "each in a network of its own", s.broker_version.c_str(), s.broker.c_str(),
                static_cast<unsigned long long>(arguments_.seed), arguments_.events, folder_.c_str());
    std::printf("%8s  %-46s %-5s %-6s %7s %9s %7s %8s %s\n", "at s", "event", "node", "leader", "for s", "recovery", "whole",
                "silence", "of");
    std::fflush(stdout);
    // What a killed run left.
    e2e::order_broker(s, {"down", "--wipe"});
    e2e::order_broker(s, {"up"});
    const auto all = e2e::make_faults(arguments_.seed, arguments_.events, !arguments_.loopback);
    for (std::size_t i = 0; i < all.size(); i += arguments_.round)
      round({all.begin() + static_cast<std::ptrdiff_t>(i),
             all.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(i + arguments_.round, all.size()))});
    e2e::order_broker(s, {"down", "--wipe"});
    return summary();
  }

 private:
  void round(const std::vector<e2e::fault>& faults) {
    const auto folder = folder_ / ("round-" + std::to_string(++rounds_));
    fs::create_directories(folder);
    std::vector<std::string> wrong;
    std::size_t suffered = 0;
    const auto seed = arguments_.seed + rounds_;
    const auto standby = e2e::with_standby(seed);
    try {
      e2e::node_crash_round r(arguments_.settings, folder,
                              "nodes-" + std::to_string(arguments_.seed) + "-" + std::to_string(rounds_), seed);
      r.begin();
      for (const auto& f : faults) {
        e2e::fault_row row;
        try {
          r.suffer(f, row);
        } catch (const std::exception&) {
          row.what = f;
          print(row, "WRONG");
          throw;
        }
        ++suffered;
        note(row, wrong);
      }
      auto end = r.end();
      wrong.insert(wrong.end(), end.begin(), end.end());
      std::printf("round %u: %s%s%s%s%s\n", rounds_, wrong.empty() ? "right" : "WRONG", standby ? "; with standbys" : "",
                  e2e::shards_in(seed) > 1 ? "; with shards" : "", r.counts().empty() ? "" : "; ", r.counts().c_str());
    } catch (const std::exception& e) {
      wrong.emplace_back(e.what());
      std::printf("round %u: WRONG after %zu events\n", rounds_, suffered);
    }
    for (std::size_t i = 0; i < std::min<std::size_t>(wrong.size(), 20); ++i)
      std::printf("    %s\n", wrong[i].c_str());
    if (wrong.empty()) {
      fs::remove_all(folder);
    } else {
      ++wrong_;
      std::printf("    its files: %s\n", folder.c_str());
    }
    std::fflush(stdout);
  }

  static void print(const e2e::fault_row& row, const char* verdict) {
    const auto recovery =
        row.recovery ? std::to_string(row.recovery->count() / 1000) + "." + std::to_string(row.recovery->count() / 100 % 10)
                     : "-";
    std::printf("%8.1f  %-46s %-5s %-6s %7.1f %9s %7.1f %8.1f %-15s  %s\n", seconds(row.at), row.what.text().c_str(),
                row.node.empty() ? "-" : row.node.c_str(), row.leader.c_str(), seconds(row.what.time), recovery.c_str(),
                seconds(row.whole), seconds(row.silence), row.silent.c_str(), verdict);
    std::fflush(stdout);
  }

  void note(const e2e::fault_row& row, std::vector<std::string>& wrong) {
    ++events_;
    print(row, !row.complaints.empty() ? "WRONG" : row.reached ? "" : "not reached");
    wrong.insert(wrong.end(), row.complaints.begin(), row.complaints.end());
    not_reached_ += row.reached ? 0 : 1;
    if (row.recovery && (row.what.what == e2e::fault::kind::kill || row.what.what == e2e::fault::kind::kill_in_copy))
      (row.node == row.leader ? leaders_ : workers_).push_back(*row.recovery);
  }

  bool bar(const char* who, std::vector<milliseconds> times, milliseconds most) const {
    if (times.empty())
      return true;
    std::sort(times.begin(), times.end());
    const auto median = times[times.size() / 2];
    const bool judged = times.size() >= fewest_judged;
    const bool good = !judged || median <= most;
    std::printf(
        "%s killed -> next output of each of its services: %zu times, median %.1f s, longest %.1f s, %zu beyond %.0f s%s\n", who,
        times.size(), seconds(median), seconds(times.back()),
        static_cast<std::size_t>(std::count_if(times.begin(), times.end(), [&](auto t) { return t > most; })), seconds(most),
        judged ? (good ? "" : ": WRONG") : " (too few to judge)");
    return good;
  }

  int summary() {
    const bool fast = bar("worker", workers_, worker_bar);
    const bool fast_leader = bar("leader", leaders_, leader_bar);
    const bool right = wrong_ == 0 && fast && fast_leader;
    std::printf("%u events in %u rounds, %u fail points not reached, %u rounds wrong\n", events_, rounds_, not_reached_, wrong_);
    if (!right)
      std::printf("what the wrong runs left is in %s; --seed %llu repeats the faults\n", folder_.c_str(),
                  static_cast<unsigned long long>(arguments_.seed));
    else if (own_folder_)
      fs::remove_all(folder_);
    return right ? 0 : 1;
  }

  arguments arguments_;
  fs::path folder_;
  bool own_folder_;
  unsigned rounds_ = 0, events_ = 0, not_reached_ = 0, wrong_ = 0;
  std::vector<milliseconds> workers_, leaders_;
};

} // namespace

int main(int count, char** values) {
  for (int i = 1; i < count; ++i)
    if (const std::string a = values[i]; a == "--help" || a == "-h") {
      std::cout << help;
      return 0;
    }
  try {
    auto a = parse(count, values);
    if (!a.loopback)
      if (const auto why = e2e::cannot_isolate(); !why.empty()) {
        std::printf("without cuts, loss and delay, on loopback: %s\n", why.c_str());
        a.loopback = true;
      }
    const auto run = [&] { return node_crash_table(a).run(); };
    return a.loopback ? run() : e2e::run_isolated(run);
  } catch (const std::invalid_argument& e) {
    std::cerr << "weir-node-crash: " << e.what() << " (see --help)\n";
    return 2;
  } catch (const std::exception& e) {
    std::cerr << "weir-node-crash: " << e.what() << "\n";
    return 3;
  }
}
