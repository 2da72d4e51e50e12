#include <algorithm>
#include <set>
#include <weir/connectors/kafka/admin.hpp>
#include <weir/connectors/kafka/publisher.hpp>

// How a failed publish is judged: which record, which topic, or only bad luck.
namespace weir::kafka {

publish_report kafka_publisher::judge_failures(const call_outcome& cause) {
  using enum publish_outcome;
  auto failures = failures_->all();
  std::vector<delivery_failures::failure> refused;
  bool timed_out = cause.err == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT || cause.err == RD_KAFKA_RESP_ERR__TIMED_OUT ||
                   cause.err == RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE;
  std::optional<delivery_failures::failure> gone_one;
  for (const auto& f : failures) {
    auto outcome = outcome_of_delivery(f.err);
    if (outcome == fenced)
      return {fenced, 0, make_error(f.err, where())};
    if (outcome == unwritable && f.record < sent_.size())
      refused.push_back(f);
    if (outcome == gone && !gone_one)
      gone_one = f;
    timed_out = timed_out || f.err == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT;
  }
  if (!refused.empty()) {
    std::sort(refused.begin(), refused.end(), [](const auto& a, const auto& b) { return a.record < b.record; });
    return refused.front().err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ? judge_too_large(refused) : judge_refused(refused);
  }
  if (gone_one) {
    auto topic = gone_one->record < sent_.size() ? topics_[sent_[gone_one->record].topic] : options_.marker_topic;
    return {gone, 0, make_error(gone_one->err, where() + ", topic '" + topic + "'")};
  }
  if (!cause.ok() && outcome_of_delivery(cause.err) == gone)
    return {gone, 0, {code_of(cause.err), where() + ": " + cause.text}};
  std::string which;
  if (timed_out && topic_is_gone(which))
    return {gone, 0, {errc::not_found, where() + ": there is no topic '" + which + "' any more, or not this partition of it"}};
  auto text = !cause.ok()        ? cause.text
              : failures.empty() ? std::string("no reason given")
                                 : rd_kafka_err2str(failures.front().err);
  return {retriable, 0, producer_ ? producer_->unavailable(text).in(where()) : error{errc::unavailable, where() + ": " + text}};
}

publish_report kafka_publisher::unwritable(const std::vector<std::size_t>& records, const error& cause) const {
  publish_report report{publish_outcome::unwritable, records.front(), cause};
  report.also.assign(records.begin() + 1, records.end());
  return report;
}

/// Records one by one: a batch of one says which record it was. Stays until a commit, for others may follow.
publish_report kafka_publisher::isolate(errc code, const std::string& what) {
  replace_producer_ = true;
  isolating_ = true;
  return {publish_outcome::retriable,
          0,
          {code, where() + ": " + what + "; the records are sent one by one to find out which one it was"}};
}

/// The broker refuses whole batches, with one error for all of a batch. With one record refused, or records sent one by one,
/// it is known which.
publish_report kafka_publisher::judge_refused(const std::vector<delivery_failures::failure>& refused) {
  if (refused.size() > 1 && batch_bytes_ != 1)
    return isolate(code_of(refused.front().err), std::string("a batch was refused: ") + rd_kafka_err2str(refused.front().err));
  std::vector<std::size_t> records;
  for (const auto& f : refused)
    if (records.empty() || records.back() != f.record)
      records.push_back(f.record);
  return unwritable(records,
                    make_error(refused.front().err, where() + ", topic '" + topics_[sent_[records.front()].topic] + "'"));
}

/// What the limits are now tells without sending which records are above them, unless compression makes them smaller, and
/// whether it was only the batch that was too large.
publish_report kafka_publisher::judge_too_large(const std::vector<delivery_failures::failure>& refused) {
  read_limits(refused);
  auto report = [&](const std::vector<std::size_t>& records) {
    const auto& s = sent_[records.front()];
    return unwritable(records, {errc::too_large, where() + ": a record of " + std::to_string(s.bytes) +
                                                     " bytes is above max.message.bytes of topic '" + topics_[s.topic] + "'"});
  };
  std::vector<std::size_t> records;
  if (config_.compression == "none") {
    for (std::size_t i = 0; i < sent_.size(); ++i)
      if (auto limit = limits_->of(topics_[sent_[i].topic]); limit > 0 && sent_[i].bytes > limit)
        records.push_back(i);
    if (!records.empty())
      return report(records);
  }
  if (refused.size() == 1 || batch_bytes_ == 1) {
    for (const auto& f : refused)
      records.push_back(f.record);
    return report(records);
  }
  if (limits_->batch_bytes(usual_batch) < batch_bytes_)
    return {publish_outcome::retriable,
            0,
            {errc::too_large, where() + ": a batch was above max.message.bytes, which was lowered; smaller ones follow"}};
  return isolate(errc::too_large, "a batch was above max.message.bytes");
}

void kafka_publisher::read_limits(const std::vector<delivery_failures::failure>& refused) {
  if (!producer_)
    return;
  std::set<std::uint32_t> topics;
  for (const auto& f : refused)
    topics.insert(sent_[f.record].topic);
  for (auto t : topics)
    if (auto d = admin{*producer_, config_.request_timeout}.describe(topics_[t]))
      limits_->set(topics_[t], d->max_record_bytes);
}

bool kafka_publisher::topic_is_gone(std::string& which) {
  auto conf = make_conf(config_, {}, {});
  if (!conf)
    return false;
  // A consumer: its questions about topics never create them.
  auto asker = client::open(RD_KAFKA_CONSUMER, std::move(conf).value(), config_.name, log_);
  if (!asker)
    return false;
  auto topics = topics_;
  topics.push_back(options_.marker_topic);
  for (const auto& topic : topics) {
    auto d = admin{**asker, config_.request_timeout}.describe(topic);
    if (d.ok())
      continue;
    if (d.err().code == errc::unavailable)
      return false;
    if (d.err().code == errc::not_found || d.err().code == errc::not_authorized) {
      which = topic;
      return true;
    }
  }
  return false;
}

} // namespace weir::kafka
