#include <algorithm>
#include <atomic>
#include <weir/cluster/kafka/control_writer.hpp>

namespace weir::cluster {

namespace {

using steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// The broker ends a transaction that is open for longer: a dead leader hides what is behind its own for so long at most, should
/// nobody take its id.
constexpr milliseconds transaction_timeout{10'000};
constexpr milliseconds delivery_timeout{5'000};

bool is_stale(rd_kafka_resp_err_t err) {
  return err == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION || err == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID ||
         err == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID || err == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS;
}

} // namespace

struct control_writer::deliveries {
  std::atomic<int> failed{RD_KAFKA_RESP_ERR_NO_ERROR};
  void take(rd_kafka_event_t* event) {
    while (const auto* m = rd_kafka_event_message_next(event))
      if (m->err)
        failed = m->err;
  }
};

template <class Call>
kafka::call_outcome control_writer::guarded(Call call) {
  auto answer = std::make_shared<kafka::call_outcome>();
  auto limit = transaction_timeout + milliseconds(2000);
  if (calls_.run([answer, call, p = producer_] { *answer = kafka::outcome_of(call(p->get())); }, limit))
    return *answer;
  kafka::call_outcome hung;
  hung.err = RD_KAFKA_RESP_ERR__TIMED_OUT;
  hung.fatal = true;
  hung.text = "the call did not return";
  return hung;
}

template <class Call>
kafka::call_outcome control_writer::repeated(Call call) {
  auto deadline = steady::now() + std::min(config_.request_timeout, transaction_timeout);
  for (;;) {
    auto o = guarded(call);
    if (o.ok() || !o.retriable || o.fatal || steady::now() >= deadline)
      return o;
  }
}

result<> control_writer::take() {
  producer_.reset();
  deliveries_ = std::make_shared<deliveries>();
  kafka::property_list fixed{{"transactional.id", topic_},
                             {"enable.idempotence", "true"},
                             {"transaction.timeout.ms", std::to_string(transaction_timeout.count())},
                             {"message.timeout.ms", std::to_string(delivery_timeout.count())},
                             {"delivery.report.only.error", "true"},
                             {"linger.ms", "0"}};
  WEIR_ASSIGN(auto conf, kafka::make_conf(config_, {}, fixed));
  WEIR_ASSIGN(producer_,
              kafka::client::open(RD_KAFKA_PRODUCER, std::move(conf), config_.name, log_,
                                  {.delivered = [d = deliveries_](rd_kafka_event_t* e) { d->take(e); }, .trouble = {}}));
  auto wait = static_cast<int>(std::min(config_.request_timeout, transaction_timeout).count());
  auto o = repeated([wait](rd_kafka_t* rk) { return rd_kafka_init_transactions(rk, wait); });
  if (o.ok())
    return success();
  auto e = o.fenced() ? error{errc::fenced, "another node took the control topic's transactional id at the same moment"}
                      : producer_->unavailable("the control topic's transactional id could not be taken: " + o.text);
  if (kafka::code_of(o.err) == errc::not_authorized)
    e.code = errc::not_authorized;
  producer_.reset();
  return e;
}

rd_kafka_resp_err_t control_writer::produce(rd_kafka_t* rk, const std::string& topic, const control_entry& e) {
  auto* value = e.value ? const_cast<char*>(e.value->data()) : nullptr;
  auto size = e.value ? e.value->size() : 0;
  return rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                           RD_KAFKA_V_KEY(e.key.data(), e.key.size()), RD_KAFKA_V_VALUE(value, size), RD_KAFKA_V_END);
}

control_writer::outcome control_writer::append(const std::vector<control_entry>& entries,
                                               const control_group::metadata_ptr& group, std::int64_t offset) {
  if (!producer_)
    return {append_outcome::unknown, false, "the transactional id has to be taken anew"};
  if (!group)
    return {append_outcome::retriable, true, "not a member of the control topic's group yet"};
  deliveries_->failed = RD_KAFKA_RESP_ERR_NO_ERROR;
  if (auto o = guarded([](rd_kafka_t* rk) { return rd_kafka_begin_transaction(rk); }); !o.ok())
    return failed(o);
  for (const auto& e : entries)
    if (auto err = produce(producer_->get(), topic_, e))
      return failed({err, false, false, true, rd_kafka_err2str(err)});
  auto* rk = producer_->get();
  auto flushed = rd_kafka_flush(rk, static_cast<int>((delivery_timeout + milliseconds(1000)).count()));
  auto lost = static_cast<rd_kafka_resp_err_t>(deliveries_->failed.load());
  if (flushed || lost)
    return failed({lost ? lost : flushed, false, false, true, rd_kafka_err2str(lost ? lost : flushed)});
  std::shared_ptr<rd_kafka_topic_partition_list_t> list(rd_kafka_topic_partition_list_new(1),
                                                        rd_kafka_topic_partition_list_destroy);
  rd_kafka_topic_partition_list_add(list.get(), topic_.c_str(), 0)->offset = offset;
  auto o =
      repeated([list, group](rd_kafka_t* p) { return rd_kafka_send_offsets_to_transaction(p, list.get(), group.get(), -1); });
  if (!o.ok())
    return failed(o, is_stale(o.err));
  return commit();
}

control_writer::outcome control_writer::commit() {
  auto o = repeated([](rd_kafka_t* rk) { return rd_kafka_commit_transaction(rk, -1); });
  if (o.ok())
    return {append_outcome::committed, false, {}};
  if (o.fenced())
    return {append_outcome::replaced, false, o.text};
  // Its end may have been asked for, whatever librdkafka calls the error: only the topic knows.
  producer_.reset();
  return {append_outcome::unknown, false, o.text};
}

/// Before the end of the transaction was asked for: nothing of it will show.
control_writer::outcome control_writer::failed(const kafka::call_outcome& cause, bool stale) {
  char text[512] = "";
  auto fatal = rd_kafka_fatal_error(producer_->get(), text, sizeof text);
  if (cause.fenced() || kafka::is_fencing(fatal)) {
    producer_.reset();
    return {append_outcome::replaced, false, cause.text};
  }
  auto aborted = !fatal && !cause.fatal && repeated([](rd_kafka_t* rk) { return rd_kafka_abort_transaction(rk, -1); }).ok();
  if (!aborted)
    producer_.reset(); // The next taking of the id aborts it.
  return {append_outcome::retriable, stale, cause.text};
}

result<> control_writer::say(const control_entry& e) {
  if (!plain_) {
    kafka::property_list fixed{
        {"enable.idempotence", "true"}, {"message.timeout.ms", std::to_string(delivery_timeout.count())}, {"linger.ms", "0"}};
    WEIR_ASSIGN(auto conf, kafka::make_conf(config_, {}, fixed));
    WEIR_ASSIGN(plain_, kafka::client::open(RD_KAFKA_PRODUCER, std::move(conf), config_.name, log_));
  }
  if (auto err = produce(plain_->get(), topic_, e))
    return kafka::make_error(err, "the control topic");
  if (rd_kafka_flush(plain_->get(), static_cast<int>(delivery_timeout.count()))) {
    plain_.reset();
    return error{errc::unavailable, "the control topic did not take a sign of life"};
  }
  return success();
}

} // namespace weir::cluster
