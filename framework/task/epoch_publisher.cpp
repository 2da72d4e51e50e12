#include <algorithm>
#include <deque>
#include <weir/core/fail_point.hpp>
#include <weir/storage/job_store.hpp>
#include <weir/task/epoch_publisher.hpp>

namespace weir {
namespace {

/// Records handed to the connector at once: enough to keep its queue busy, few enough to keep views in cache.
constexpr std::size_t add_records = 4096;
constexpr duration first_pause = std::chrono::milliseconds(50);
constexpr duration longest_pause = std::chrono::seconds(5);

duration pause_after(unsigned attempts) {
  auto pause = first_pause;
  for (unsigned i = 1; i < attempts && pause < longest_pause; ++i)
    pause *= 2;
  return std::min(pause, longest_pause);
}

} // namespace

epoch_publisher::epoch_publisher(options o, std::vector<publisher_slot> slots, logger log)
    : options_(std::move(o)), slots_(std::move(slots)), publishers_(slots_.size()), log_(std::move(log)) {}

void epoch_publisher::identify(lineage_id lineage, std::uint64_t incarnation) {
  lineage_ = lineage;
  incarnation_ = incarnation;
}

result<> epoch_publisher::open(std::size_t slot) {
  publishers_[slot].reset(); // The old producer first: two with one id would fence each other.
  WEIR_ASSIGN(publishers_[slot], slots_[slot].sink->open_publisher(slots_[slot].id, options_.marker_topic));
  return publishers_[slot]->fence();
}

result<> epoch_publisher::fence() {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (auto r = open(i); !r)
      return r.err().in("transactional id '" + slots_[i].id + "'");
  }
  return success();
}

result<std::optional<marker>> epoch_publisher::read_marker(std::size_t slot) { return publishers_[slot]->read_marker(); }

result<> epoch_publisher::claim(std::size_t slot, const recovery_plan::claim& c) {
  for (unsigned attempts = 1;; ++attempts) {
    auto report = publishers_[slot]->commit(c.mark);
    auto step = decide_publish(report.outcome, attempts);
    if (step == publish_step::record_published)
      return success();
    if (step == publish_step::stop_job)
      return error{errc::fenced, "another process publishes under '" + slots_[slot].id + "': " + report.cause.message};
    if (step == publish_step::stop_publishing || step == publish_step::stop_damaged || step == publish_step::isolate)
      return report.cause.in("writing the marker of '" + slots_[slot].id + "'");
    log_.warning("the marker is not written yet, trying again", {{"id", slots_[slot].id}, {"cause", report.cause.message}});
    if (options_.wait(pause_after(attempts)))
      return error{errc::cancelled, "stopped before the marker was written"};
    // Whatever the failure was: with a new producer the place of the id must be looked at anew before it is claimed.
    WEIR_TRY(open(slot));
    WEIR_ASSIGN(auto found, publishers_[slot]->read_marker());
    WEIR_ASSIGN(auto next, after_claim_look(c, found));
    if (next == claim_step::claimed)
      return success();
    if (next == claim_step::decide_again)
      return error{errc::unavailable, "an earlier process of this job published under '" + slots_[slot].id +
                                          "' while it was being taken over; reading its marker again"};
  }
}

result<> epoch_publisher::publish(const std::vector<epoch_output>& epochs, const std::map<std::size_t, std::uint64_t>& done) {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    position at;
    if (auto found = done.find(i); found != done.end()) {
      if (found->second == all_records)
        at.epoch = 1;
      else
        at.ordinal = found->second;
    }
    if (at.epoch >= epochs.size())
      continue;
    if (auto r = publish_slot(i, epochs, at); !r)
      return r.err().in("publishing under '" + slots_[i].id + "'");
  }
  return success();
}

epoch_publisher::attempt_result epoch_publisher::attempt(std::size_t slot, const std::vector<epoch_output>& epochs,
                                                         position& at) {
  auto& publisher = *publishers_[slot];
  attempt_result out;
  std::vector<output_record> records;
  std::deque<std::string> letters; // Headers of dead letters: they outlive `records`.
  std::size_t bytes = 0;
  auto flush = [&] {
    if (records.empty())
      return true;
    out.report = publisher.add(records);
    records.clear();
    return out.report.outcome == publish_outcome::done;
  };
  auto next = at;
  auto split = false;
  for (; next.epoch < epochs.size() && !split; ++next.epoch, next.ordinal = 0) {
    std::uint64_t ordinal = 0;
    const auto* fates = fates_.find(slots_[slot].connection, epochs[next.epoch].checkpoint);
    for (auto& chunk : epochs[next.epoch].chunks) {
      auto whole = decode_outbox(chunk, [&](const outbox_record& r) {
        if (r.connection != slots_[slot].connection || ordinal++ < next.ordinal)
          return true;
        output_record to_write{r.topic, r.partition, r.key, r.value, r.packed_headers, r.time_ms};
        if (auto fate = fates ? fates->find(ordinal - 1) : record_fates::of_epoch::const_iterator{};
            fates && fate != fates->end()) {
          const auto& letter = fate->second.dead_letter;
          if (!letter)
            return true;
          letters.push_back(dead_letter_headers(r, fate->second));
          to_write.topic = letter->topic;
          to_write.partition = letter->partition;
          to_write.packed_headers = letters.back();
        }
        records.push_back(to_write);
        bytes += (r.key ? r.key->size() : 0) + (r.value ? r.value->size() : 0) + r.packed_headers.size();
        if (records.size() >= add_records && !flush())
          return false;
        split = bytes >= options_.transaction_bytes;
        return !split;
      });
      if (!whole)
        out.report = {publish_outcome::damaged, 0, whole.err().in("epoch " + std::to_string(epochs[next.epoch].checkpoint))};
      if (out.report.outcome != publish_outcome::done || !flush()) {
        publisher.abort();
        return out;
      }
      if (split)
        break;
    }
    if (split) {
      next.ordinal = ordinal;
      break;
    }
  }
  if (split)
    out.intended = {lineage_, incarnation_, epochs[next.epoch].checkpoint, next.ordinal};
  else
    out.intended = {lineage_, incarnation_, epochs.back().checkpoint, all_records};
  if (auto armed = hit(fail_point::publisher_added); !armed) {
    publisher.abort();
    out.report = {publish_outcome::retriable, 0, armed.err()};
    return out;
  }
  out.report = publisher.commit(out.intended);
  if (out.report.outcome == publish_outcome::done)
    at = next;
  return out;
}

result<epoch_publisher::position> epoch_publisher::look(std::size_t slot, const std::vector<epoch_output>& epochs,
                                                        const marker& intended, position at) {
  WEIR_TRY(open(slot));
  WEIR_ASSIGN(auto found, publishers_[slot]->read_marker());
  WEIR_ASSIGN(auto seen, after_look(intended, found, lineage_, incarnation_));
  if (!seen.published)
    return at;
  if (intended.ordinal == all_records)
    return position{epochs.size(), 0};
  for (std::size_t i = 0; i < epochs.size(); ++i) {
    if (epochs[i].checkpoint == intended.checkpoint)
      return position{i, intended.ordinal};
  }
  return at;
}

result<> epoch_publisher::publish_slot(std::size_t slot, const std::vector<epoch_output>& epochs, position at) {
  unsigned attempts = 0;
  auto must_look = false;
  marker intended;
  while (at.epoch < epochs.size()) {
    if (must_look || !publishers_[slot]) {
      auto seen = look(slot, epochs, intended, at);
      if (!seen) {
        if (seen.err().code != errc::unavailable && seen.err().code != errc::unknown_outcome)
          return seen.err();
        log_.warning("cannot look up what was published, trying again", {{"id", slots_[slot].id}, {"cause", seen.err().message}});
        if (options_.wait(pause_after(++attempts)))
          return error{errc::cancelled, "stopped before the outcome of a publish was known"};
        must_look = true;
        continue;
      }
      at = *seen;
      must_look = false;
      continue;
    }
    auto before = at;
    auto tried = attempt(slot, epochs, at);
    if (tried.report.outcome == publish_outcome::done) {
      attempts = 0;
      continue;
    }
    at = before;
    intended = tried.intended;
    ++attempts;
    switch (decide_publish(static_cast<int>(tried.report.outcome), attempts)) {
      case publish_step::record_published:
        break;
      case publish_step::again:
        log_.warning("publishing failed, trying again",
                     {{"id", slots_[slot].id}, {"attempt", attempts}, {"cause", tried.report.cause.message}});
        if (options_.wait(pause_after(attempts)))
          return error{errc::cancelled, "stopped before the output was published: " + tried.report.cause.message};
        break;
      case publish_step::reopen_and_look:
        log_.warning("the outcome of a publish is unknown, looking it up",
                     {{"id", slots_[slot].id}, {"cause", tried.report.cause.message}});
        if (options_.wait(pause_after(attempts)))
          return error{errc::cancelled, "stopped before the outcome of a publish was known"};
        must_look = true;
        break;
      case publish_step::isolate:
        WEIR_TRY(isolate(slot, epochs, before, tried.report));
        attempts = 0;
        break;
      case publish_step::stop_publishing:
        return error{tried.report.cause.code == errc::not_authorized ? errc::not_authorized : errc::not_found,
                     tried.report.cause.message + ". The output stays in the outbox until the topic or the right is back"};
      case publish_step::stop_damaged:
        return error{errc::store_corrupt, tried.report.cause.message + ". The store stays as it is; put a copy of it back"};
      case publish_step::stop_job:
        return error{errc::fenced, "another process publishes under '" + slots_[slot].id + "': " + tried.report.cause.message};
    }
  }
  return success();
}

} // namespace weir
