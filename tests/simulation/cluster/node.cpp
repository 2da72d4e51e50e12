#include "tests/simulation/cluster/node.hpp"
#include <algorithm>
#include "tests/simulation/cluster/leader.hpp"
#include "tests/simulation/cluster/slot_publisher.hpp"
#include "tests/simulation/cluster/worker.hpp"

namespace weir::simulation {

using namespace cluster;

namespace {
constexpr std::int64_t tick_every = 500;
/// Who wakes goes on with what it was about; that it has slept it notices at its next tick.
constexpr std::int64_t unaware_for = 900;
constexpr std::int64_t patience = 400;
constexpr std::int64_t rest_after_giving_up = 3'000;
constexpr std::int64_t leader_lost = 2'000;
std::string name_of(int index) { return "n" + std::to_string(index); }
/// Later ones are higher, so that the group knows who joined last.
std::uint64_t new_start(site& s) { return static_cast<std::uint64_t>(s.in().now() + 1) << 24 | (s.random() & 0xffffff); }
} // namespace

node::node(site& s, int index, local_disk disk)
    : site_(&s),
      index_(index),
      disk_(std::move(disk)),
      start_(new_start(s)),
      office_(*this, name_of(index)),
      authority_(office_, cluster_job),
      peers_(duration{s.in().now()}, timing_in_simulation()),
      lead_(timing_in_simulation()),
      kafka_answered_(s.in().now()),
      directory_answered_(s.in().now()),
      leader_heard_(s.in().now()) {}

node::~node() = default;

void node::start() { tick_in(1 + in().below(tick_every)); }

void node::tick_in(std::int64_t delay) {
  in().after(delay, [this, self = shared_from_this()] {
    if (state_ == state::frozen)
      tick_stalled_ = true;
    else
      deliver([this] { tick(); });
  });
}

void node::deliver(world::event e) {
  if (state_ == state::dead)
    return;
  if (state_ == state::frozen) {
    stalled_.push_back(std::move(e));
    return;
  }
  e();
}

void node::die() {
  state_ = state::dead;
  stalled_.clear();
}

void node::wake() {
  if (state_ != state::frozen)
    return;
  state_ = state::running;
  auto stalled = std::exchange(stalled_, {});
  for (auto& e : stalled)
    deliver(std::move(e));
  if (std::exchange(tick_stalled_, false))
    tick_in(1 + in().below(unaware_for));
}

void node::after(std::int64_t delay, world::event e) {
  in().after(delay, [self = shared_from_this(), e = std::move(e)]() mutable { self->deliver(std::move(e)); });
}

void node::ask_kafka(elsewhere what, world::event failed) {
  auto open = std::make_shared<bool>(true);
  after(patience, [open, failed = std::move(failed)] {
    if (std::exchange(*open, false))
      failed();
  });
  if (site_->cut_from_kafka(index_) || site_->lost_request())
    return;
  auto late = in().fault(5'000) ? in().below(3 * patience) : 0;
  in().after(1 + in().below(15) + late, [this, self = shared_from_this(), open, what = std::move(what)] {
    auto follows = what();
    if (site_->cut_from_kafka(index_) || site_->lost_request())
      return;
    after(1 + in().below(15), [this, open, follows = std::move(follows)] {
      if (!std::exchange(*open, false))
        return;
      kafka_answered_ = in().now();
      follows();
    });
  });
}

void node::ask_directory(elsewhere what, world::event failed) {
  if (site_->cut_from_directory(index_))
    return after(patience, std::move(failed));
  in().after(1 + in().below(in().fault(50'000) ? 800 : 12), [this, self = shared_from_this(), what = std::move(what)] {
    after(1, [this, follows = what()] {
      directory_answered_ = in().now();
      follows();
    });
  });
}

namespace {

/// The shared directory as one writer sees it, at one moment.
class view_of_directory final : public shared_directory {
 public:
  view_of_directory(site& s, std::string writer) : site_(&s), writer_(std::move(writer)) {}
  result<> create(const std::string& name, std::string_view bytes) override {
    return site_->files().create(writer_, name, bytes);
  }
  result<> sync_file(const std::string& name) override { return site_->files().sync_file(name); }
  result<> rename(const std::string& from, const std::string& to) override { return site_->files().rename(from, to); }
  result<> sync_directory() override { return site_->files().sync_names(writer_); }
  result<std::string> read(const std::string& name) override {
    const auto* bytes = site_->files().find(name);
    if (bytes == nullptr)
      return error{errc::not_found, name};
    return *bytes;
  }
  result<std::vector<std::string>> list() override { return site_->files().list(); }
  result<> remove(const std::string& name) override { return site_->files().remove(name); }

 private:
  site* site_;
  std::string writer_;
};

struct writing {
  std::string name, bytes;
  std::function<void(bool)> done;
};

void step(node& n, const std::shared_ptr<writing>& w, write_step s) {
  if (s == write_step::done)
    return w->done(true);
  n.at().moment(n.index());
  n.ask_directory(
      [&n, w, s]() -> world::event {
        view_of_directory d(n.at(), n.name());
        auto did = do_step(d, s, w->name, w->bytes);
        return [&n, w, s, good = did.ok()] { good ? step(n, w, next_step(s)) : w->done(false); };
      },
      [w] { w->done(false); });
}

} // namespace

void node::write_file(std::string name, std::string bytes, std::function<void(bool)> done) {
  step(*this, std::make_shared<writing>(writing{std::move(name), std::move(bytes), std::move(done)}), write_step::create);
}

void node::read_file(file_ref f, std::function<void(result<std::string>)> done) {
  ask_directory(
      [this, f, done]() -> world::event {
        view_of_directory d(*site_, name());
        return [done, got = cluster::read_file(d, f)] { done(got); };
      },
      [done] {
        done(error{errc::unavailable, "the directory does not answer"});
      });
}

std::string node::new_name(const fence& by, std::uint64_t checkpoint, file_kind kind, key_range range) {
  return format({cluster_job, by, checkpoint, kind, range, start_, site_->random()});
}

void node::read_markers(std::vector<slot_id> slots, std::function<void(std::map<slot_id, marker>)> done) {
  ask_kafka(
      [this, slots, done]() -> world::event {
        std::map<slot_id, marker> found;
        auto decided = true;
        for (const auto& s : slots) {
          auto view = site_->kafka().read_markers(transactional_id("weir", cluster_job, s));
          decided = decided && view.last_stable >= view.high_watermark;
          if (view.found)
            found[s] = *view.found;
        }
        if (!decided)
          return [this, slots, done] { after(50, [this, slots, done] { read_markers(slots, done); }); };
        return [done, found] { done(found); };
      },
      [this, slots, done] { read_markers(slots, done); });
}

// --- the control topic

void node::take(took done) {
  ask_kafka(
      [this, done]() -> world::event {
        auto epoch = site_->control().take();
        return [this, done, epoch] {
          epoch_ = epoch;
          done(success());
        };
      },
      [done] {
        done(error{errc::unavailable, "no answer"});
      });
}

void node::append(const std::vector<control_entry>& entries, appended done) {
  using answer = control_topic::answer;
  site_->moment(index_);
  auto unknown = [this, done] {
    in().probe("control append of unknown outcome");
    done(append_outcome::unknown);
  };
  ask_kafka(
      [this, entries, done, unknown, epoch = epoch_, generation = generation_, start = start_]() -> world::event {
        auto added = site_->control().add(epoch, {name(), start}, generation, entries);
        if (added == answer::fenced)
          return [this, done] {
            in().probe("leader fenced at the control topic");
            done(append_outcome::replaced);
          };
        if (added == answer::retriable)
          return [done] { done(append_outcome::retriable); };
        if (added == answer::stale)
          return [this, done, m = site_->control().poll({name(), start})] {
            generation_ = m.generation;
            in().probe(m.holder ? "stale generation, still leader" : "stale generation, replaced");
            done(m.holder ? append_outcome::retriable : append_outcome::replaced);
          };
        return [this, done, unknown, epoch] {
          ask_kafka(
              [this, done, epoch]() -> world::event {
                auto ended = site_->control().commit(epoch);
                return [done, ended] { done(ended == answer::ok ? append_outcome::committed : append_outcome::replaced); };
              },
              unknown);
        };
      },
      unknown);
}

void node::read(std::uint64_t from, read_back done) {
  ask_kafka(
      [this, from, done]() -> world::event {
        return [this, from, done, target = site_->control().high_watermark()] { read_until(from, target, done); };
      },
      [done] {
        done(error{errc::unavailable, "no answer"});
      });
}

void node::read_until(std::uint64_t from, std::uint64_t target, read_back done) {
  ask_kafka(
      [this, from, target, done]() -> world::event {
        if (auto entries = site_->control().read(from); site_->control().last_stable() >= target)
          return [done, entries] { done(entries); };
        in().probe("control record hidden behind an open transaction");
        return [this, from, target, done] { after(50, [this, from, target, done] { read_until(from, target, done); }); };
      },
      [done] {
        done(error{errc::unavailable, "no answer"});
      });
}

// --- signs of life

void node::tick() {
  tick_in(tick_every);
  auto t = peers_.on_tick(duration{in().now()});
  if (t.was_frozen) {
    in().probe("woke up after a sleep");
    // Others have given this process up: it comes back as a new one.
    start_ = new_start(*site_);
    kafka_answered_ = directory_answered_ = leader_heard_ = in().now();
    if (worker_)
      worker_->stop();
    worker_.reset();
    for (auto& [slot, p] : publishers_)
      p->stop();
    publishers_.clear();
  }
  if (office_.now() != control_office::standing::out)
    watch_lead(t.was_frozen);
  if (leader_ && office_.now() != control_office::standing::in) {
    in().probe("leader stepped down");
    leader_->stop();
    leader_.reset();
  }
  poll_group();
  ask_directory([this]() -> world::event { return [] {}; }, [] {});
  if (leader_)
    leader_->tick(t.lost);
  auto said = status();
  auto leads = leader_ != nullptr;
  auto by = leads ? leader_->current() : fence{};
  auto go = leads && leader_->go();
  for (int i = 0; i < site_->nodes(); ++i)
    if (i != index_)
      site_->send(index_, i, [said, leads, by, go](node& to) { to.on_keep_alive(said, leads, by, go); });
  if (leads)
    on_keep_alive(said, leads, by, go);
  if (!leads && in().now() - leader_heard_ > leader_lost)
    say_alive();
  on_look();
}

void node::poll_group() {
  if (in().now() < rests_until_)
    return;
  ask_kafka(
      [this, start = start_]() -> world::event {
        return [this, m = site_->control().poll({name(), start})] {
          generation_ = m.generation;
          if (m.holder && office_.now() == control_office::standing::out && in().now() >= rests_until_)
            office_.enter(site_->random(), [this](const result<>& entered) {
              if (!entered)
                return in().probe("lead not entered");
              in().probe("leader took office");
              (void)obeys({office_.term(), 0});
              leader_ = std::make_shared<leader>(*this);
            });
          if (!m.holder && office_.now() != control_office::standing::out)
            office_.leave();
        };
      },
      [] {});
}

void node::say_alive() {
  in().probe("sign of life in the control topic");
  ask_kafka(
      [this, said = encode_control({{}, alive_record{name(), start_, ++beat_}})]() -> world::event {
        site_->control().add_plain(said);
        return [] {};
      },
      [] {});
}

void node::watch_lead(bool was_frozen) {
  lead_watch::facts f;
  auto now = in().now();
  f.now = duration{now};
  f.kafka_answered = duration{kafka_answered_};
  f.directory_answered = duration{directory_answered_};
  f.peers_seen = peers_.hears().size();
  f.was_frozen = was_frozen;
  for (const auto& [who, seen] : seen_alive_)
    f.alive_in_topic += who != name() && now - seen.second <= leader_lost ? 1 : 0;
  static const char* const names[] = {"", "frozen leader gives up", "leader without Kafka gives up",
                                      "leader without directory gives up", "lonely leader gives up"};
  auto v = lead_.decide(f);
  if (v == lead_watch::verdict::lead)
    return;
  in().probe(names[static_cast<int>(v)]);
  give_up_lead();
}

void node::give_up_lead() {
  office_.leave();
  rests_until_ = in().now() + rest_after_giving_up + in().below(rest_after_giving_up);
  ask_kafka(
      [this, start = start_]() -> world::event {
        site_->control().leave({name(), start});
        return [] {};
      },
      [] {});
}

node_status node::status() const {
  node_status s;
  s.node = name();
  s.start = start_;
  s.hears = peers_.hears();
  auto now = site_->in().now();
  s.kafka = now - kafka_answered_ <= leader_lost;
  s.directory = now - directory_answered_ <= leader_lost;
  if (worker_) {
    s.by = worker_->by();
    s.phase = worker_->phase();
    s.causes = worker_->causes();
  }
  return s;
}

bool node::obeys(const fence& by) {
  auto v = gate_.admit(by);
  if (v == fence_gate::verdict::refused) {
    in().probe("message of a replaced leader or attempt refused");
    return false;
  }
  if (v == fence_gate::verdict::raised && worker_ && worker_->by() < by) {
    worker_->stop();
    worker_.reset();
  }
  site_->acted(index_, start_, by);
  return true;
}

void node::on_keep_alive(const node_status& s, bool leads, const fence& by, bool go) {
  if (s.node != name())
    peers_.on_heard(s.node, duration{in().now()});
  if (leader_)
    leader_->on_status(s);
  if (!leads || !obeys(by))
    return;
  leader_heard_ = in().now();
  if (go && worker_ && worker_->by() == by)
    worker_->go();
}

void node::on_look() {
  office_.look([this](const result<>& looked) {
    if (looked)
      react();
  });
}

void node::react() {
  for (const auto& [who, offset] : office_.state().alive())
    if (auto& seen = seen_alive_[who]; seen.first != offset + 1)
      seen = {offset + 1, in().now()};
  const auto* job = authority_.read();
  if (job == nullptr)
    return;
  if (job->complete && (!manifest_ || manifest_->checkpoint != job->complete->checkpoint))
    load_manifest();
  // Of a leader that has a successor, or read before what we heard already: nothing is begun for it any more.
  if (obeys(job->current))
    react_to_assignment(*job);
}

void node::load_manifest() {
  auto wanted = *authority_.read()->complete;
  if (manifest_of_ == wanted.checkpoint)
    return;
  manifest_of_ = wanted.checkpoint;
  read_file(wanted.manifest, [this, wanted](const result<std::string>& bytes) {
    manifest_of_ = 0;
    if (!bytes) {
      // A newer one may have made it garbage meanwhile: then the next look says so.
      if (bytes.err().code != errc::unavailable && authority_.newest() == wanted.checkpoint)
        site_->unreadable(wanted.manifest.name, bytes.err());
      return;
    }
    auto m = decode_manifest(wanted.manifest.name, *bytes);
    if (!m)
      return in().wrong(m.err().message);
    if (manifest_ && manifest_->checkpoint >= m->checkpoint)
      return;
    manifest_ = std::make_shared<const cluster_manifest>(std::move(*m));
    if (worker_)
      worker_->on_complete(*manifest_);
    react();
  });
}

bool node::takes_part(const job_state& job) const {
  return std::any_of(job.assignment.nodes.begin(), job.assignment.nodes.end(),
                     [&](const auto& n) { return n.node == name() && n.start == start_; });
}

void node::react_to_assignment(const job_state& job) {
  auto part = takes_part(job);
  if (part && (!worker_ || worker_->by() < job.current)) {
    if (worker_)
      worker_->stop();
    worker_ = std::make_shared<worker>(*this, job);
    worker_->start();
  }
  for (auto it = publishers_.begin(); it != publishers_.end();) {
    auto stays = part && job.owner_of(it->first) == name() && it->second->incarnation() == job.incarnation;
    if (!stays)
      it->second->stop();
    it = stays ? std::next(it) : publishers_.erase(it);
  }
  if (!part)
    return;
  for (const auto& s : job.assignment.slots)
    if (s.node == name() && publishers_.count(s.slot) == 0) {
      auto p = std::make_shared<slot_publisher>(*this, s.slot, job.incarnation);
      publishers_[s.slot] = p;
      p->start();
    }
}

void node::on_barrier(const fence& by, std::uint64_t checkpoint, bool final_barrier) {
  if (obeys(by) && worker_ && worker_->by() == by)
    worker_->on_barrier(checkpoint, final_barrier);
}

void node::on_closed(const fence& by, std::uint64_t checkpoint) {
  if (obeys(by) && worker_ && worker_->by() == by)
    worker_->on_closed(checkpoint);
}

void node::on_frame(const fence& by, int partition, std::uint64_t sequence, const frame& f) {
  if (worker_)
    worker_->on_frame(by, partition, sequence, f);
}

void node::on_ack(const fence& by, std::uint64_t checkpoint, const contribution& c, const std::vector<prepared_chunk>& chunks) {
  if (leader_ && leader_->current() == by)
    leader_->on_ack(checkpoint, c, chunks);
}

void node::on_declined(const fence& by, std::uint64_t checkpoint, const participant_id& who) {
  if (leader_ && leader_->current() == by)
    leader_->on_declined(checkpoint, who);
}

} // namespace weir::simulation
