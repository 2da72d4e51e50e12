#include <algorithm>
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
    if (refused.front().err != RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
      auto record = refused.front().record;
      return {unwritable, record, make_error(refused.front().err, where() + ", topic '" + topics_[sent_[record].topic] + "'")};
    }
    return judge_too_large(refused);
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

/// The broker refuses whole batches. With one record refused, or one above its topic's limit, it is known which;
/// otherwise the publish must come again in smaller batches.
publish_report kafka_publisher::judge_too_large(const std::vector<delivery_failures::failure>& refused) {
  auto report = [&](std::size_t record) {
    isolating_ = false;
    const auto& s = sent_[record];
    replace_producer_ = batch_bytes_ == 1; // Back to the usual batches.
    return publish_report{publish_outcome::unwritable,
                          record,
                          {errc::too_large, where() + ": a record of " + std::to_string(s.bytes) +
                                                " bytes is above max.message.bytes of topic '" + topics_[s.topic] + "'"}};
  };
  if (refused.size() == 1 || batch_bytes_ == 1)
    return report(refused.front().record);
  for (const auto& f : refused) {
    const auto& s = sent_[f.record];
    auto limit = limits_->of(topics_[s.topic]);
    if (limit > 0 && s.bytes > limit && config_.compression == "none" && batch_bytes_ <= limit)
      return report(f.record);
  }
  replace_producer_ = true;
  isolating_ = true;
  return {
      publish_outcome::retriable,
      0,
      {errc::too_large, where() + ": a batch was above max.message.bytes; the records are sent one by one to find out which"}};
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
