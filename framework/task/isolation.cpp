#include <algorithm>
#include <weir/core/fail_point.hpp>
#include <weir/task/epoch_publisher.hpp>

// A record that its topic refuses for good: the transaction is aborted, the record's new fate is made durable, and only
// then is the epoch published again. A crash before the fate is durable finds the epoch as it was, and the broker refuses the
// record again; a crash behind it finds the fate. Ordinals of markers do not change: the record's place stays taken.
namespace weir {

void epoch_publisher::fates(record_fates known, std::function<result<>(std::string)> keep) {
  fates_ = std::move(known);
  keep_fates_ = std::move(keep);
}

result<> epoch_publisher::isolate(std::size_t slot, const std::vector<epoch_output>& epochs, const position& from,
                                  const publish_report& report) {
  WEIR_TRY(hit(fail_point::publisher_refused));
  auto at = report.also;
  at.push_back(report.record);
  std::sort(at.begin(), at.end());
  at.erase(std::unique(at.begin(), at.end()), at.end());
  WEIR_ASSIGN(auto records, locate(slot, epochs, from, at));
  auto next = fates_;
  next.forget_below(slots_[slot].connection, epochs[from.epoch].checkpoint);
  for (const auto& record : records) {
    WEIR_ASSIGN(auto fate, judge(slot, record, report.cause));
    next.set(slots_[slot].connection, record.checkpoint, record.ordinal, std::move(fate));
  }
  WEIR_TRY(keep_fates_(next.encode()));
  fates_ = std::move(next);
  WEIR_TRY(hit(fail_point::publisher_fate_kept));
  for (const auto& record : records) {
    const auto& fate = fates_.find(slots_[slot].connection, record.checkpoint)->at(record.ordinal);
    log_.error(fate.dead_letter ? "a record can never be written: it becomes a dead letter"
                                : "a record can never be written: it is skipped",
               {{"sink", record.writer},
                {"topic", record.topic},
                {"epoch", record.checkpoint},
                {"record", record.ordinal},
                {"dead_letters", fate.dead_letter ? fate.dead_letter->topic : std::string("-")},
                {"cause", fate.cause}});
  }
  return success();
}

result<std::vector<epoch_publisher::located>> epoch_publisher::locate(std::size_t slot, const std::vector<epoch_output>& epochs,
                                                                      const position& from,
                                                                      const std::vector<std::size_t>& at) const {
  std::vector<located> found;
  std::size_t index = 0;
  for (auto e = from.epoch; e < epochs.size(); ++e) {
    const auto& epoch = epochs[e];
    const auto* fates = fates_.find(slots_[slot].connection, epoch.checkpoint);
    std::uint64_t ordinal = 0;
    for (std::size_t c = 0; c < epoch.chunks.size() && found.size() < at.size(); ++c) {
      WEIR_TRY(decode_outbox(epoch.chunks[c], [&](const outbox_record& r) {
        if (r.connection != slots_[slot].connection)
          return true;
        auto here = ordinal++;
        if (e == from.epoch && here < from.ordinal)
          return true;
        if (fates) {
          // What was dropped had no place in the transaction.
          if (auto fate = fates->find(here); fate != fates->end() && !fate->second.dead_letter)
            return true;
        }
        if (index++ != at[found.size()])
          return true;
        located l;
        l.checkpoint = epoch.checkpoint;
        l.ordinal = here;
        if (c < epoch.writers.size())
          l.writer = epoch.writers[c];
        l.topic = r.topic;
        if (r.key)
          l.key.emplace(*r.key);
        l.description = "record " + std::to_string(here) + " of epoch " + std::to_string(epoch.checkpoint) + ", of sink '" +
                        l.writer + "' for topic '" + l.topic + "'";
        found.push_back(std::move(l));
        return found.size() < at.size();
      }));
    }
  }
  if (found.size() < at.size())
    return error{errc::internal, "the broker refused record " + std::to_string(at[found.size()]) + " of a transaction that had " +
                                     std::to_string(index)};
  return found;
}

result<record_fate> epoch_publisher::judge(std::size_t slot, const located& record, const error& cause) {
  auto code = cause.code == errc::too_large ? errc::too_large : errc::invalid_argument;
  auto stays = [&](const std::string& why) {
    return error{code, record.description + ", can never be written: " + cause.message + ". " + why +
                           "It stays in the outbox; change the limits of the topic and start again"};
  };
  const auto& connection = slots_[slot].connection;
  if (const auto* fates = fates_.find(connection, record.checkpoint); fates && fates->count(record.ordinal) > 0)
    return stays("It is a dead letter on its way to topic '" + fates->at(record.ordinal).dead_letter->topic +
                 "', and a dead letter is never put aside again. ");
  auto sink = options_.sinks.find(record.writer);
  if (!keep_fates_ || sink == options_.sinks.end() || sink->second.refused == error_action::fail)
    return stays("");
  record_fate fate;
  fate.sink = record.writer;
  fate.reason = code == errc::too_large ? "too-large" : "refused";
  fate.cause = cause.message;
  if (sink->second.refused == error_action::skip)
    return fate;
  const auto& to = sink->second.dead_letters;
  if (to.connection != connection)
    return stays("Its dead letters go to connection '" + to.connection +
                 "', which cannot be written in one transaction with its own. ");
  WEIR_ASSIGN(auto topic, slots_[slot].sink->ensure_topic(to.topic, 0, false));
  auto key = record.key ? std::optional<std::string_view>(*record.key) : std::nullopt;
  fate.dead_letter = record_fate::letter{to.topic, slots_[slot].sink->partition_for(key, topic.partitions)};
  return fate;
}

} // namespace weir
