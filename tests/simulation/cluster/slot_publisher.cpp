#include "tests/simulation/cluster/slot_publisher.hpp"
#include <algorithm>
#include <set>

namespace weir::simulation {

using namespace cluster;

namespace {
constexpr std::int64_t back_off = 60;
constexpr std::int64_t patience = 400;
constexpr std::size_t largest_part = 4;
} // namespace

slot_publisher::slot_publisher(node& n, slot_id slot, std::uint64_t incarnation)
    : node_(&n), slot_(std::move(slot)), id_(transactional_id("weir", cluster_job, slot_)), incarnation_(incarnation) {}

void slot_publisher::guarded(std::int64_t delay, world::event e) {
  node_->after(delay, [self = shared_from_this(), e = std::move(e)] {
    if (!self->stopped_)
      e();
  });
}

void slot_publisher::ask(node::elsewhere what, world::event failed) {
  auto self = shared_from_this();
  node_->at().moment(node_->index());
  if (node_->at().coordinator_away(id_))
    return guarded(patience, std::move(failed));
  node_->ask_kafka(
      [self, what = std::move(what)]() -> world::event {
        return [self, follows = what()] {
          if (!self->stopped_)
            follows();
        };
      },
      [self, failed = std::move(failed)] {
        if (!self->stopped_)
          failed();
      });
}

void slot_publisher::fence() {
  ask(
      [this]() -> world::event {
        return [this, epoch = node_->at().kafka().init(id_)] {
          epoch_ = epoch;
          attempts_ = 0;
          ask_owner(false);
        };
      },
      [this] { fence(); });
}

void slot_publisher::ask_owner(bool was_fenced) {
  node_->authority().ask_slot(slot_, incarnation_, was_fenced, [this, self = shared_from_this(), was_fenced](auto step) {
    if (stopped_)
      return;
    if (!step)
      return guarded(back_off, [this, was_fenced] { ask_owner(was_fenced); });
    if (*step != slot_step::go_on) {
      node_->in().probe(*step == slot_step::give_up ? "slot given up" : "slot taken anew in a newer attempt");
      stopped_ = true; // The node makes another one, when it reads that the slot is its own.
      return;
    }
    if (was_fenced) {
      node_->in().probe("slot fenced, still the owner");
      return fence();
    }
    look();
  });
}

void slot_publisher::look() {
  auto manifest = node_->manifest();
  // The marker is compared with what is complete: that must have been read first.
  if (node_->authority().newest() != (manifest ? std::optional(manifest->checkpoint) : std::nullopt)) {
    node_->on_look();
    return guarded(back_off, [this] { look(); });
  }
  node_->read_markers({slot_}, [this, self = shared_from_this()](const auto& found) {
    if (stopped_)
      return;
    auto own = found.find(slot_);
    looked(own == found.end() ? std::nullopt : std::optional(own->second));
  });
}

void slot_publisher::looked(const std::optional<marker>& found) {
  if (!claimed_ && !claim_sent_)
    return decide(found);
  if (!claimed_) {
    auto step = after_claim_look(claim_, found);
    if (!step)
      return replaced();
    node_->in().probe(*step == claim_step::claimed ? "unknown claim was written" : "unknown claim was not written");
    if (*step == claim_step::again)
      return claim();
    if (*step == claim_step::decide_again)
      return decide(found);
    claimed_ = true;
    from_checkpoint_ = claim_.mark.ordinal == all_records ? claim_.mark.checkpoint + 1 : claim_.mark.checkpoint;
    from_ordinal_ = claim_.mark.ordinal == all_records ? 0 : claim_.mark.ordinal;
    return next();
  }
  auto at = after_look(intended_, found, node_->authority().lineage(), incarnation_);
  if (!at && at.err().code == errc::fenced)
    return replaced();
  if (!at)
    return node_->in().wrong(at.err().message);
  node_->in().probe(at->published ? "unknown publish was written" : "unknown publish was not written");
  from_checkpoint_ = at->from_checkpoint;
  from_ordinal_ = at->from_ordinal;
  next();
}

void slot_publisher::replaced() {
  node_->in().probe("slot replaced by a newer incarnation");
  ask_owner(true);
}

void slot_publisher::decide(const std::optional<marker>& found) {
  recovery_facts facts;
  facts.lineage = node_->authority().lineage();
  facts.incarnation = incarnation_;
  if (auto m = node_->manifest()) {
    facts.complete.push_back(m->checkpoint);
    for (const auto& e : m->outbox)
      if (e.slot == slot_)
        facts.unpublished.push_back(e.checkpoint);
  }
  facts.markers.push_back({id_, found, !found});
  // Of one lineage there is one control topic: who wrote a lower incarnation was one of its attempts.
  if (found && found->incarnation < incarnation_)
    facts.own_incarnations.push_back(found->incarnation);
  if (found && found->incarnation > incarnation_)
    return replaced();
  auto plan = decide_recovery(facts);
  if (!plan)
    return node_->in().wrong("slot " + id_ + ": " + plan.err().message);
  claim_ = plan->claims.front();
  claim();
}

void slot_publisher::claim() {
  claim_sent_ = true;
  transact({}, claim_.mark);
}

void slot_publisher::next() {
  const auto manifest = node_->manifest();
  const outbox_entry* mine = nullptr;
  if (manifest)
    for (const auto& e : manifest->outbox)
      if (mine == nullptr && e.slot == slot_ && e.checkpoint >= from_checkpoint_)
        mine = &e;
  if (mine == nullptr)
    return guarded(back_off, [this] { next(); });
  if (may_publish(*mine, manifest->outbox, markers_))
    return publish(*mine);
  node_->in().probe("slot waits for the others to reach the move");
  std::set<slot_id> others;
  for (const auto& e : manifest->outbox)
    others.insert(e.slot);
  node_->read_markers({others.begin(), others.end()}, [this, self = shared_from_this()](auto found) {
    if (stopped_)
      return;
    markers_ = std::move(found);
    guarded(back_off, [this] { next(); });
  });
}

void slot_publisher::publish(const outbox_entry& e) {
  attempts_ = 0;
  read(e, 0, {});
}

void slot_publisher::read(outbox_entry e, std::size_t file, std::vector<item> records) {
  if (file == e.files.size())
    return send(records, e.checkpoint, e.checkpoint == from_checkpoint_ ? from_ordinal_ : 0);
  node_->read_file(e.files[file], [this, self = shared_from_this(), e, file, records](const result<std::string>& bytes) mutable {
    if (stopped_)
      return;
    if (!bytes) {
      if (bytes.err().code == errc::unavailable)
        return guarded(back_off, [this] { next(); });
      // Published by somebody else and collected: then the slot is not ours any more, or a newer manifest knows.
      node_->at().unreadable(e.files[file].name, bytes.err());
      return ask_owner(true);
    }
    for (const auto& r : decode_output(*bytes))
      records.push_back(r);
    read(e, file + 1, std::move(records));
  });
}

void slot_publisher::send(const std::vector<item>& records, std::uint64_t checkpoint, std::uint64_t from) {
  auto to = static_cast<std::uint64_t>(records.size());
  marker m{node_->authority().lineage(), incarnation_, checkpoint, all_records};
  if (to - from > largest_part && node_->in().chance(30)) {
    node_->in().probe("epoch split over transactions");
    to = from + largest_part;
    m.ordinal = to;
  }
  std::vector<item> part(records.begin() + static_cast<std::ptrdiff_t>(from), records.begin() + static_cast<std::ptrdiff_t>(to));
  transact(std::move(part), m);
}

void slot_publisher::transact(std::vector<item> part, const marker& m) {
  ++attempts_;
  intended_ = m;
  ask(
      [this, part = std::move(part), m, epoch = epoch_]() -> world::event {
        std::size_t which = 0;
        auto added = node_->at().kafka().add(id_, epoch, part, which);
        return [this, m, added] {
          if (added == broker::answer::ok)
            return commit(m);
          came_back(added == broker::answer::fenced ? publish_outcome::fenced : publish_outcome::retriable);
        };
      },
      [this] { came_back(publish_outcome::unknown); });
}

void slot_publisher::commit(const marker& m) {
  intended_ = m;
  ask(
      [this, m, epoch = epoch_]() -> world::event {
        auto ended = node_->at().kafka().commit(id_, epoch, m);
        return [this, ended] {
          came_back(ended == broker::answer::ok       ? publish_outcome::done
                    : ended == broker::answer::fenced ? publish_outcome::fenced
                                                      : publish_outcome::retriable);
        };
      },
      [this] { came_back(publish_outcome::unknown); });
}

void slot_publisher::came_back(publish_outcome outcome) {
  switch (decide_publish(outcome, attempts_)) {
    case publish_step::record_published:
      claimed_ = true;
      from_checkpoint_ = intended_.ordinal == all_records ? intended_.checkpoint + 1 : intended_.checkpoint;
      from_ordinal_ = intended_.ordinal == all_records ? 0 : intended_.ordinal;
      return next();
    case publish_step::again:
      node_->in().probe("publish tried again");
      return guarded(back_off, [this] { claimed_ ? next() : claim(); });
    case publish_step::stop_job:
      // Of one node the end of the job; here somebody else may own the slot now.
      node_->in().probe("slot fenced");
      return ask_owner(true);
    default:
      node_->in().probe("publish of unknown outcome");
      return fence();
  }
}

} // namespace weir::simulation
