#include "tests/e2e/crash.hpp"

#include <algorithm>
#include <csignal>
#include <stdexcept>

#include "tests/e2e/damage.hpp"

namespace weir::e2e {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

crash_run::crash_run(const crash_settings& s, const scene& what, world& w, std::filesystem::path folder, std::uint64_t seed)
    : settings_(s), scene_(what), world_(w), folder_(std::move(folder)), maker_(what.make_input(seed, s.keys)), random_(seed) {
  for (const auto& c : scene_.companions)
    companions_.push_back(c.make_input ? c.make_input(seed, s.keys) : nullptr);
  if (settings_.copies)
    std::filesystem::create_directories(copies());
}

crash_outcome crash_run::at_fail_points(const std::vector<std::string>& arms) {
  return run([&] {
    for (const auto& a : arms)
      if (arm(a))
        return;
  });
}

bool crash_run::arm(const std::string& fail_points) {
  {
    const auto job = start(fail_points, false);
    std::optional<process_end> end;
    while (!end && static_cast<std::size_t>(maker_->made()) < settings_.records) {
      feed();
      end = job->wait(settings_.pace);
    }
    if (!end)
      end = job->wait(settings_.grace);
    if (!end) {
      job->signal(SIGINT);
      end = wait_to_end(*job);
    }
    if (killed(*end, "with " + fail_points))
      return false;
  }
  // Not on the way so far: some steps are only taken by a run to the end of its input.
  const auto bounded = start(fail_points, !scene_.settled);
  const auto end = scene_.settled ? run_until(*bounded, scene_.settled, "come to its end") : wait_to_end(*bounded);
  return !killed(end, "with " + fail_points + " to the end") && !scene_.settled;
}

crash_outcome crash_run::behind_damage(const std::vector<std::string>& arms) {
  return run([&] {
    if (arm("complete.after_commit:4") || outcome_.kills != 1)
      throw std::runtime_error("no fourth checkpoint was completed: there is nothing to damage");
    damage_newest_checkpoint(world_.store());
    for (const auto& a : arms)
      if (arm(a))
        return;
  });
}

crash_outcome crash_run::of_the_producer(const std::vector<std::string>& arms) {
  return run([&] {
    for (const auto& a : arms) {
      feed();
      const auto lines = maker_->next(settings_.chunk);
      if (!world_.produce_killed(lines, a))
        world_.produce(lines);
      ++outcome_.kills;
    }
  });
}

crash_outcome crash_run::at_random(unsigned kills) {
  return run([&] {
    for (unsigned i = 0; i < kills; ++i) {
      const auto job = start("", false);
      const auto until = steady_clock::now() +
                         milliseconds(std::uniform_int_distribution<int>(20, static_cast<int>(settings_.life.count()))(random_));
      std::optional<process_end> end;
      for (auto now = steady_clock::now(); !end && now < until; now = steady_clock::now()) {
        feed();
        end = job->wait(std::min(settings_.random_pace, std::chrono::ceil<milliseconds>(until - now)));
      }
      if (end)
        throw std::runtime_error("the job ended by itself with " + end->text());
      job->signal(SIGKILL);
      killed(wait_to_end(*job), "at random");
    }
  });
}

crash_outcome crash_run::run(const std::function<void()>& disturb) {
  const auto begin = steady_clock::now();
  try {
    open();
    disturb();
    while (static_cast<std::size_t>(maker_->made()) < settings_.records)
      feed();
    const auto last = start("", !scene_.settled);
    const auto last_start = steady_clock::now();
    const auto end = scene_.settled ? run_until(*last, scene_.settled, "come to its end") : wait_to_end(*last);
    outcome_.settled = std::chrono::duration_cast<milliseconds>(steady_clock::now() - last_start);
    if (end.exit_code != 0)
      throw std::runtime_error("the undisturbed run to the end ended with " + end.text());
    if (scene_.settled && !scene_.companions.empty()) {
      const auto bounded = start("", true);
      if (const auto over = wait_to_end(*bounded); over.exit_code != 0)
        throw std::runtime_error("the run of all services to the end of their input ended with " + over.text());
    }
    judge();
    if (outcome_.judged.totals == 0)
      throw std::runtime_error("there is no output: nothing was tested");
  } catch (const std::exception& e) {
    outcome_.failure = std::string(e.what()) + "\n" + tail(folder_ / "weir.err", 5);
  }
  outcome_.took = std::chrono::duration_cast<milliseconds>(steady_clock::now() - begin);
  return outcome_;
}

std::unique_ptr<process> crash_run::start(const std::string& fail_point, bool until_end) {
  process::setup s;
  s.command = {settings_.weir.string(), "run", world_.config().string()};
  if (until_end)
    s.command.emplace_back("--until-end");
  if (settings_.shards > 1)
    for (auto service : scene_.shardable) {
      s.command.emplace_back("--set");
      s.command.push_back("/services/" + std::to_string(service) + "/shards=" + std::to_string(settings_.shards));
    }
  s.environment = world_.environment();
  s.environment.insert(scene_.environment.begin(), scene_.environment.end());
  s.environment["CHECKPOINT_INTERVAL"] = settings_.checkpoint_interval;
  if (settings_.copies)
    s.environment["WEIR_CHECKPOINT_DIRECTORY"] = copies();
  if (!fail_point.empty())
    s.environment["WEIR_FAIL_POINT"] = fail_point;
  s.directory = folder_;
  s.output = folder_ / "weir.out";
  s.errors = folder_ / "weir.err";
  ++outcome_.starts;
  return std::make_unique<process>(s);
}

void crash_run::feed() {
  world_.produce(maker_->next(settings_.chunk));
  for (std::size_t i = 0; i < companions_.size(); ++i)
    if (const auto& c = scene_.companions[i]; companions_[i])
      world_.produce_to(c.input, c.key_field, companions_[i]->next(settings_.chunk / 3));
}

void crash_run::judge() {
  auto facts = world_.read_all();
  outcome_.judged = scene_.judge(facts);
  if (scene_.companions.empty())
    return;
  world_.read_companions(facts);
  for (const auto& c : scene_.companions) {
    const auto other = c.judge(facts);
    outcome_.judged.complaint_count += other.complaint_count;
    for (const auto& sentence : other.complaints)
      outcome_.judged.complaints.push_back(c.service + ": " + sentence);
    if (other.totals == 0)
      throw std::runtime_error("there is no output of " + c.service + ": nothing of it was tested");
  }
}

void crash_run::open() {
  if (scene_.openings.empty())
    return;
  for (const auto& o : scene_.openings)
    world_.produce_to(o.where, o.key_field, o.make(settings_.keys));
  const auto job = start("", false);
  if (const auto end = run_until(*job, scene_.opened, "handled what comes before the input"); end.exit_code != 0)
    throw std::runtime_error("the run before the input ended with " + end.text());
}

process_end crash_run::run_until(process& p, const std::function<bool(const world_facts&)>& done, const char* what) {
  const auto deadline = steady_clock::now() + settings_.settling;
  while (steady_clock::now() < deadline) {
    if (const auto end = p.wait(settings_.settle_pace))
      return *end;
    bool reached = false;
    try {
      reached = done(world_.read_all());
    } catch (const std::runtime_error&) {
      // A topic that the job has not made yet.
    }
    if (reached) {
      p.signal(SIGINT);
      return wait_to_end(p);
    }
  }
  throw std::runtime_error("the job had not " + std::string(what) + " after " +
                           std::to_string(settings_.settling.count() / 1000) + " s");
}

process_end crash_run::wait_to_end(process& p) {
  const auto end = p.wait(settings_.limit);
  if (!end)
    throw std::runtime_error("the job hangs: it did not end in " + std::to_string(settings_.limit.count() / 1000) + " s");
  return *end;
}

// True if it was killed, false if it ended in an orderly way (6: with output still to publish at the next start).
bool crash_run::killed(const process_end& end, const std::string& doing) {
  if (end.signal == SIGKILL) {
    ++outcome_.kills;
    if (settings_.lose_store)
      world_.lose_store();
    return true;
  }
  if (end.signal != 0 || (end.exit_code != 0 && end.exit_code != 6))
    throw std::runtime_error("the job, run " + doing + ", ended with " + end.text());
  return false;
}

} // namespace weir::e2e
