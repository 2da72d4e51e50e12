#include "tests/simulation/cluster/cluster_scenario.hpp"
#include <algorithm>
#include "tests/simulation/cluster/leader.hpp"

namespace weir::simulation {

using namespace cluster;

namespace {

constexpr std::int64_t input_span = 26'000;
constexpr std::int64_t calm_at = 24'000;
constexpr std::int64_t first_fault = 3'000;
constexpr std::int64_t checkpoint_within = 30'000; ///< Behind the last fault.
constexpr std::int64_t done_within = 60'000;
constexpr std::uint64_t most_events = 3'000'000;

class scenario final : public site {
 public:
  explicit scenario(std::uint64_t seed)
      : world_(seed), broker_(world_, 2), control_(world_), files_(world_), random_(seed * 977) {
    auto count = 2 + world_.below(4);
    ranges_ = static_cast<std::uint32_t>(2 + world_.below(5));
    input_.resize(static_cast<std::size_t>(1 + world_.below(3)));
    auto keys = 4 + world_.below(9);
    auto records = 60 + world_.below(200);
    for (int i = 0; i < records; ++i) {
      auto key = static_cast<int>(world_.below(keys));
      ++per_key_[key];
      auto& partition = input_[static_cast<std::size_t>(key) % input_.size()];
      auto from = partition.empty() ? 0 : partition.back().available;
      partition.push_back(
          {{i, key, 0, 0}, from + world_.below(2 * input_span * static_cast<std::int64_t>(input_.size()) / records)});
    }
    for (int i = 0; i < count; ++i)
      machines_.push_back({static_cast<std::uint32_t>(1 + world_.below(3)), {}, {}, 0});
    loss_ = world_.chance(50) ? 0 : world_.below(50'000);
    frame_loss_ = world_.chance(60) ? 0 : world_.below(1'500);
    slow_ = world_.chance(30) ? 200 : 15;
    request_loss_ = world_.chance(50) ? 2'000 : world_.below(30'000);
    moment_ = world_.chance(50) ? 0 : 1'000 + world_.below(4'000);
    fault_every_ = 600 + world_.below(4'000);
  }

  verdict run() {
    for (int i = 0; i < nodes(); ++i)
      boot(i);
    world_.at(first_fault, [this] { fault(); });
    world_.at(calm_at, [this] { calm(); });
    std::uint64_t events = 0;
    while (world_.wrong().empty() && !finished_ && world_.step())
      if (++events > most_events)
        world_.wrong("no end: too many events");
    if (world_.wrong().empty())
      judge();
    return {world_.wrong(), world_.probes()};
  }

  // --- site
  world& in() override { return world_; }
  control_topic& control() override { return control_; }
  broker& kafka() override { return broker_; }
  directory& files() override { return files_; }
  const input_log& input() override { return input_; }
  [[nodiscard]] int nodes() const override { return static_cast<int>(machines_.size()); }
  [[nodiscard]] std::uint32_t ranges() const override { return ranges_; }
  [[nodiscard]] std::uint32_t capacity_of(int n) const override { return machines_[static_cast<std::size_t>(n)].capacity; }
  [[nodiscard]] bool cut_from_kafka(int n) const override { return cut_kafka_.count(n) > 0; }
  [[nodiscard]] bool cut_from_directory(int n) const override { return cut_directory_.count(n) > 0; }
  bool lost_request() override { return world_.fault(request_loss_); }
  [[nodiscard]] bool coordinator_away(const std::string& id) const override { return away_.count(id) > 0; }

  void moment(int n) override {
    if (!world_.fault(moment_))
      return;
    world_.after(world_.below(30), [this, n] {
      if (world_.calmed())
        return;
      world_.probe("struck at a bad moment");
      world_.chance(30) ? kill(n, world_.chance(50)) : sleep(n);
    });
  }

  std::uint64_t random() override { return random_(); }

  void send(int from, int to, message m) override {
    if (from != to && (cut_.count({from, to}) > 0 || world_.fault(loss_)))
      return;
    auto delay =
        from == to ? 1 : 1 + world_.below(world_.calmed() ? 10 : slow_) + (world_.fault(5'000) ? world_.below(3'000) : 0);
    world_.after(delay, [this, from, to, m = std::move(m)] { arrive(from, to, m); });
  }

  void send_frame(int from, int to, message m) override {
    if (cut_.count({from, to}) > 0 || world_.fault(frame_loss_))
      return world_.probe("frame lost");
    auto& last = frame_arrival_[{from, to}];
    last = std::max(last + 1, world_.now() + 1 + world_.below(world_.calmed() ? 10 : slow_));
    world_.at(last, [this, from, to, m = std::move(m)] { arrive(from, to, m); });
  }

  void restored(const key_range& range, const table& rows, const cluster_manifest& from) override {
    auto expected = model(range, from);
    if (rows == expected)
      return;
    std::string what =
        "range " + std::to_string(range.first) + " restored at checkpoint " + std::to_string(from.checkpoint) + ":";
    for (auto [key, count] : expected)
      if (auto it = rows.find(key); it == rows.end() || it->second != count)
        what += " key " + std::to_string(key) + " is " + (it == rows.end() ? "missing" : std::to_string(it->second)) + " for " +
                std::to_string(count);
    world_.wrong(what);
  }

  void unreadable(const std::string& name, const error& e) override {
    // Who was replaced, or reads late, may look for what is gone.
    if (!why_needed(name).empty())
      world_.wrong("a needed file cannot be read: " + name + ": " + e.message);
    world_.probe("late reader finds its file gone");
  }

  void about_to_remove(const std::string& name) override {
    world_.probe("file removed");
    if (auto why = why_needed(name); !why.empty())
      world_.wrong(why + " is removed: " + name);
  }

  void acted(int n, std::uint64_t start, const fence& by) override {
    auto& highest = obeyed_[{n, start}];
    if (by < highest)
      world_.wrong("node " + std::to_string(n) + " acted for term " + std::to_string(by.term) + " attempt " +
                   std::to_string(by.attempt) + " behind a higher one");
    highest = std::max(highest, by);
  }

 private:
  struct computer {
    std::uint32_t capacity = 1;
    std::shared_ptr<node> process;
    local_disk disk;
    int generation = 0;
  };

  void arrive(int from, int to, const message& m) {
    if (from != to && cut_.count({from, to}) > 0)
      return;
    auto p = machines_[static_cast<std::size_t>(to)].process;
    if (p)
      p->after(0, [p, m] { m(*p); });
  }

  void boot(int i) {
    auto& machine = machines_[static_cast<std::size_t>(i)];
    machine.process = std::make_shared<node>(*this, i, machine.disk);
    ++machine.generation;
    machine.process->start();
  }

  void kill(int i, bool whole_machine) {
    auto& machine = machines_[static_cast<std::size_t>(i)];
    if (!machine.process)
      return;
    world_.probe(whole_machine ? "machine crashed" : "process killed");
    machine.process->die();
    machine.disk = machine.process->disk();
    if (whole_machine) {
      files_.crash(machine.process->name());
      if (world_.chance(60))
        machine.disk.now = machine.disk.durable;
      if (world_.chance(25)) {
        world_.probe("node lost with its disk");
        machine.disk = {};
      }
    }
    machine.disk.durable = machine.disk.now;
    graveyard_.push_back(std::exchange(machine.process, nullptr));
    auto until = world_.chance(30) ? 100 : 4'000;
    world_.after(50 + world_.below(until), [this, i] {
      if (!machines_[static_cast<std::size_t>(i)].process)
        boot(i);
    });
  }

  /// Some node; often the one that leads.
  int victim() {
    if (world_.chance(40))
      for (int i = 0; i < nodes(); ++i)
        if (const auto& p = machines_[static_cast<std::size_t>(i)].process;
            p && p->office().now() == control_office::standing::in)
          return i;
    return static_cast<int>(world_.below(nodes()));
  }

  std::int64_t how_long() { return world_.chance(50) ? 300 + world_.below(2'500) : 2'000 + world_.below(9'000); }

  void sleep(int i) {
    auto p = machines_[static_cast<std::size_t>(i)].process;
    if (!p || p->now() != node::state::running)
      return;
    world_.probe(p->office().now() == control_office::standing::in ? "leader frozen" : "node frozen");
    p->freeze();
    world_.after(how_long(), [p] { p->wake(); });
  }

  void fault() {
    if (world_.calmed())
      return;
    world_.after(1 + world_.below(2 * fault_every_), [this] { fault(); });
    auto i = victim();
    auto lasts = how_long();
    switch (world_.below(9)) {
      case 0:
        return kill(i, false);
      case 1:
        return kill(i, true);
      case 2:
      case 3:
        return sleep(i);
      case 4: {
        world_.probe("one-way cut");
        std::pair<int, int> way{i, static_cast<int>(world_.below(nodes()))};
        cut_.insert(way);
        return world_.after(lasts, [this, way] { cut_.erase(way); });
      }
      case 5: {
        world_.probe("node cut from all others");
        std::set<std::pair<int, int>> ways;
        for (int j = 0; j < nodes(); ++j)
          if (j != i) {
            ways.insert({i, j});
            ways.insert({j, i});
          }
        cut_.insert(ways.begin(), ways.end());
        return world_.after(lasts, [this, ways] {
          for (const auto& w : ways)
            cut_.erase(w);
        });
      }
      case 6:
        world_.probe("node cut from Kafka");
        cut_kafka_.insert(i);
        return world_.after(lasts, [this, i] { cut_kafka_.erase(i); });
      case 7: {
        world_.probe("coordinator of a publisher away");
        auto id = transactional_id("weir", cluster_job, {cluster_connection, static_cast<std::uint32_t>(world_.below(3))});
        away_.insert(id);
        return world_.after(2 * lasts, [this, id] { away_.erase(id); });
      }
      default:
        world_.probe("node cut from the directory");
        cut_directory_.insert(i);
        return world_.after(lasts, [this, i] { cut_directory_.erase(i); });
    }
  }

  void calm() {
    world_.calm();
    cut_.clear();
    cut_kafka_.clear();
    cut_directory_.clear();
    away_.clear();
    // A sleeper may sleep beyond its cluster; here all wake, so that the end is quiet.
    for (auto& m : machines_)
      if (m.process)
        m.process->wake();
    auto state = truth();
    const auto* job = state.job(cluster_job);
    calm_complete_ = job != nullptr && job->complete ? job->complete->checkpoint : 0;
    watch();
  }

  void watch() {
    const auto state = truth();
    const auto* job = state.job(cluster_job);
    auto newest = job != nullptr && job->complete ? job->complete->checkpoint : 0;
    if (newest <= calm_complete_ && world_.now() > calm_at + checkpoint_within)
      return world_.wrong("no checkpoint is completed behind the last fault");
    if (newest > calm_complete_ && came_back_ == 0) {
      came_back_ = world_.now() - calm_at;
      world_.probe(came_back_ < 1'000    ? "checkpoint again within 1 s"
                   : came_back_ < 12'000 ? "checkpoint again within 12 s"
                                         : "checkpoint again within 30 s");
    }
    if (newest > 0) {
      auto m = truth_manifest(*job);
      auto all = true;
      for (const auto& c : m.contributions)
        if (c.vertex == "source")
          all = all && std::stoul(c.inline_state) == input_[static_cast<std::size_t>(c.index)].size();
      for (const auto& e : m.outbox)
        all = all && published(e);
      // One that somebody has just opened will end; one that nobody owns stays.
      if (all && !broker_.any_open() && newest > calm_complete_ && world_.now() > calm_at + 3'000) {
        finished_ = true;
        return;
      }
    }
    if (world_.now() > calm_at + done_within && broker_.any_open())
      return world_.wrong("a transaction is left open: readers of read_committed see nothing behind it");
    if (world_.now() > calm_at + done_within)
      return world_.wrong("no end: the job does not come through");
    world_.after(500, [this] { watch(); });
  }

  // --- the truth

  [[nodiscard]] cluster_state truth() {
    for (const auto& e : control_.history()) {
      if (e.offset < truth_.next_offset())
        continue;
      auto done = truth_.apply(e);
      if (!done)
        world_.wrong(done.err().message);
      else if (*done == cluster_state::applied::stale)
        world_.probe("record of a replaced leader in the topic");
    }
    return truth_;
  }

  [[nodiscard]] cluster_manifest truth_manifest(const job_state& job) {
    const auto* bytes = files_.find(job.complete->manifest.name);
    if (bytes == nullptr || !check_file(job.complete->manifest, *bytes)) {
      world_.wrong("the manifest of complete checkpoint " + std::to_string(job.complete->checkpoint) + " is not there whole");
      return {};
    }
    auto m = decode_manifest(job.complete->manifest.name, *bytes);
    if (!m) {
      world_.wrong(m.err().message);
      return {};
    }
    return *m;
  }

  /// What the newest complete checkpoint needs the file for; empty: it does not.
  [[nodiscard]] std::string why_needed(const std::string& name) {
    const auto state = truth();
    const auto* job = state.job(cluster_job);
    if (job == nullptr || !job->complete)
      return {};
    if (name == job->complete->manifest.name)
      return "the newest manifest";
    auto m = truth_manifest(*job);
    for (const auto& c : m.chains)
      for (const auto& link : c.links)
        if (link.file.name == name)
          return "a delta of the newest checkpoint";
    for (const auto& e : m.outbox)
      for (const auto& f : e.files)
        if (f.name == name && !published(e))
          return "output that is not published";
    return {};
  }

  [[nodiscard]] bool published(const outbox_entry& e) {
    auto view = broker_.read_markers(transactional_id("weir", cluster_job, e.slot));
    std::map<slot_id, marker> found;
    if (view.found)
      found[e.slot] = *view.found;
    return entry_published(e, found);
  }

  [[nodiscard]] table model(const key_range& range, const cluster_manifest& at) const {
    table out;
    for (const auto& c : at.contributions) {
      if (c.vertex != "source")
        continue;
      const auto& partition = input_[static_cast<std::size_t>(c.index)];
      for (std::size_t i = 0; i < std::stoul(c.inline_state); ++i)
        if (static_cast<std::uint32_t>(partition[i].record.key) % ranges_ == range.first)
          ++out[partition[i].record.key];
    }
    return out;
  }

  static std::string brief(const cluster_state& state) {
    const auto* job = state.job(cluster_job);
    auto out = "term " + std::to_string(state.term());
    if (job != nullptr)
      out += " attempt " + std::to_string(job->current.term) + "/" + std::to_string(job->current.attempt) + " at " +
             std::to_string(job->incarnation) + " complete " + std::to_string(job->complete ? job->complete->checkpoint : 0) +
             " closed " + std::to_string(job->closed) + " garbage " + std::to_string(job->garbage.size());
    return out;
  }

  void judge() {
    control_.take(); // An open transaction would hide the end.
    std::map<std::uint64_t, int> completes;
    std::uint64_t last = 0;
    for (const auto& e : control_.history()) {
      if (!e.entry.value)
        continue;
      auto r = decode_control(e.entry.key, *e.entry.value);
      if (!r)
        return world_.wrong(r.err().message);
      if (const auto* c = std::get_if<complete_record>(&r->body)) {
        if (++completes[c->checkpoint] > 1)
          return world_.wrong("two complete records for checkpoint " + std::to_string(c->checkpoint));
        if (c->checkpoint <= last)
          return world_.wrong("complete records are not in order");
        last = c->checkpoint;
      }
    }
    // Compaction must not change what the topic says.
    cluster_state compacted;
    for (const auto& e : control_.read(0))
      if (auto done = compacted.apply(e); !done)
        return world_.wrong(done.err().message);
    auto whole = truth();
    const auto *a = compacted.job(cluster_job), *b = whole.job(cluster_job);
    if (compacted.term() != whole.term() || a == nullptr || a->current != b->current || a->incarnation != b->incarnation ||
        a->complete->checkpoint != b->complete->checkpoint || a->closed != b->closed || a->garbage != b->garbage)
      return world_.wrong("the compacted control topic says something else than the whole one: " + brief(compacted) + " for " +
                          brief(whole));
    judge_output();
  }

  void judge_output() {
    std::map<int, int> seen;
    for (std::size_t p = 0; p < broker_.partitions(); ++p)
      for (const auto& r : broker_.read_committed(p)) {
        auto expected = ++seen[r.key];
        if (r.first_count != expected)
          return world_.wrong("key " + std::to_string(r.key) + ": output " + std::to_string(expected) + " says " +
                              std::to_string(r.first_count));
        if (nth_of_key(r.key, expected) != r.id)
          return world_.wrong("key " + std::to_string(r.key) + ": record " + std::to_string(r.id) + " is out of order");
      }
    if (seen != per_key_)
      world_.wrong("output is missing");
  }

  [[nodiscard]] int nth_of_key(int key, int n) const {
    for (const auto& r : input_[static_cast<std::size_t>(key) % input_.size()])
      if (r.record.key == key && --n == 0)
        return r.record.id;
    return -1;
  }

  world world_;
  broker broker_;
  control_topic control_;
  directory files_;
  std::mt19937_64 random_;
  input_log input_;
  std::map<int, int> per_key_;
  std::uint32_t ranges_ = 1;
  std::vector<computer> machines_;
  std::vector<std::shared_ptr<node>> graveyard_;
  std::int64_t loss_ = 0, frame_loss_ = 0, slow_ = 15, request_loss_ = 0, moment_ = 0, fault_every_ = 1'000;
  std::set<std::pair<int, int>> cut_;
  std::set<int> cut_kafka_, cut_directory_;
  std::set<std::string> away_; ///< Transactional ids whose coordinator does not answer.
  std::map<std::pair<int, int>, std::int64_t> frame_arrival_;
  std::map<std::pair<int, std::uint64_t>, fence> obeyed_;
  cluster_state truth_;
  std::uint64_t calm_complete_ = 0;
  std::int64_t came_back_ = 0;
  bool finished_ = false;
};

} // namespace

verdict run_cluster_seed(std::uint64_t seed) { return scenario{seed}.run(); }

} // namespace weir::simulation
