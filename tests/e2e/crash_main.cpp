#include <unistd.h>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iostream>
#include <set>
#include <stdexcept>

#include "tests/e2e/crash.hpp"
#include "tests/e2e/number.hpp"

namespace e2e = weir::e2e;
namespace fs = std::filesystem;

namespace {

constexpr const char* help = R"(usage: weir-crash --weir PROGRAM --source FOLDER (--log | --kafka BROKERS) [option...]

Kills a service at its fail points and at random times, starts it again, and judges its output from the input.

  --service NAME                     order-totals (default), fraud-detection, click-sessions or shop
  --points all|none|NAME[,NAME...]   the fail points to be killed at (default all)
  --modes MODE[,MODE...]             once: at the first time it comes there; twice: again at the next start;
                                     later: at the fourth time, then at the second (default once,twice,later)
  --random N                         kills at random times, in a run of its own (default 0)
  --records N                        that a run reads, at least (default 12000)
  --shards N                         of each service whose topics are partitioned by its keys (default 1)
  --copies                           copies of the checkpoints are kept in another folder
  --lose-store                       the same, and each kill takes the service's store with it
  --undisturbed                      one run that is not killed at all
  --seed N                           of the input and of the random times (default: from the clock; printed)
  --folder DIR                       for data and logs (default: a new one under the temporary folder); what a failed
                                     run left stays there

Exit code 0 if every run was right and every fail point was reached, 1 if not, 2 for a wrong argument, 3 if the
surroundings fail.
)";

struct arguments {
  e2e::crash_settings settings;
  fs::path source;
  std::string service = "order-totals";
  std::string brokers;
  bool log = false;
  bool undisturbed = false;
  std::string points = "all";
  std::vector<std::string> modes = {"once", "twice", "later"};
  unsigned random = 0;
  std::uint64_t seed = 0;
  bool seed_given = false;
  fs::path folder;
};

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at <= list.size();) {
    const auto comma = std::min(list.find(',', at), list.size());
    if (comma > at)
      out.push_back(list.substr(at, comma - at));
    at = comma + 1;
  }
  return out;
}

arguments parse(int count, char** values) {
  arguments a;
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
      a.source = fs::absolute(value());
    else if (option == "--log")
      a.log = true;
    else if (option == "--kafka")
      a.brokers = value();
    else if (option == "--service")
      a.service = value();
    else if (option == "--points")
      a.points = value();
    else if (option == "--modes")
      a.modes = split(value());
    else if (option == "--random")
      a.random = e2e::number<unsigned>(option, value());
    else if (option == "--records")
      a.settings.records = e2e::number<std::size_t>(option, value());
    else if (option == "--shards")
      a.settings.shards = e2e::number<unsigned>(option, value());
    else if (option == "--copies")
      a.settings.copies = true;
    else if (option == "--lose-store")
      a.settings.copies = a.settings.lose_store = true;
    else if (option == "--undisturbed")
      a.undisturbed = true;
    else if (option == "--seed")
      a.seed = e2e::number<std::uint64_t>(option, value()), a.seed_given = true;
    else if (option == "--folder")
      a.folder = fs::absolute(value());
    else
      throw std::invalid_argument("unknown argument: " + option);
  }
  if (a.settings.weir.empty() || a.source.empty() || a.log == !a.brokers.empty())
    throw std::invalid_argument("--weir, --source and one of --log and --kafka are needed");
  for (const auto& mode : a.modes)
    if (mode != "once" && mode != "twice" && mode != "later")
      throw std::invalid_argument("no such mode: " + mode);
  if (!a.seed_given)
    a.seed = static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count()) % 1'000'000'007;
  return a;
}

class crash_table {
 public:
  explicit crash_table(arguments a) : arguments_(std::move(a)), scene_(e2e::scene_of(arguments_.service)) {
    if (arguments_.folder.empty()) {
      auto pattern = (fs::temp_directory_path() / "weir-crash.XXXXXX").string();
      if (::mkdtemp(pattern.data()) == nullptr)
        throw std::runtime_error("no folder can be made under " + fs::temp_directory_path().string());
      arguments_.folder = pattern;
      own_folder_ = true;
    }
    fs::create_directories(arguments_.folder);
    if (!arguments_.log) {
      // A start waits for the fencing of its transactional id, up to a second.
      arguments_.settings.grace = std::chrono::milliseconds(2'500);
      arguments_.settings.pace = std::chrono::milliseconds(80);
      // What is killed again and again gets no more than it can catch up with: the minute that a saga may take is not for a
      // backlog.
      arguments_.settings.random_pace = std::chrono::milliseconds(scene_.settled ? 400 : 80);
      arguments_.settings.life = std::chrono::milliseconds(4'000);
    }
  }

  int run() {
    const auto known = fail_points();
    auto points = arguments_.points == "all"    ? known
                  : arguments_.points == "none" ? std::vector<std::string>{}
                                                : split(arguments_.points);
    for (const auto& p : points)
      if (std::find(known.begin(), known.end(), p) == known.end())
        throw std::invalid_argument("no such fail point: " + p + "; `weir fail-points` prints them");
    std::printf("%s on %s%s%s, seed %llu, %zu fail points\n", scene_.service.c_str(),
                arguments_.log ? "embedded log" : ("Kafka at " + arguments_.brokers).c_str(),
                arguments_.settings.lose_store ? ", each kill takes the store"
                : arguments_.settings.copies   ? ", with copies"
                                               : "",
                arguments_.settings.shards > 1 ? (", " + std::to_string(arguments_.settings.shards) + " shards").c_str() : "",
                static_cast<unsigned long long>(arguments_.seed), points.size());
    std::printf("%-28s %-11s %6s %6s %7s %7s %6s %8s%s  %s\n", "fail point", "mode", "starts", "kills", "input", "output", "late",
                "seconds", scene_.settled ? "  settled" : "", "verdict");
    std::fflush(stdout);
    if (arguments_.undisturbed)
      row("-", "undisturbed", 0, [](e2e::crash_run& r) { return r.at_fail_points({}); });
    for (const auto& point : points)
      run_point(point, known);
    if (arguments_.random > 0)
      row("-", "random", arguments_.random, [&](e2e::crash_run& r) { return r.at_random(arguments_.random); });
    for (const auto& point : unreached_)
      std::printf("never reached: %s\n", point.c_str());
    std::printf("%u runs, %u kills, %u wrong, %zu fail points never reached\n", runs_, kills_, wrong_, unreached_.size());
    if (wrong_ > 0)
      std::printf("what the wrong runs left is in %s\n", arguments_.folder.c_str());
    else if (own_folder_)
      fs::remove_all(arguments_.folder);
    return wrong_ == 0 && unreached_.empty() ? 0 : 1;
  }

 private:
  std::vector<std::string> fail_points() const {
    const auto file = arguments_.folder / "fail-points.txt";
    fs::remove(file);
    e2e::run_to_end({.command = {arguments_.settings.weir.string(), "fail-points"},
                     .environment = {},
                     .directory = {},
                     .input = {},
                     .output = file,
                     .errors = arguments_.folder / "fail-points.err"},
                    std::chrono::seconds(10));
    std::vector<std::string> names;
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);)
      // No step of the other connector is on the way.
      // Records that a broker refuses for good have their own test: tests/task/isolation_test.cpp.
      if (!line.starts_with(arguments_.log ? "kafka." : "log.") && !line.starts_with("publisher.refused") &&
          !line.starts_with("publisher.fate_kept") && !line.starts_with("savepoint.") && !(several_jobs() && of_one_job(line)) &&
          on_the_way(line))
        names.push_back(line.substr(0, line.find('\t')));
    if (names.empty())
      throw std::runtime_error("weir fail-points prints nothing");
    return names;
  }

  // Without copies there is no step of theirs; with them a damaged store is made anew and never goes back.
  bool on_the_way(const std::string& line) const {
    const auto& s = arguments_.settings;
    const auto of_a_rebuild = line.starts_with("copy.rebuilt") || line.starts_with("copy.store_replaced");
    return !line.starts_with(s.copies ? "fall_back." : "copy.") && (s.lose_store || !of_a_rebuild);
  }

  bool several_jobs() const { return scene_.settled || arguments_.settings.shards > 1; }

  // Fail points count in the process: with several jobs in it nobody knows whose checkpoint is newest and not published, and
  // an epoch that is too long for memory is order-totals'.
  static bool of_one_job(const std::string& line) { return line.starts_with("fall_back.") || line.starts_with("stage."); }

  // Some steps need more than a run that is killed: a store that refuses, an outcome nobody knows, a bad disk.
  struct scenario {
    std::string mode;
    std::vector<std::string> points;
    unsigned kills_before;
    std::function<e2e::crash_outcome(e2e::crash_run&, const std::string& point)> run;
    std::function<void(e2e::crash_settings&)> change = [](e2e::crash_settings&) {};
  };

  std::vector<scenario> scenarios() const {
    const auto twice = [](const std::string& arm) { return std::vector<std::string>{arm, arm}; };
    const std::string commit = arguments_.log ? "log.publish.after_commit" : "kafka.publish.after_commit";
    return {
        {"refused",
         {"coordinator.close", "close.before_commit", "close.after_commit"},
         0,
         [=](auto& r, auto& point) { return r.at_fail_points(twice("complete.before_commit:3=error," + point)); }},
        {"look-up",
         {"kafka.fence.before", "kafka.fence.after", "kafka.marker.read", "log.fence.after"},
         0,
         [=](auto& r, auto& point) { return r.at_fail_points(twice(commit + ":3=error," + point + ":2")); }},
        {"bad disk",
         {"fall_back.before_commit", "fall_back.after_commit"},
         1,
         [=](auto& r, auto& point) { return r.behind_damage(twice(point)); }},
        {"long epoch",
         {"stage.after_commit"},
         0,
         [=](auto& r, auto& point) { return r.at_fail_points(twice(point)); },
         [](e2e::crash_settings& s) {
           // So many windows at once that their totals do not stay in memory until the barrier.
           s.keys = 1'000'000;
           s.records = 100'000;
           s.chunk = 20'000;
           s.checkpoint_interval = "30s";
         }},
        {"producer",
         {"log.produce.before_commit", "log.produce.after_commit"},
         0,
         [=](auto& r, auto& point) { return r.of_the_producer(twice(point)); }},
    };
  }

  void run_point(const std::string& point, const std::vector<std::string>& known) {
    bool special = false;
    for (const auto& s : scenarios()) {
      if (std::find(s.points.begin(), s.points.end(), point) == s.points.end())
        continue;
      special = s.mode != "look-up";
      auto settings = arguments_.settings;
      s.change(settings);
      if (row(
              point, s.mode, 0, [&](e2e::crash_run& r) { return s.run(r, point); }, settings) <= s.kills_before)
        unreached_.push_back(point + " (" + s.mode + ")");
    }
    if (special)
      return;
    bool reached = false;
    for (const auto& mode : arguments_.modes) {
      std::vector<std::string> arms = {point};
      if (mode == "twice")
        arms = {point, point};
      if (mode == "later")
        arms = {point + ":4", point + ":2"};
      reached |= row(point, mode, 0, [&](e2e::crash_run& r) { return r.at_fail_points(arms); }) > 0;
    }
    // Some steps are taken only by a start that finds what an earlier process left behind.
    for (const auto* before : {"publisher.begin", "publisher.committed", "coordinator.completed", "copy.after_rename"}) {
      if (reached)
        return;
      if (point != before && std::find(known.begin(), known.end(), before) != known.end())
        reached = row(point, "after crash", 0, [&](e2e::crash_run& r) {
                    return r.at_fail_points({std::string(before) + ":3", point});
                  }) > 1;
    }
    if (!reached)
      unreached_.push_back(point);
  }

  // One run, one line of the table. Returns how often the job was killed.
  template <class Run>
  unsigned row(const std::string& point, const std::string& mode, unsigned kills_wanted, Run&& body) {
    return row(point, mode, kills_wanted, std::forward<Run>(body), arguments_.settings);
  }

  template <class Run>
  unsigned row(const std::string& point, const std::string& mode, unsigned kills_wanted, Run&& body,
               const e2e::crash_settings& settings) {
    const auto name = std::to_string(++runs_) + "." + (point == "-" ? mode : point + "." + mode);
    const auto folder = arguments_.folder / name;
    fs::create_directories(folder);
    e2e::crash_outcome outcome;
    try {
      const auto world = arguments_.log
                             ? e2e::make_log_world(arguments_.settings.weir, arguments_.source, folder, scene_)
                             : e2e::make_kafka_world(arguments_.brokers, arguments_.source, folder,
                                                     "crash-" + std::to_string(::getpid()) + "-" + std::to_string(runs_), scene_);
      e2e::crash_run run(settings, scene_, *world, folder, arguments_.seed + runs_);
      outcome = body(run);
      if (outcome.right())
        world->clean_up();
    } catch (const std::exception& e) {
      outcome.failure = e.what();
    }
    if (outcome.failure.empty() && outcome.kills < kills_wanted)
      outcome.failure = "it was killed " + std::to_string(outcome.kills) + " times only";
    kills_ += outcome.kills;
    const bool right = outcome.right();
    std::printf("%-28s %-11s %6u %6u %7zu %7zu %6zu %8.1f", point.c_str(), mode.c_str(), outcome.starts, outcome.kills,
                outcome.judged.orders, outcome.judged.totals, outcome.judged.late,
                static_cast<double>(outcome.took.count()) / 1000.0);
    // Seconds from the last start until everything had come to its end: a minute is the limit.
    if (scene_.settled)
      std::printf(" %8.1f", static_cast<double>(outcome.settled.count()) / 1000.0);
    std::printf("  %s\n", right ? "right" : "WRONG");
    if (!right) {
      ++wrong_;
      if (!outcome.failure.empty())
        std::printf("    %s\n", outcome.failure.c_str());
      for (std::size_t i = 0; i < std::min<std::size_t>(outcome.judged.complaints.size(), 10); ++i)
        std::printf("    %s\n", outcome.judged.complaints[i].c_str());
      if (outcome.judged.complaint_count > 10)
        std::printf("    ... %zu complaints in all\n", outcome.judged.complaint_count);
      std::printf("    its files: %s\n", folder.c_str());
    } else {
      fs::remove_all(folder);
    }
    std::fflush(stdout);
    return outcome.kills;
  }

  arguments arguments_;
  const e2e::scene& scene_;
  bool own_folder_ = false;
  unsigned runs_ = 0;
  unsigned kills_ = 0;
  unsigned wrong_ = 0;
  std::vector<std::string> unreached_;
};

} // namespace

int main(int count, char** values) {
  for (int i = 1; i < count; ++i)
    if (const std::string a = values[i]; a == "--help" || a == "-h") {
      std::cout << help;
      return 0;
    }
  try {
    return crash_table(parse(count, values)).run();
  } catch (const std::invalid_argument& e) {
    std::cerr << "weir-crash: " << e.what() << " (see --help)\n";
    return 2;
  } catch (const std::exception& e) {
    std::cerr << "weir-crash: " << e.what() << "\n";
    return 3;
  }
}
