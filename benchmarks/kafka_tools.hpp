#pragma once
// What the Kafka benchmarks share: arguments, librdkafka's settings as Weir uses them, latencies, CPU seconds.
#include <librdkafka/rdkafka.h>
#include <sys/resource.h>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>
#include <weir/record/describe.hpp>

namespace bench {

/// What the latency runs send: a number and the microsecond it was handed to the producer.
struct ping {
  std::int64_t id = 0;
  std::int64_t sent_us = 0;
};
BOOST_DESCRIBE_STRUCT(ping, (), (id, sent_us))

[[noreturn]] inline void die(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(3);
}

/// `--name value` pairs; a missing one without default ends the program with code 2.
class arguments {
 public:
  arguments(int argc, char** argv) {
    for (int i = 1; i + 1 < argc; i += 2)
      values_[argv[i]] = argv[i + 1];
    if (argc % 2 == 0 || (argc > 1 && values_.size() != static_cast<std::size_t>(argc / 2))) {
      std::fprintf(stderr, "usage: %s --name value ...; see the head of the source\n", argv[0]);
      std::exit(2);
    }
  }
  [[nodiscard]] std::string text(const std::string& name, const char* fallback = nullptr) const {
    auto it = values_.find("--" + name);
    if (it != values_.end())
      return it->second;
    if (fallback == nullptr) {
      std::fprintf(stderr, "--%s is missing\n", name.c_str());
      std::exit(2);
    }
    return fallback;
  }
  [[nodiscard]] std::int64_t number(const std::string& name, const char* fallback = nullptr) const {
    return std::strtoll(text(name, fallback).c_str(), nullptr, 10);
  }

 private:
  std::map<std::string, std::string> values_;
};

inline std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// User and system time of this process so far.
inline double cpu_seconds() {
  rusage u{};
  getrusage(RUSAGE_SELF, &u);
  auto s = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return s(u.ru_utime) + s(u.ru_stime);
}

inline rd_kafka_conf_t* make_conf(const std::map<std::string, std::string>& settings) {
  char text[512];
  auto* conf = rd_kafka_conf_new();
  for (const auto& [name, value] : settings)
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), text, sizeof text) != RD_KAFKA_CONF_OK)
      die(text);
  return conf;
}

inline rd_kafka_t* make_client(rd_kafka_type_t type, const std::map<std::string, std::string>& settings) {
  char text[512];
  auto* client = rd_kafka_new(type, make_conf(settings), text, sizeof text);
  if (client == nullptr)
    die(text);
  return client;
}

/// A consumer with the settings that Weir's sources use, all partitions assigned from `offset` (a number or
/// RD_KAFKA_OFFSET_BEGINNING / END). Returns the number of partitions.
inline int assign_all(rd_kafka_t* consumer, const std::string& topic, std::int64_t offset) {
  rd_kafka_poll_set_consumer(consumer);
  auto* handle = rd_kafka_topic_new(consumer, topic.c_str(), nullptr);
  const rd_kafka_metadata_t* meta = nullptr;
  if (auto e = rd_kafka_metadata(consumer, 0, handle, &meta, 10'000); e != RD_KAFKA_RESP_ERR_NO_ERROR)
    die("metadata of " + topic + ": " + rd_kafka_err2str(e));
  const int partitions = meta->topic_cnt == 1 ? meta->topics[0].partition_cnt : 0;
  rd_kafka_metadata_destroy(meta);
  rd_kafka_topic_destroy(handle);
  if (partitions == 0)
    die("no topic " + topic);
  auto* list = rd_kafka_topic_partition_list_new(partitions);
  for (int p = 0; p < partitions; ++p) {
    std::int64_t low = 0, high = 0;
    rd_kafka_topic_partition_list_add(list, topic.c_str(), p)->offset = offset;
    if (offset == RD_KAFKA_OFFSET_END && // Settled now: not when the first fetch happens to be.
        rd_kafka_query_watermark_offsets(consumer, topic.c_str(), p, &low, &high, 10'000) == RD_KAFKA_RESP_ERR_NO_ERROR)
      list->elems[p].offset = high;
  }
  rd_kafka_assign(consumer, list);
  rd_kafka_topic_partition_list_destroy(list);
  return partitions;
}

inline std::map<std::string, std::string> consumer_settings(const std::string& brokers, bool committed) {
  return {{"bootstrap.servers", brokers},
          {"group.id", "weir-bench"},
          {"enable.auto.commit", "false"},
          {"enable.auto.offset.store", "false"},
          {"check.crcs", "true"},
          {"enable.partition.eof", "true"},
          // The share of one of four partitions in Weir's default memory limit.
          {"queued.max.messages.kbytes", "16384"},
          {"queued.min.messages", "65536"},
          {"fetch.wait.max.ms", "250"},
          {"isolation.level", committed ? "read_committed" : "read_uncommitted"}};
}

/// Creates the topic; one that is there already is left as it is.
inline void create_topic(rd_kafka_t* client, const std::string& topic, int partitions) {
  char text[512];
  auto* wanted = rd_kafka_NewTopic_new(topic.c_str(), partitions, 1, text, sizeof text);
  auto* queue = rd_kafka_queue_new(client);
  rd_kafka_CreateTopics(client, &wanted, 1, nullptr, queue);
  auto* event = rd_kafka_queue_poll(queue, 15'000);
  if (event == nullptr || rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR)
    die("creating " + topic + ": " + (event == nullptr ? "no answer" : rd_kafka_event_error_string(event)));
  std::size_t n = 0;
  const auto* results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
  for (std::size_t i = 0; i < n; ++i)
    if (auto e = rd_kafka_topic_result_error(results[i]);
        e != RD_KAFKA_RESP_ERR_NO_ERROR && e != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
      die("creating " + topic + ": " + rd_kafka_err2str(e));
  rd_kafka_event_destroy(event);
  rd_kafka_queue_destroy(queue);
  rd_kafka_NewTopic_destroy(wanted);
}

/// The value below which `share` of the samples lie; sorts them.
inline double percentile_ms(std::vector<std::int64_t>& us, double share) {
  if (us.empty())
    return -1;
  std::sort(us.begin(), us.end());
  const auto i = static_cast<std::size_t>(share * static_cast<double>(us.size() - 1));
  return static_cast<double>(us[i]) / 1000;
}

inline volatile std::sig_atomic_t stop_requested = 0;
/// SIGTERM and SIGINT end the loops.
inline void stop_on_signal() {
  std::signal(SIGTERM, [](int) { stop_requested = 1; });
  std::signal(SIGINT, [](int) { stop_requested = 1; });
}

} // namespace bench
