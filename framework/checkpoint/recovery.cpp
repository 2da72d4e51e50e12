#include <algorithm>
#include <weir/checkpoint/planted_bugs.hpp>
#include <weir/checkpoint/recovery.hpp>

namespace weir {

namespace {

constexpr unsigned retriable_attempts = 5;

std::string number(std::uint64_t n) { return std::to_string(n); }

const char* const choices =
    "Put the store that published back, or start with --new-lineage to go on from this one (output may repeat).";

/// The first epoch that is not published whole, and its first record that is not.
struct position {
  std::uint64_t checkpoint = 0;
  std::uint64_t ordinal = 0;
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the literal of a defaulted comparison for a pointer.
  friend auto operator<=>(const position&, const position&) = default;
};

position behind(const marker& m) {
  if (m.ordinal == all_records)
    return {m.checkpoint + 1, 0};
  return {m.checkpoint, m.ordinal};
}

/// The marker that says `p` and nothing new.
marker claim_of(const recovery_facts& facts, const position& p) {
  if (p.ordinal == 0)
    return {facts.lineage, facts.incarnation, p.checkpoint == 0 ? 0 : p.checkpoint - 1, all_records};
  return {facts.lineage, facts.incarnation, p.checkpoint, p.ordinal};
}

bool written_by_us(const recovery_facts& facts, const marker& m) {
  // Our incarnation was raised a moment ago and has written nothing: who carries it, or more, ran on a copy.
  if (m.incarnation >= facts.incarnation)
    return false;
  // Steps are random, so a copy may as well be below us: only what was recorded before its claim is ours.
  const auto& own = facts.own_incarnations;
  return std::find(own.begin(), own.end(), m.incarnation) != own.end();
}

/// What is wrong with the marker of an id; nothing: none.
std::optional<error> judge(const recovery_facts& facts, const recovery_facts::id_marker& id, std::uint64_t newest) {
  auto text = "the marker of transactional id '" + id.id + "' ";
  if (!id.found) {
    if (id.first_use || !facts.published)
      return std::nullopt;
    return error{errc::store_foreign, text + "is missing although checkpoint " + number(facts.published->checkpoint) +
                                          " is recorded as published: the marker topic was deleted or the connection leads to "
                                          "another cluster. Restore the topic, or start with --new-lineage (output may repeat)."};
  }
  const auto& m = *id.found;
  if (m.lineage != facts.lineage && facts.savepoint_of)
    return std::nullopt;
  if (m.lineage != facts.lineage)
    return error{errc::store_foreign,
                 text + "was written by the store " + m.lineage.text() + ", this is " + facts.lineage.text() + ". " + choices};
  if (!written_by_us(facts, m))
    return error{errc::store_foreign, text + "was written by incarnation " + number(m.incarnation) +
                                          " of this store, which was not ours: a copy of the store has run. " + choices};
  if (m.checkpoint > newest) {
    if (facts.newest_damaged)
      return error{errc::store_corrupt, "the newest checkpoint cannot be read and output up to checkpoint " +
                                            number(m.checkpoint) + " is published; going back to checkpoint " + number(newest) +
                                            " would repeat the output of epochs " + number(newest + 1) + " to " +
                                            number(m.checkpoint) + ". To accept that, start with --new-lineage."};
    return error{errc::store_foreign, text + "says that checkpoint " + number(m.checkpoint) +
                                          " is published, the newest complete one here is " + number(newest) +
                                          ": the store is older than the output. " + choices};
  }
  return std::nullopt;
}

} // namespace

result<recovery_plan> decide_recovery(const recovery_facts& facts) {
  recovery_plan plan;
  if (!facts.complete.empty())
    plan.restore = facts.complete.front();
  auto newest = plan.restore.value_or(0);

  std::optional<error> wrong;
  if (facts.newest_damaged && facts.complete.empty())
    wrong = error{errc::store_corrupt,
                  "the only checkpoint cannot be read. Put a copy of the store back, or start empty with "
                  "--new-lineage (output may repeat)."};
  for (const auto& id : facts.markers)
    if (!wrong)
      wrong = judge(facts, id, newest);
  if (wrong) {
    if (!facts.new_lineage_requested)
      return *wrong;
    plan.start_new_lineage = true;
  }

  auto highest = std::max({newest, facts.highest_number, facts.unpublished.empty() ? 0 : facts.unpublished.back(),
                           facts.published ? facts.published->checkpoint : 0});
  for (const auto& id : facts.markers) {
    position from;
    if (facts.published)
      from = behind(*facts.published);
    const auto fresh = facts.savepoint_of && !(id.found && id.found->lineage == facts.lineage);
    if (fresh) {
      const position all{newest + 1, 0};
      from = id.found && id.found->lineage == *facts.savepoint_of ? std::min(all, behind(*id.found)) : all;
    } else if (id.found && !plan.start_new_lineage) {
      auto at = behind(*id.found);
      if (planted::active(planted::bug::ordinal_forgotten))
        at.ordinal = 0;
      from = std::max(from, at);
    }
    if (id.found)
      highest = std::max(highest, id.found->checkpoint);
    if (!id.found || plan.start_new_lineage || fresh)
      plan.marker_zero_ids.push_back(id.id);
    plan.claims.push_back({id.id, claim_of(facts, from), id.found});
    for (auto k : facts.unpublished)
      // Above `newest` lies only what a damaged checkpoint left: its epochs are made again.
      if (k >= from.checkpoint && k <= newest)
        plan.publish.push_back({id.id, k, k == from.checkpoint ? from.ordinal : 0});
  }
  plan.publish_marker_zero = !plan.marker_zero_ids.empty();
  plan.next = highest + 1;
  return plan;
}

publish_step decide_publish(int outcome, unsigned attempts) {
  switch (static_cast<publish_outcome>(outcome)) {
    case publish_outcome::done:
      return publish_step::record_published;
    case publish_outcome::retriable:
      return attempts < retriable_attempts ? publish_step::again : publish_step::reopen_and_look;
    case publish_outcome::unwritable:
      return publish_step::isolate;
    case publish_outcome::gone:
      return publish_step::stop_publishing;
    case publish_outcome::damaged:
      return publish_step::stop_damaged;
    case publish_outcome::fenced:
      return publish_step::stop_job;
    case publish_outcome::unknown:
      break;
  }
  return publish_step::reopen_and_look;
}

result<claim_step> after_claim_look(const recovery_plan::claim& intended, const std::optional<marker>& found) {
  // The claim's position is that of the marker before it: only the whole marker tells whether it was written.
  if (found == intended.mark)
    return claim_step::claimed;
  if (found == intended.found || planted::active(planted::bug::claim_regardless))
    return claim_step::again;
  if (found && found->lineage == intended.mark.lineage && found->incarnation > intended.mark.incarnation)
    return error{errc::fenced, "incarnation " + number(found->incarnation) + " has claimed '" + intended.id + "', this is " +
                                   number(intended.mark.incarnation) + ": another process runs this job"};
  return claim_step::decide_again;
}

result<look_result> after_look(const marker& intended, const std::optional<marker>& found, const lineage_id& lineage,
                               std::uint64_t incarnation) {
  if (!found)
    return error{errc::store_foreign, "no marker was found although this process has written one: the marker topic was deleted"};
  if (found->lineage != lineage)
    return error{errc::store_foreign,
                 "the marker was written by the store " + found->lineage.text() + ", this is " + lineage.text()};
  if (found->incarnation > incarnation)
    return error{errc::fenced, "incarnation " + number(found->incarnation) + " has published, this is " + number(incarnation) +
                                   ": another process runs this job"};
  if (found->incarnation < incarnation)
    return error{errc::store_foreign, "the marker is of incarnation " + number(found->incarnation) + " although " +
                                          number(incarnation) + " had written its own: the marker topic has lost records"};
  auto at = behind(*found);
  return look_result{at >= behind(intended), at.ordinal, at.checkpoint};
}

} // namespace weir
