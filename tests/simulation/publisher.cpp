#include "tests/simulation/publisher.hpp"
#include "tests/simulation/process.hpp"

namespace weir::simulation {

namespace {
constexpr std::int64_t patience = 400;
constexpr std::int64_t back_off = 50;
} // namespace

void publisher::request(at_broker what, answer timed_out) {
  auto generation = ++generation_;
  auto& w = process_->in();
  process_->after(actor::publisher, patience, [this, generation, timed_out = std::move(timed_out)] {
    if (generation != generation_)
      return;
    ++generation_; // The answer may still come.
    timed_out();
  });
  if (w.fault(process_->lost_in_million()))
    return;
  auto travel = 1 + w.below(20) + (w.fault(20'000) ? w.below(3 * patience) : 0);
  last_arrival_ = std::max(last_arrival_ + 1, w.now() + travel);
  w.at(last_arrival_, [this, self = process_->shared_from_this(), generation, what = std::move(what)] {
    auto reply = what(self->kafka());
    if (self->in().fault(self->lost_in_million()))
      return;
    self->after(actor::publisher, 1 + self->in().below(20), [this, generation, reply = std::move(reply)] {
      if (generation != generation_)
        return;
      ++generation_;
      reply();
    });
  });
}

void publisher::fence() {
  // A new producer is a new connection: what the old one sent may still be on its way, and arrive later than this.
  last_arrival_ = process_->in().now();
  request(
      [this, id = process_->id()](broker& b) {
        auto epoch = b.init(id);
        return [this, epoch] {
          epoch_ = epoch;
          look(std::nullopt);
        };
      },
      [this] { fence(); });
}

void publisher::look(std::optional<std::size_t> target) {
  request(
      [this, target, id = process_->id()](broker& b) {
        auto view = b.read_markers(id);
        auto until = target.value_or(view.high_watermark);
        return [this, until, view] {
          if (view.last_stable >= until)
            return looked(view.found);
          process_->in().probe("marker hidden behind an open transaction");
          process_->after(actor::publisher, back_off, [this, until] { look(until); });
        };
      },
      [this, target] { look(target); });
}

void publisher::looked(const std::optional<marker>& found) {
  if (stage_ == stage::recovering)
    return process_->decide(found);
  if (stage_ == stage::claiming)
    return claim_looked(found);
  auto seen = after_look(intended_, found, process_->disk().content().lineage, process_->disk().content().incarnation);
  if (!seen)
    return process_->exit(seen.err().code == errc::fenced ? process::end::fenced : process::end::refused);
  process_->in().probe(seen->published ? "unknown was published" : "unknown was not published");
  if (seen->published)
    return recorded();
  from_checkpoint_ = seen->from_checkpoint;
  from_ordinal_ = seen->from_ordinal;
  next();
}

void publisher::claim_looked(const std::optional<marker>& found) {
  auto step = after_claim_look(claim_, found);
  if (!step)
    return process_->exit(process::end::fenced);
  switch (*step) {
    case claim_step::claimed:
      process_->in().probe("unknown claim was written");
      return recorded();
    case claim_step::again:
      process_->in().probe("unknown claim was not written");
      return commit();
    case claim_step::decide_again:
      process_->in().probe("somebody published before the claim");
      return process_->exit(process::end::failed);
  }
}

void publisher::recover(const recovery_plan& plan) {
  stage_ = stage::claiming;
  busy_ = true;
  claim_ = plan.claims.at(0);
  intended_ = claim_.mark;
  records_.clear();
  if (plan.publish.empty()) {
    from_checkpoint_ = plan.next;
    from_ordinal_ = 0;
  } else {
    from_checkpoint_ = plan.publish[0].checkpoint;
    from_ordinal_ = plan.publish[0].from_ordinal;
    if (from_ordinal_ > 0)
      process_->in().probe("epoch published in part before a restart");
  }
  commit();
}

void publisher::wake() {
  again_ = true;
  if (!busy_ && stage_ == stage::running)
    next();
}

void publisher::next() {
  busy_ = true;
  again_ = false;
  process_->send(actor::publisher, actor::store, [this, k = from_checkpoint_, first = from_ordinal_] {
    std::vector<item> records;
    std::vector<std::pair<std::uint64_t, std::size_t>> places;
    marker m{process_->disk().content().lineage, process_->disk().content().incarnation, 0, 0};
    auto room = static_cast<std::size_t>(1 + process_->in().below(12));
    for (const auto& [number, outbox] : process_->disk().content().outboxes) {
      if (number < k)
        continue;
      auto from = number == k ? static_cast<std::size_t>(first) : 0;
      auto to = std::min(outbox.size(), from + room);
      if (from > outbox.size())
        return process_->in().wrong("publishing goes on behind the end of an epoch");
      if (room == 0)
        break;
      for (auto i = from; i < to; ++i) {
        auto record = outbox[i];
        if (process_->disk().content().fates.count({number, i}) > 0) {
          if (!broker::becomes_letter(record.id))
            continue;
          record.letter = true;
        }
        records.push_back(record);
        places.emplace_back(number, i);
      }
      room -= to - from;
      m.checkpoint = number;
      m.ordinal = to == outbox.size() ? all_records : to;
      if (m.ordinal != all_records)
        break;
    }
    process_->send(actor::store, actor::publisher, [this, records = std::move(records), places = std::move(places), m]() mutable {
      if (m.checkpoint == 0) {
        busy_ = false;
        if (stage_ == stage::leftovers) {
          stage_ = stage::running;
          process_->start_graph();
        }
        if (again_)
          next();
        else
          process_->published_all();
        return;
      }
      records_ = std::move(records);
      places_ = std::move(places);
      intended_ = m;
      attempts_ = 0;
      publish();
    });
  });
}

void publisher::publish() {
  if (records_.empty())
    return commit();
  request(
      [this, id = process_->id(), epoch = epoch_, records = records_](broker& b) {
        std::size_t which = 0;
        auto a = b.add(id, epoch, records, which);
        return [this, a, which] {
          if (a == broker::answer::ok)
            return commit();
          refused_ = which;
          if (a == broker::answer::refused)
            return came_back(publish_outcome::unwritable);
          came_back(a == broker::answer::fenced ? publish_outcome::fenced : publish_outcome::retriable);
        };
      },
      [this] { came_back(publish_outcome::unknown); });
}

void publisher::commit() {
  request(
      [this, id = process_->id(), epoch = epoch_, m = intended_](broker& b) {
        auto a = b.commit(id, epoch, m);
        return [this, a] {
          came_back(a == broker::answer::ok       ? publish_outcome::done
                    : a == broker::answer::fenced ? publish_outcome::fenced
                                                  : publish_outcome::retriable);
        };
      },
      [this] { came_back(publish_outcome::unknown); });
}

void publisher::came_back(publish_outcome outcome) {
  switch (decide_publish(outcome, ++attempts_)) {
    case publish_step::record_published:
      return recorded();
    case publish_step::again:
      return process_->after(actor::publisher, back_off, [this] { publish(); });
    case publish_step::reopen_and_look:
      process_->in().probe("publish with unknown outcome");
      process_->on_unknown();
      return process_->after(actor::publisher, 1, [this] { fence(); });
    case publish_step::stop_job:
      return process_->exit(process::end::fenced);
    case publish_step::isolate:
      return isolate();
    case publish_step::stop_publishing:
    case publish_step::stop_damaged:
      return process_->in().wrong("a step that nothing here leads to");
  }
}

void publisher::isolate() {
  process_->in().probe("record refused for good");
  process_->send(actor::publisher, actor::store, [this, place = places_.at(refused_)] {
    if (!process_->disk().add_fate(place.first, place.second))
      return process_->exit(process::end::failed);
    process_->send(actor::store, actor::publisher, [this] { next(); });
  });
}

void publisher::recorded() {
  attempts_ = 0;
  process_->send(actor::publisher, actor::store, [p = process_, m = intended_] { p->disk().set_published(m); });
  if (stage_ == stage::claiming) {
    stage_ = stage::leftovers;
    return next();
  }
  if (intended_.ordinal == all_records) {
    from_checkpoint_ = intended_.checkpoint + 1;
    from_ordinal_ = 0;
  } else {
    from_checkpoint_ = intended_.checkpoint;
    from_ordinal_ = intended_.ordinal;
    process_->in().probe("epoch split over transactions");
  }
  next();
}

} // namespace weir::simulation
