#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <functional>
#include <random>
#include <stdexcept>

#include "tests/e2e/kafka_connector/cluster.hpp"

namespace kafka_test {
namespace {

rd_kafka_t* make_client(rd_kafka_type_t type, std::map<std::string, std::string> properties) {
  properties["bootstrap.servers"] = broker();
  auto* conf = rd_kafka_conf_new();
  char text[512];
  for (const auto& [name, value] : properties)
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), text, sizeof text) != RD_KAFKA_CONF_OK)
      throw std::runtime_error(text);
  auto* rk = rd_kafka_new(type, conf, text, sizeof text);
  if (!rk)
    throw std::runtime_error(text);
  return rk;
}

void check(rd_kafka_error_t* e, const char* what) {
  if (!e)
    return;
  std::string text = std::string(what) + ": " + rd_kafka_error_string(e);
  rd_kafka_error_destroy(e);
  throw std::runtime_error(text);
}

} // namespace

std::string broker() {
  const char* address = std::getenv("WEIR_TEST_KAFKA");
  if (!address || !*address)
    throw std::runtime_error("WEIR_TEST_KAFKA is not set: these tests need a broker, host:port (scripts/kafka up prints one)");
  return address;
}

std::string fresh(const std::string& prefix) {
  static const auto run = std::random_device{}();
  static std::atomic<int> counter{0};
  return prefix + "-" + std::to_string(run) + "-" + std::to_string(::getpid()) + "-" + std::to_string(++counter);
}

std::unique_ptr<weir::connection> connect(const std::map<std::string, std::string>& options) {
  weir::connection_settings s;
  s.name = "main";
  s.type = "kafka";
  s.options = options;
  s.options.try_emplace("brokers", broker());
  return must(weir::make_kafka_connection(s));
}

partition_scan::partition_scan(weir::connection& c, const std::string& topic, std::int32_t partition, std::int64_t offset,
                               std::size_t queue_bytes)
    : source(must(c.open_source(fresh("group"), queue_bytes, {}))),
      reader(must(source->open(topic, partition, offset, bell_.ringer()))) {
  must(source->start());
}

partition_scan::~partition_scan() {
  reader.reset();
  source.reset();
}

bool partition_scan::until(const std::function<bool()>& enough, std::chrono::milliseconds limit) {
  struct collector : weir::record_consumer {
    std::vector<read_record>* to = nullptr;
    void consume(const weir::record_view& v) override {
      read_record r;
      if (v.key)
        r.record.key = std::string(*v.key);
      if (v.value)
        r.record.value = std::string(*v.value);
      r.record.headers = v.headers.unpack();
      r.record.time = v.time;
      r.partition = v.partition;
      r.offset = v.offset;
      to->push_back(std::move(r));
    }
  } out;
  out.to = &records;
  auto deadline = std::chrono::steady_clock::now() + limit;
  for (;;) {
    auto r = reader->poll(500, 1 << 20, out);
    if (r) {
      last = *r;
      if (last.more)
        continue;
    } else {
      error = r.err();
    }
    if (enough())
      return true;
    if (std::chrono::steady_clock::now() > deadline)
      return false;
    // The end is judged anew at each poll, so a missing wake-up only costs this wait.
    bell_.wait(std::chrono::milliseconds(50));
  }
}

bool partition_scan::until_records(std::size_t n, std::chrono::milliseconds limit) {
  return until([&] { return records.size() >= n; }, limit);
}
bool partition_scan::until_end(std::chrono::milliseconds limit) {
  return until([&] { return last.at_end; }, limit);
}
bool partition_scan::until_error(std::chrono::milliseconds limit) {
  return until([&] { return error.has_value(); }, limit);
}

foreign_producer::foreign_producer(const std::string& transactional_id, const std::map<std::string, std::string>& properties) {
  auto p = properties;
  p.try_emplace("linger.ms", "0");
  if (!transactional_id.empty())
    p["transactional.id"] = transactional_id;
  rk_ = make_client(RD_KAFKA_PRODUCER, p);
  if (!transactional_id.empty())
    check(rd_kafka_init_transactions(rk_, 30'000), "init_transactions");
}

foreign_producer::~foreign_producer() { rd_kafka_destroy(rk_); }

void foreign_producer::begin() { check(rd_kafka_begin_transaction(rk_), "begin_transaction"); }

void foreign_producer::send(const std::string& topic, std::int32_t partition, const std::string& value, std::int64_t time_ms) {
  auto err =
      rd_kafka_producev(rk_, RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(partition),
                        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_TIMESTAMP(time_ms), RD_KAFKA_V_KEY("foreign", 7),
                        RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()), RD_KAFKA_V_END);
  if (err)
    throw std::runtime_error(rd_kafka_err2str(err));
  if (rd_kafka_flush(rk_, 20'000))
    throw std::runtime_error("a foreign record was not written in time");
}

void foreign_producer::commit() { check(rd_kafka_commit_transaction(rk_, -1), "commit_transaction"); }
void foreign_producer::abort() { check(rd_kafka_abort_transaction(rk_, -1), "abort_transaction"); }

namespace {
/// Has a client ask for something and waits for the answer: `what` is called with the client and the queue of the answer.
void administer(const std::string& complaint, const std::function<void(rd_kafka_t*, rd_kafka_queue_t*)>& what) {
  auto* rk = make_client(RD_KAFKA_PRODUCER, {});
  auto* queue = rd_kafka_queue_new(rk);
  what(rk, queue);
  auto* event = rd_kafka_queue_poll(queue, 20'000);
  bool good = event && !rd_kafka_event_error(event);
  if (event)
    rd_kafka_event_destroy(event);
  rd_kafka_queue_destroy(queue);
  rd_kafka_destroy(rk);
  if (!good)
    throw std::runtime_error(complaint);
}
} // namespace

void delete_topic(const std::string& topic) {
  administer("topic " + topic + " was not deleted", [&](auto* rk, auto* queue) {
    auto* what = rd_kafka_DeleteTopic_new(topic.c_str());
    rd_kafka_DeleteTopics(rk, &what, 1, nullptr, queue);
    rd_kafka_DeleteTopic_destroy(what);
  });
}

void create_topic(const std::string& topic, int partitions, const std::map<std::string, std::string>& config) {
  administer("topic " + topic + " was not created", [&](auto* rk, auto* queue) {
    char text[256];
    auto* what = rd_kafka_NewTopic_new(topic.c_str(), partitions, 1, text, sizeof text);
    for (const auto& [name, value] : config)
      rd_kafka_NewTopic_set_config(what, name.c_str(), value.c_str());
    rd_kafka_CreateTopics(rk, &what, 1, nullptr, queue);
    rd_kafka_NewTopic_destroy(what);
  });
}

void raise_partitions(const std::string& topic, int partitions) {
  administer("topic " + topic + " got no partitions", [&](auto* rk, auto* queue) {
    char text[256];
    auto* what = rd_kafka_NewPartitions_new(topic.c_str(), static_cast<std::size_t>(partitions), text, sizeof text);
    rd_kafka_CreatePartitions(rk, &what, 1, nullptr, queue);
    rd_kafka_NewPartitions_destroy(what);
  });
}

void configure_topic(const std::string& topic, const std::map<std::string, std::string>& config) {
  administer("topic " + topic + " was not configured", [&](auto* rk, auto* queue) {
    auto* what = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str());
    for (const auto& [name, value] : config)
      rd_kafka_ConfigResource_set_config(what, name.c_str(), value.c_str());
    rd_kafka_AlterConfigs(rk, &what, 1, nullptr, queue);
    rd_kafka_ConfigResource_destroy(what);
  });
}

std::vector<std::string> committed_values(weir::connection& c, const std::string& topic, std::size_t n) {
  partition_scan scan(c, topic, 0, 0);
  if (!scan.until_records(n, std::chrono::seconds(60)) || !scan.until_end())
    throw std::runtime_error("topic '" + topic + "' does not come to " + std::to_string(n) + " records");
  std::vector<std::string> values;
  for (auto& r : scan.records)
    values.push_back(r.record.value.value_or("(null)"));
  std::sort(values.begin(), values.end());
  return values;
}

} // namespace kafka_test
