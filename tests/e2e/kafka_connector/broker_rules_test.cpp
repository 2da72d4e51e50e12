#include <stdexcept>
#include <vector>

#include "tests/catch.hpp"
#include "tests/e2e/kafka_connector/cluster.hpp"

// What the cluster's protocol expects of a broker (docs/design.md, section 10), without any code of ours in between: where one of
// these fails, the design is wrong for that broker.

using namespace kafka_test;
using namespace std::chrono_literals;
using weir::publish_outcome;
using weir::kafka::error_ptr;
using weir::kafka::list_ptr;

namespace {

constexpr auto patience = 30s;

using metadata_ptr = std::shared_ptr<rd_kafka_consumer_group_metadata_t>;

/// A member of a group over one partition; its polls are the test's. What it knows of the group is what a leader would send with
/// its transactions.
class member {
 public:
  member(const std::string& group, const std::string& topic, const std::string& instance) {
    auto* conf = rd_kafka_conf_new();
    char text[512];
    for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
             {"bootstrap.servers", broker()},
             {"group.id", group},
             {"group.instance.id", instance},
             {"partition.assignment.strategy", "cooperative-sticky"},
             {"enable.auto.commit", "false"},
             {"session.timeout.ms", "6000"},
             {"heartbeat.interval.ms", "200"},
             {"max.poll.interval.ms", "6000"},
         })
      if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), text, sizeof text) != RD_KAFKA_CONF_OK)
        throw std::runtime_error(text);
    rk_ = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (!rk_)
      throw std::runtime_error(text);
    rd_kafka_poll_set_consumer(rk_);
    list_ptr topics(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(topics.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
    if (auto err = rd_kafka_subscribe(rk_, topics.get()))
      throw std::runtime_error(rd_kafka_err2str(err));
  }
  ~member() { stop(); }
  /// As when its process ends without a word to the broker.
  void stop() {
    if (rk_)
      rd_kafka_destroy_flags(std::exchange(rk_, nullptr), RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  }
  void leave() { rd_kafka_unsubscribe(rk_); }
  void poll() {
    if (auto* m = rd_kafka_consumer_poll(rk_, 20)) {
      if (m->err)
        last_error = m->err;
      rd_kafka_message_destroy(m);
    }
  }
  [[nodiscard]] bool holds() const {
    rd_kafka_topic_partition_list_t* list = nullptr;
    if (rd_kafka_assignment(rk_, &list))
      return false;
    list_ptr owner(list);
    return list->cnt > 0;
  }
  [[nodiscard]] metadata_ptr metadata() const {
    return {rd_kafka_consumer_group_metadata(rk_), [](rd_kafka_consumer_group_metadata_t* m) {
              if (m)
                rd_kafka_consumer_group_metadata_destroy(m);
            }};
  }
  /// In librdkafka's own form, with generation and member id: differs when either does.
  [[nodiscard]] std::string known() const {
    auto m = metadata();
    void* bytes = nullptr;
    std::size_t size = 0;
    if (!m || rd_kafka_consumer_group_metadata_write(m.get(), &bytes, &size))
      return {};
    std::string out(static_cast<char*>(bytes), size);
    rd_kafka_mem_free(rk_, bytes);
    return out;
  }
  rd_kafka_resp_err_t last_error = RD_KAFKA_RESP_ERR_NO_ERROR;

 private:
  rd_kafka_t* rk_ = nullptr;
};

/// Polls all until `enough`; a failed test when that takes too long.
template <class Enough>
void poll_until(const std::vector<member*>& all, Enough enough) {
  auto deadline = std::chrono::steady_clock::now() + patience;
  while (!enough()) {
    for (auto* m : all)
      m->poll();
    REQUIRE(std::chrono::steady_clock::now() < deadline);
  }
}

struct leader_producer {
  explicit leader_producer(const std::string& id, const std::string& timeout_ms = "60000") {
    auto* conf = rd_kafka_conf_new();
    char text[512];
    for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{{"bootstrap.servers", broker()},
                                                                                      {"transactional.id", id},
                                                                                      {"transaction.timeout.ms", timeout_ms},
                                                                                      {"linger.ms", "0"}})
      if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), text, sizeof text) != RD_KAFKA_CONF_OK)
        throw std::runtime_error(text);
    rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (!rk)
      throw std::runtime_error(text);
    done(rd_kafka_init_transactions(rk, 30'000));
  }
  ~leader_producer() { rd_kafka_destroy(rk); }
  static void done(rd_kafka_error_t* e) {
    error_ptr owner(e);
    if (e)
      throw std::runtime_error(rd_kafka_error_string(e));
  }
  void begin_with(const std::string& topic, const std::string& value) const {
    done(rd_kafka_begin_transaction(rk));
    if (auto err = rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(0),
                                     RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                     RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()), RD_KAFKA_V_END))
      throw std::runtime_error(rd_kafka_err2str(err));
  }
  [[nodiscard]] error_ptr send_offsets(const std::string& topic, const metadata_ptr& group) const {
    list_ptr list(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), 0)->offset = 1;
    return error_ptr(rd_kafka_send_offsets_to_transaction(rk, list.get(), group.get(), 20'000));
  }
  [[nodiscard]] error_ptr commit() const { return error_ptr(rd_kafka_commit_transaction(rk, 20'000)); }
  void abort() const { done(rd_kafka_abort_transaction(rk, 20'000)); }
  leader_producer(const leader_producer&) = delete;
  rd_kafka_t* rk = nullptr;
};

std::vector<std::string> committed(const std::string& topic) {
  auto main = connect();
  partition_scan scan(*main, topic, 0, 0);
  REQUIRE(scan.until_end());
  std::vector<std::string> out;
  for (const auto& r : scan.records)
    out.push_back(r.record.value.value_or("<null>"));
  return out;
}

weir::marker marker_at(std::uint64_t checkpoint) {
  weir::marker m;
  m.lineage.bytes = {7, 7};
  m.incarnation = 1;
  m.checkpoint = checkpoint;
  m.ordinal = weir::all_records;
  return m;
}

/// Two publishers of one cluster, their markers in the same partition.
struct two_slots {
  std::unique_ptr<weir::connection> main = connect({{"markers.partitions", "1"}});
  std::unique_ptr<weir::sink_connection> sink = must(main->open_sink(8u << 20, {}));
  std::string space = fresh("ns");
  std::string markers = space + ".weir-markers";
  std::string out = fresh("out");
  std::unique_ptr<weir::transactional_publisher> slot(int n) {
    return must(sink->open_publisher(space + ".job.main." + std::to_string(n), markers));
  }
};

} // namespace

TEST_CASE("a slot that died in mid-transaction hides other slots' markers until its id is taken over") {
  two_slots w;
  auto living = w.slot(1);
  must(living->fence());
  REQUIRE(living->commit(marker_at(0)).outcome == publish_outcome::done);
  {
    // The same id as slot 0 has, so that its takeover is the real one; it ends without abort.
    foreign_producer dead(w.space + ".job.main.0");
    dead.begin();
    dead.send(w.markers, 0, "half of an epoch");
  }
  REQUIRE(living->commit(marker_at(1)).outcome == publish_outcome::done);

  // Committed, and yet no read_committed reader gets there.
  auto impatient = connect({{"transaction.timeout", "4s"}, {"delivery.timeout", "2s"}, {"request.timeout", "2s"}});
  auto other_sink = must(impatient->open_sink(8u << 20, {}));
  auto heir_of_living = must(other_sink->open_publisher(w.space + ".job.main.1", w.markers));
  must(heir_of_living->fence());
  auto hidden = heir_of_living->read_marker();
  REQUIRE_FALSE(hidden.ok());
  CHECK(hidden.err().code == weir::errc::unavailable);

  auto heir_of_dead = w.slot(0);
  must(heir_of_dead->fence());
  CHECK_FALSE(must(heir_of_dead->read_marker()).has_value());
  CHECK(must(heir_of_living->read_marker()) == marker_at(1));
  REQUIRE(heir_of_dead->commit(marker_at(2)).outcome == publish_outcome::done);
  CHECK(must(heir_of_living->read_marker()) == marker_at(1));
  CHECK(must(heir_of_dead->read_marker()) == marker_at(2));
}

TEST_CASE("a stale generation is refused with the offsets, nothing of the transaction shows, and the producer goes on") {
  auto topic = fresh("ns.weir-control");
  auto group = topic;
  create_topic(topic, 1);
  member first(group, topic, "a");
  poll_until({&first}, [&] { return first.holds(); });
  const auto stale = first.metadata();
  const auto before = first.known();
  leader_producer leader(fresh("control"));

  leader.begin_with(topic, "of the first generation");
  CHECK(leader.send_offsets(topic, stale) == nullptr);
  CHECK(leader.commit() == nullptr);

  // A joining member makes a new generation and does not move the partition.
  member second(group, topic, "b");
  poll_until({&first, &second}, [&] { return first.known() != before && first.holds(); });
  CHECK_FALSE(second.holds());
  leader.begin_with(topic, "with a stale generation");
  auto refused = leader.send_offsets(topic, stale);
  REQUIRE(refused != nullptr);
  INFO(rd_kafka_error_string(refused.get()));
  CHECK(rd_kafka_error_code(refused.get()) == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION);
  CHECK(rd_kafka_error_txn_requires_abort(refused.get()));
  CHECK_FALSE(rd_kafka_error_is_fatal(refused.get()));
  CHECK(leader.commit() != nullptr);
  leader.abort();

  leader.begin_with(topic, "with the new generation");
  CHECK(leader.send_offsets(topic, first.metadata()) == nullptr);
  CHECK(leader.commit() == nullptr);
  CHECK(committed(topic) == std::vector<std::string>{"of the first generation", "with the new generation"});
}

TEST_CASE("the generation is looked at with the offsets only: a transaction that has sent them commits behind a change") {
  auto topic = fresh("ns.weir-control");
  create_topic(topic, 1);
  member first(topic, topic, "a");
  poll_until({&first}, [&] { return first.holds(); });
  auto id = fresh("control");
  leader_producer old_leader(id);
  old_leader.begin_with(topic, "sent in time");
  CHECK(old_leader.send_offsets(topic, first.metadata()) == nullptr);

  member second(topic, topic, "b");
  first.leave();
  poll_until({&first, &second}, [&] { return second.holds(); });

  SECTION("so it is the transactional id that ends it: once taken, nothing of it shows") {
    leader_producer new_leader(id);
    auto late = old_leader.commit();
    REQUIRE(late != nullptr);
    INFO(rd_kafka_error_string(late.get()));
    CHECK(rd_kafka_error_is_fatal(late.get()));
    CHECK(committed(topic).empty());
  }
  SECTION("until then it is committed, and the next leader reads it") {
    CHECK(old_leader.commit() == nullptr);
    CHECK(committed(topic) == std::vector<std::string>{"sent in time"});
  }
}

TEST_CASE("a second process under a member's name replaces it, and the first one's transactions are refused") {
  auto topic = fresh("ns.weir-control");
  create_topic(topic, 1);
  member first(topic, topic, "a");
  poll_until({&first}, [&] { return first.holds(); });
  auto stale = first.metadata();
  leader_producer leader(fresh("control"));
  member second(topic, topic, "a");
  poll_until({&second}, [&] { return second.holds(); });
  leader.begin_with(topic, "of the replaced process");
  auto refused = leader.send_offsets(topic, stale);
  REQUIRE(refused != nullptr);
  INFO(rd_kafka_error_string(refused.get()));
  CHECK(rd_kafka_error_txn_requires_abort(refused.get()));
  leader.abort();
  poll_until({&first}, [&] { return first.last_error == RD_KAFKA_RESP_ERR__FATAL; });
  CHECK(committed(topic).empty());
}
