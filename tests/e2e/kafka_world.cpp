#include <librdkafka/rdkafka.h>
#include <algorithm>
#include <stdexcept>

#include "tests/e2e/world.hpp"

namespace weir::e2e {
namespace {

namespace fs = std::filesystem;

template <class T, void (*Destroy)(T*)>
struct destroy {
  void operator()(T* p) const { Destroy(p); }
};
using client = std::unique_ptr<rd_kafka_t, destroy<rd_kafka_t, rd_kafka_destroy>>;
using topic_handle = std::unique_ptr<rd_kafka_topic_t, destroy<rd_kafka_topic_t, rd_kafka_topic_destroy>>;
using queue = std::unique_ptr<rd_kafka_queue_t, destroy<rd_kafka_queue_t, rd_kafka_queue_destroy>>;
using event = std::unique_ptr<rd_kafka_event_t, destroy<rd_kafka_event_t, rd_kafka_event_destroy>>;
using message = std::unique_ptr<rd_kafka_message_t, destroy<rd_kafka_message_t, rd_kafka_message_destroy>>;
using partitions = std::unique_ptr<rd_kafka_topic_partition_list_t,
                                   destroy<rd_kafka_topic_partition_list_t, rd_kafka_topic_partition_list_destroy>>;

constexpr int timeout_ms = 30'000;

client make_client(rd_kafka_type_t type, const std::map<std::string, std::string>& properties) {
  char why[512];
  auto* conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "log_level", "2", why, sizeof why); // A broker that is killed by a test is nothing to tell.
  for (const auto& [name, value] : properties)
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why, sizeof why) != RD_KAFKA_CONF_OK) {
      rd_kafka_conf_destroy(conf);
      throw std::runtime_error(why);
    }
  auto* made = rd_kafka_new(type, conf, why, sizeof why);
  if (made == nullptr) {
    rd_kafka_conf_destroy(conf);
    throw std::runtime_error(why);
  }
  return client(made);
}

[[noreturn]] void fail(const std::string& what, rd_kafka_resp_err_t code) {
  throw std::runtime_error(what + ": " + rd_kafka_err2str(code));
}

std::vector<std::pair<std::string, std::string>> headers_of(const rd_kafka_message_t* m) {
  std::vector<std::pair<std::string, std::string>> out;
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(m, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
    return out;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  for (std::size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i)
    out.emplace_back(name, std::string(static_cast<const char*>(value), size));
  return out;
}

class kafka_world : public world {
 public:
  kafka_world(std::string brokers, const fs::path& source, fs::path folder, std::string name, const scene& s)
      : world(s),
        brokers_(std::move(brokers)),
        config_(source / "config" / (s.service + ".kafka.json")),
        folder_(std::move(folder)),
        name_(std::move(name)),
        input_(name_ + "." + s.input.name),
        producer_(make_client(RD_KAFKA_PRODUCER, {{"bootstrap.servers", brokers_},
                                                  {"partitioner", "murmur2_random"},
                                                  {"enable.idempotence", "true"},
                                                  {"linger.ms", "2"}})) {
    create(input_);
    for (const auto& o : s.openings)
      create(topic_name(o.where));
    for (const auto& c : s.companions)
      if (c.make_input)
        create(topic_name(c.input));
  }

  fs::path config() const override { return config_; }

  std::map<std::string, std::string> environment() const override {
    std::map<std::string, std::string> out = {{"KAFKA_BROKERS", brokers_},
                                              {"WEIR_NAMESPACE", name_},
                                              {"WEIR_DATA", (folder_ / "data").string()},
                                              {scene_of_world().input.variable, input_}};
    for (const auto& t : all_topics())
      if (!t.variable.empty())
        out[t.variable] = topic_name(t);
    return out;
  }

  void produce(const std::vector<input_line>& lines) override { produce_to(input_, lines); }

  void produce_to(const scene::topic& where, const std::string&, const std::vector<input_line>& lines) override {
    produce_to(topic_name(where), lines);
  }

  bool produce_killed(const std::vector<input_line>&, const std::string& fail_point) override {
    throw std::runtime_error("input comes to Kafka from here, not from weir: nothing can be killed at " + fail_point);
  }

  world_facts read_all() override {
    world_facts facts;
    facts.input_topic = input_;
    facts.topics[scene_of_world().input.name] = consume(input_, facts);
    for (const auto& o : scene_of_world().openings)
      facts.topics[o.where.name] = consume(topic_name(o.where), facts);
    for (const auto& t : scene_of_world().outputs)
      add(t, facts);
    facts.partitions[".weir-markers"] = partition_count(name_ + ".weir-markers");
    return facts;
  }

  void read_companions(world_facts& facts) override {
    for (const auto& c : scene_of_world().companions) {
      if (c.make_input)
        add(c.input, facts);
      for (const auto& t : c.outputs)
        add(t, facts);
    }
  }

  void clean_up() override {
    std::vector<std::string> names = {input_, name_ + ".weir-markers"};
    for (const auto& t : all_topics())
      names.push_back(topic_name(t));
    std::vector<rd_kafka_DeleteTopic_t*> topics;
    for (const auto& n : names)
      topics.push_back(rd_kafka_DeleteTopic_new(n.c_str()));
    const queue answers(rd_kafka_queue_new(producer_.get()));
    rd_kafka_DeleteTopics(producer_.get(), topics.data(), topics.size(), nullptr, answers.get());
    rd_kafka_DeleteTopic_destroy_array(topics.data(), topics.size());
    const event answer(rd_kafka_queue_poll(answers.get(), timeout_ms));
  }

 private:
  std::string topic_name(const scene::topic& t) const {
    return t.variable.empty() && !t.suffix.empty() ? input_ + t.suffix : name_ + "." + t.name;
  }

  void add(const scene::topic& t, world_facts& facts) {
    facts.topics[t.name] = consume(topic_name(t), facts);
    facts.partitions[t.name] = partition_count(topic_name(t));
  }

  void produce_to(const std::string& topic, const std::vector<input_line>& lines) {
    for (const auto& o : lines) {
      const auto code = rd_kafka_producev(
          producer_.get(), RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_KEY(o.key.data(), o.key.size()),
          RD_KAFKA_V_VALUE(const_cast<char*>(o.json.data()), o.json.size()), RD_KAFKA_V_HEADER("trace", "a", 1),
          RD_KAFKA_V_HEADER("trace", "b", 1), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK), RD_KAFKA_V_END);
      if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        fail("producing to " + topic, code);
    }
    if (const auto code = rd_kafka_flush(producer_.get(), timeout_ms); code != RD_KAFKA_RESP_ERR_NO_ERROR)
      fail("flushing " + topic, code);
  }

  // All but the input.
  std::vector<scene::topic> all_topics() const {
    auto out = scene_of_world().outputs;
    out.insert(out.end(), scene_of_world().others.begin(), scene_of_world().others.end());
    for (const auto& o : scene_of_world().openings)
      out.push_back(o.where);
    for (const auto& c : scene_of_world().companions) {
      if (c.make_input)
        out.push_back(c.input);
      out.insert(out.end(), c.outputs.begin(), c.outputs.end());
    }
    return out;
  }

  void create(const std::string& name) {
    char why[512];
    auto* topic = rd_kafka_NewTopic_new(name.c_str(), input_partitions, 1, why, sizeof why);
    if (topic == nullptr)
      throw std::runtime_error(why);
    const queue answers(rd_kafka_queue_new(producer_.get()));
    rd_kafka_CreateTopics(producer_.get(), &topic, 1, nullptr, answers.get());
    rd_kafka_NewTopic_destroy(topic);
    const event answer(rd_kafka_queue_poll(answers.get(), timeout_ms));
    if (!answer)
      throw std::runtime_error("the broker " + brokers_ + " does not answer");
    if (const auto code = rd_kafka_event_error(answer.get()); code != RD_KAFKA_RESP_ERR_NO_ERROR)
      fail("creating " + name, code);
    std::size_t count = 0;
    const auto* results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(answer.get()), &count);
    for (std::size_t i = 0; i < count; ++i)
      if (const auto code = rd_kafka_topic_result_error(results[i]); code != RD_KAFKA_RESP_ERR_NO_ERROR)
        fail("creating " + name, code);
  }

  client reader(const char* isolation) const {
    return make_client(RD_KAFKA_CONSUMER, {{"bootstrap.servers", brokers_},
                                           {"group.id", name_ + ".judge"},
                                           {"isolation.level", isolation},
                                           {"enable.auto.commit", "false"},
                                           {"auto.offset.reset", "error"},
                                           {"enable.partition.eof", "true"},
                                           {"fetch.wait.max.ms", "20"},
                                           {"check.crcs", "true"}});
  }

  // Asked by a consumer: a producer's question would make the topic, with one partition.
  std::int32_t partition_count(const std::string& topic) const {
    if (!asker_)
      asker_ = make_client(RD_KAFKA_CONSUMER, {{"bootstrap.servers", brokers_}});
    const topic_handle handle(rd_kafka_topic_new(asker_.get(), topic.c_str(), nullptr));
    const rd_kafka_metadata_t* metadata = nullptr;
    if (const auto code = rd_kafka_metadata(asker_.get(), 0, handle.get(), &metadata, timeout_ms);
        code != RD_KAFKA_RESP_ERR_NO_ERROR)
      fail("the metadata of " + topic, code);
    const auto count = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
    rd_kafka_metadata_destroy(metadata);
    if (count == 0)
      throw std::runtime_error("there is no topic " + topic);
    return count;
  }

  static std::pair<std::int64_t, std::int64_t> ends(const client& from, const std::string& topic, std::int32_t partition) {
    std::int64_t low = 0, high = 0;
    if (const auto code = rd_kafka_query_watermark_offsets(from.get(), topic.c_str(), partition, &low, &high, timeout_ms);
        code != RD_KAFKA_RESP_ERR_NO_ERROR)
      fail("the end of " + topic, code);
    return {low, high};
  }

  // All of a topic as a read_committed reader sees it; notes each partition whose last stable offset is not its end.
  std::vector<topic_record> consume(const std::string& topic, world_facts& facts) const {
    const auto count = partition_count(topic);
    const auto committed = reader("read_committed");
    const auto uncommitted = reader("read_uncommitted");
    std::vector<topic_record> out;
    for (std::int32_t p = 0; p < count; ++p) {
      const auto [low, stable] = ends(committed, topic, p);
      if (const auto [ignored, high] = ends(uncommitted, topic, p); stable != high)
        facts.open_transactions.push_back(topic + "/" + std::to_string(p));
      if (stable > low)
        consume_partition(committed, topic, p, low, stable, out);
    }
    return out;
  }

  static void consume_partition(const client& from, const std::string& topic, std::int32_t partition, std::int64_t low,
                                std::int64_t stable, std::vector<topic_record>& out) {
    const partitions assigned(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(assigned.get(), topic.c_str(), partition)->offset = low;
    if (const auto code = rd_kafka_assign(from.get(), assigned.get()); code != RD_KAFKA_RESP_ERR_NO_ERROR)
      fail("reading " + topic, code);
    // The end of the partition is reported at the last stable offset, behind control records too.
    for (;;) {
      const message m(rd_kafka_consumer_poll(from.get(), timeout_ms));
      if (!m)
        throw std::runtime_error("reading " + topic + "/" + std::to_string(partition) + ": nothing came in 30 s");
      if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (m->offset >= stable)
          return;
        continue;
      }
      if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        fail("reading " + topic, m->err);
      topic_record r;
      r.partition = m->partition;
      r.offset = m->offset;
      if (m->key != nullptr)
        r.key.emplace(static_cast<const char*>(m->key), m->key_len);
      if (m->payload != nullptr)
        r.value.emplace(static_cast<const char*>(m->payload), m->len);
      rd_kafka_timestamp_type_t type{};
      r.timestamp_ms = rd_kafka_message_timestamp(m.get(), &type);
      r.headers = headers_of(m.get());
      out.push_back(std::move(r));
    }
  }

  std::string brokers_;
  fs::path config_, folder_;
  std::string name_, input_;
  client producer_;
  mutable client asker_;
};

} // namespace

std::unique_ptr<world> make_kafka_world(const std::string& brokers, const fs::path& source, const fs::path& folder,
                                        const std::string& name, const scene& s) {
  return std::make_unique<kafka_world>(brokers, source, folder, name, s);
}

} // namespace weir::e2e
