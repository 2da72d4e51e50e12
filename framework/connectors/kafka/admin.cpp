#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>
#include <thread>
#include <weir/connectors/kafka/admin.hpp>
#include <weir/connectors/kafka/errors.hpp>

namespace weir::kafka {
namespace {

using options_ptr = std::unique_ptr<rd_kafka_AdminOptions_t, destroyer<rd_kafka_AdminOptions_destroy>>;

constexpr std::chrono::milliseconds shortest_wait(1);
constexpr std::chrono::milliseconds longest_wait(10'000); // Shorter than a client remembers its trouble.

int millis(std::chrono::milliseconds t) { return static_cast<int>(t.count()); }

/// A broker that does not lead a partition yet, of a topic just made, or not any more says so for a moment; the client asks for
/// the leader behind that.
bool looks_for_leader(rd_kafka_resp_err_t e) {
  return e == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION || e == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
}

/// Asks again while that is the answer, up to the time-out; else the answer.
template <class F>
rd_kafka_resp_err_t ask_leader(std::chrono::milliseconds timeout, F ask) {
  auto deadline = std::chrono::steady_clock::now() + timeout;
  for (auto pause = std::chrono::milliseconds(5);; pause = std::min(pause * 2, std::chrono::milliseconds(200))) {
    auto err = ask();
    if (!looks_for_leader(err) || std::chrono::steady_clock::now() + pause > deadline)
      return err;
    std::this_thread::sleep_for(pause);
  }
}

/// One admin operation: options, a queue for the answer, and the wait for it.
class admin_call {
 public:
  admin_call(rd_kafka_t* rk, rd_kafka_admin_op_t op, std::chrono::milliseconds timeout)
      : options_(rd_kafka_AdminOptions_new(rk, op)), queue_(rd_kafka_queue_new(rk)), timeout_(millis(timeout)) {
    char text[128];
    rd_kafka_AdminOptions_set_request_timeout(options_.get(), timeout_, text, sizeof text);
  }
  [[nodiscard]] const rd_kafka_AdminOptions_t* options() const { return options_.get(); }
  [[nodiscard]] rd_kafka_queue_t* queue() const { return queue_.get(); }
  /// Null when nothing came in time (librdkafka answers by itself at the time-out: one second of slack).
  [[nodiscard]] event_ptr wait() const { return event_ptr(rd_kafka_queue_poll(queue_.get(), timeout_ + 1000)); }

 private:
  options_ptr options_;
  queue_ptr queue_;
  int timeout_;
};

} // namespace

error admin::failed(rd_kafka_resp_err_t err, const std::string& what) const {
  auto e = make_error(err, what);
  return e.code == errc::unavailable ? over.unavailable(e.message) : e;
}

result<std::string> admin::cluster_id() const {
  std::unique_ptr<char, destroyer<[](char* p) { rd_kafka_mem_free(nullptr, p); }>> id(
      rd_kafka_clusterid(over.get(), millis(timeout)));
  if (!id)
    return over.unavailable("the cluster did not say its id within " + std::to_string(timeout.count()) + " ms");
  return std::string(id.get());
}

result<std::int32_t> admin::partitions_of(const std::string& topic, bool with_leaders) const {
  topic_ptr handle(rd_kafka_topic_new(over.get(), topic.c_str(), nullptr));
  if (!handle)
    return {errc::invalid_argument, "'" + topic + "' cannot be the name of a topic"};
  const struct rd_kafka_metadata* raw = nullptr;
  auto err = rd_kafka_metadata(over.get(), 0, handle.get(), &raw, millis(timeout));
  if (err)
    return failed(err, "topic '" + topic + "' cannot be looked up");
  std::unique_ptr<const struct rd_kafka_metadata, destroyer<rd_kafka_metadata_destroy>> data(raw);
  if (data->topic_cnt != 1)
    return {errc::not_found, "there is no topic '" + topic + "'"};
  const auto& t = data->topics[0];
  if (t.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
    return {errc::not_found, "there is no topic '" + topic + "'"};
  if (t.err)
    return failed(t.err, "topic '" + topic + "'");
  if (with_leaders)
    for (int i = 0; i < t.partition_cnt; ++i)
      if (t.partitions[i].leader < 0)
        return over.unavailable("partition " + std::to_string(t.partitions[i].id) + " of topic '" + topic + "' has no leader");
  if (t.partition_cnt == 0)
    return {errc::not_found, "there is no topic '" + topic + "'"};
  return t.partition_cnt;
}

result<> admin::read_limits(topic_description& d) const {
  std::unique_ptr<rd_kafka_ConfigResource_t, destroyer<rd_kafka_ConfigResource_destroy>> resource(
      rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, d.topic.c_str()));
  admin_call call(over.get(), RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout);
  auto* asked = resource.get();
  rd_kafka_DescribeConfigs(over.get(), &asked, 1, call.options(), call.queue());
  auto event = call.wait();
  if (!event)
    return over.unavailable("the configuration of topic '" + d.topic + "' was not told in time");
  auto err = rd_kafka_event_error(event.get());
  if (err)
    return failed(err, "the configuration of topic '" + d.topic + "' cannot be read");
  const auto* answer = rd_kafka_event_DescribeConfigs_result(event.get());
  std::size_t n = 0;
  const auto** resources = rd_kafka_DescribeConfigs_result_resources(answer, &n);
  for (std::size_t i = 0; i < n; ++i) {
    err = rd_kafka_ConfigResource_error(resources[i]);
    if (err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED || err == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED)
      return success();
    if (err)
      return failed(err, "the configuration of topic '" + d.topic + "' cannot be read");
    std::size_t entries = 0;
    const auto** entry = rd_kafka_ConfigResource_configs(resources[i], &entries);
    for (std::size_t k = 0; k < entries; ++k) {
      std::string_view name = rd_kafka_ConfigEntry_name(entry[k]);
      const char* value = rd_kafka_ConfigEntry_value(entry[k]);
      if (!value)
        continue;
      if (name == "max.message.bytes")
        std::from_chars(value, value + std::strlen(value), d.max_record_bytes);
      else if (name == "cleanup.policy")
        d.compacted = std::string_view(value).find("compact") != std::string_view::npos;
    }
  }
  return success();
}

result<topic_description> admin::describe(const std::string& topic) const {
  topic_description d;
  d.topic = topic;
  WEIR_ASSIGN(d.partitions, partitions_of(topic, false));
  WEIR_TRY(read_limits(d));
  return d;
}

result<> admin::create(const std::string& topic, int partitions, int replication,
                       const std::map<std::string, std::string>& config) const {
  char text[512];
  std::unique_ptr<rd_kafka_NewTopic_t, destroyer<rd_kafka_NewTopic_destroy>> wanted(
      rd_kafka_NewTopic_new(topic.c_str(), partitions, replication, text, sizeof text));
  if (!wanted)
    return {errc::invalid_argument, "topic '" + topic + "' cannot be created: " + text};
  for (const auto& [name, value] : config)
    rd_kafka_NewTopic_set_config(wanted.get(), name.c_str(), value.c_str());
  admin_call call(over.get(), RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout);
  auto* asked = wanted.get();
  rd_kafka_CreateTopics(over.get(), &asked, 1, call.options(), call.queue());
  auto event = call.wait();
  std::string what = "topic '" + topic + "' could not be created";
  if (!event)
    return over.unavailable(what + " in time");
  if (auto err = rd_kafka_event_error(event.get()))
    return failed(err, what);
  std::size_t n = 0;
  const auto** results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &n);
  for (std::size_t i = 0; i < n; ++i) {
    auto err = rd_kafka_topic_result_error(results[i]);
    if (err && err != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
      return make_error(err, what,
                        rd_kafka_topic_result_error_string(results[i]) ? rd_kafka_topic_result_error_string(results[i]) : "");
  }
  return success();
}

result<topic_description> admin::ensure(const std::string& topic, int partitions, int replication,
                                        const std::map<std::string, std::string>& config) const {
  auto there = describe(topic);
  if (there || there.err().code != errc::not_found)
    return there;
  WEIR_TRY(create(topic, partitions, replication, config));
  // The creation is in the controller's log; the brokers learn of it one by one.
  auto deadline = std::chrono::steady_clock::now() + timeout;
  for (auto pause = std::chrono::milliseconds(5);; pause = std::min(pause * 2, std::chrono::milliseconds(200))) {
    auto n = partitions_of(topic, true);
    if (n)
      break;
    if (n.err().code != errc::not_found && n.err().code != errc::unavailable)
      return n.err();
    if (std::chrono::steady_clock::now() > deadline)
      return over.unavailable("topic '" + topic + "' was created but has no leaders yet");
    std::this_thread::sleep_for(pause);
  }
  return describe(topic);
}

result<admin::range> admin::offsets(const std::string& topic, std::int32_t partition) const {
  range r;
  auto err = ask_leader(timeout, [&] {
    return rd_kafka_query_watermark_offsets(over.get(), topic.c_str(), partition, &r.low, &r.high, millis(timeout));
  });
  if (err)
    return failed(err, "the offsets of partition " + std::to_string(partition) + " of topic '" + topic + "'");
  return r;
}

result<std::int64_t> admin::offset_at(const std::string& topic, std::int32_t partition, std::int64_t ms) const {
  list_ptr list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = ms;
  auto err = ask_leader(timeout, [&] {
    list->elems[0].offset = ms; // An answer takes the place of the question.
    auto e = rd_kafka_offsets_for_times(over.get(), list.get(), millis(timeout));
    return e ? e : list->elems[0].err;
  });
  if (err)
    return failed(err, "the offset for a time in partition " + std::to_string(partition) + " of topic '" + topic + "'");
  return list->elems[0].offset >= 0 ? list->elems[0].offset : -1;
}

// Not rd_kafka_ListConsumerGroupOffsets, though it asks for any group over any client: when the broker answers that it is not the
// coordinator (one that moves, a cluster that comes up), every librdkafka up to 2.15 at least tells the client's own group to
// look for its coordinator, a null pointer where the client has none (librdkafka's issue 5040), and keeps asking the broker it
// remembers.
result<std::int64_t> admin::committed(const std::string& topic, std::int32_t partition) const {
  std::string what = "the committed offset for partition " + std::to_string(partition) + " of topic '" + topic + "'";
  auto deadline = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    list_ptr list(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition);
    auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    // Waits for a coordinator. That the group is refused is told to the client once instead, so it is looked at in between.
    auto err = rd_kafka_committed(over.get(), list.get(), millis(std::clamp(rest, shortest_wait, longest_wait)));
    if (!err)
      err = list->elems[0].err;
    if (!err)
      return list->elems[0].offset >= 0 ? list->elems[0].offset : -1;
    if (err == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND)
      return -1;
    // Offsets of a transaction count once its end has reached the group's coordinator, shortly after the commit.
    auto e = err == RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT
                 ? over.unavailable(what + " belongs to a transaction that does not end")
                 : failed(err, what);
    if (e.code != errc::unavailable || std::chrono::steady_clock::now() >= deadline)
      return e;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

} // namespace weir::kafka
