#include "tests/e2e/nodes/output_watch.hpp"

#include <librdkafka/rdkafka.h>
#include <algorithm>
#include <memory>
#include <stdexcept>

namespace weir::e2e {
namespace {

using namespace std::chrono_literals;

constexpr int metadata_ms = 10'000;
/// Records that come within so long are one.
constexpr auto together = 20ms;

template <class T, void (*Destroy)(T*)>
struct destroy {
  void operator()(T* p) const { Destroy(p); }
};
using client = std::unique_ptr<rd_kafka_t, destroy<rd_kafka_t, rd_kafka_destroy>>;
using topic_handle = std::unique_ptr<rd_kafka_topic_t, destroy<rd_kafka_topic_t, rd_kafka_topic_destroy>>;
using message = std::unique_ptr<rd_kafka_message_t, destroy<rd_kafka_message_t, rd_kafka_message_destroy>>;
using partitions = std::unique_ptr<rd_kafka_topic_partition_list_t,
                                   destroy<rd_kafka_topic_partition_list_t, rd_kafka_topic_partition_list_destroy>>;

client make_reader(const std::string& brokers) {
  char why[512];
  auto* conf = rd_kafka_conf_new();
  const std::pair<const char*, const char*> properties[] = {{"bootstrap.servers", brokers.c_str()},
                                                            {"group.id", "watch"},
                                                            {"isolation.level", "read_committed"},
                                                            {"enable.auto.commit", "false"},
                                                            {"auto.offset.reset", "earliest"},
                                                            {"fetch.wait.max.ms", "100"},
                                                            {"log_level", "2"},
                                                            {"reconnect.backoff.max.ms", "500"}};
  for (const auto& [name, value] : properties)
    rd_kafka_conf_set(conf, name, value, why, sizeof why);
  auto* made = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
  if (made == nullptr) {
    rd_kafka_conf_destroy(conf);
    throw std::runtime_error(why);
  }
  return client(made);
}

int partition_count(const client& reader, const std::string& topic) {
  const topic_handle handle(rd_kafka_topic_new(reader.get(), topic.c_str(), nullptr));
  const rd_kafka_metadata_t* metadata = nullptr;
  if (rd_kafka_metadata(reader.get(), 0, handle.get(), &metadata, metadata_ms) != RD_KAFKA_RESP_ERR_NO_ERROR)
    return 0;
  const int count = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
  rd_kafka_metadata_destroy(metadata);
  return count;
}

} // namespace

output_watch::output_watch(const std::string& brokers, const std::map<std::string, topic_owner>& owners) {
  for (const auto& [topic, owner] : owners)
    for (unsigned shard = 0; shard < owner.shards; ++shard)
      came_[owner.of(static_cast<std::int32_t>(shard))];
  thread_ = std::thread([this, brokers, owners] { read(brokers, owners); });
}

output_watch::~output_watch() {
  stop_ = true;
  thread_.join();
}

void output_watch::read(const std::string& brokers, const std::map<std::string, topic_owner>& owners) {
  const auto reader = make_reader(brokers);
  rd_kafka_poll_set_consumer(reader.get());
  const partitions assigned(rd_kafka_topic_partition_list_new(1));
  for (const auto& [topic, owner] : owners) {
    int count = 0;
    while ((count = partition_count(reader, topic)) == 0 && !stop_)
      std::this_thread::sleep_for(100ms);
    for (int p = 0; p < count; ++p)
      rd_kafka_topic_partition_list_add(assigned.get(), topic.c_str(), p)->offset = RD_KAFKA_OFFSET_BEGINNING;
  }
  rd_kafka_assign(reader.get(), assigned.get());
  while (!stop_) {
    const message m(rd_kafka_consumer_poll(reader.get(), 100));
    if (!m || m->err != RD_KAFKA_RESP_ERR_NO_ERROR)
      continue;
    const auto now = clock::now();
    const std::lock_guard lock(mutex_);
    auto& times = came_[owners.at(rd_kafka_topic_name(m->rkt)).of(m->partition)];
    if (times.empty() || now - times.back() > together)
      times.push_back(now);
  }
}

std::optional<output_watch::clock::time_point> output_watch::next(const std::string& service, clock::time_point behind) const {
  const std::lock_guard lock(mutex_);
  const auto& times = came_.at(service);
  const auto found = std::upper_bound(times.begin(), times.end(), behind);
  return found == times.end() ? std::nullopt : std::optional(*found);
}

output_watch::clock::duration output_watch::longest_silence(const std::string& service, clock::time_point from,
                                                            clock::time_point to) const {
  const std::lock_guard lock(mutex_);
  const auto& times = came_.at(service);
  auto longest = clock::duration::zero();
  auto last = from;
  for (auto it = std::upper_bound(times.begin(), times.end(), from); it != times.end() && *it < to; ++it) {
    longest = std::max(longest, *it - last);
    last = *it;
  }
  return std::max(longest, to - last);
}

} // namespace weir::e2e
