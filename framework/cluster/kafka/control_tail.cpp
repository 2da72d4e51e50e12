#include <algorithm>
#include <weir/cluster/kafka/control_tail.hpp>
#include <weir/connectors/kafka/admin.hpp>
#include <weir/connectors/kafka/errors.hpp>

namespace weir::cluster {

namespace {
using steady = std::chrono::steady_clock;
constexpr std::size_t batch = 256;
constexpr int look_ms = 100;
/// What is hidden by an open transaction may take as long as that; whether the broker is there is asked again meanwhile.
constexpr auto ask_again = std::chrono::milliseconds(500);
} // namespace

result<> control_tail::ensure_topic() {
  WEIR_ASSIGN(auto conf, kafka::make_conf(config_, {}, {}));
  WEIR_ASSIGN(auto asker, kafka::client::open(RD_KAFKA_CONSUMER, std::move(conf), config_.name, log_));
  WEIR_ASSIGN(auto there, (kafka::admin{*asker, config_.request_timeout}.ensure(topic_, 1, config_.topic_replication,
                                                                                {{"cleanup.policy", "compact"}})));
  if (there.partitions != 1 || !there.compacted)
    return error{errc::incompatible, "the control topic '" + topic_ + "' has " + std::to_string(there.partitions) +
                                         " partitions and is " + (there.compacted ? "" : "not ") +
                                         "compacted; it must have one and be compacted: is the namespace another's?"};
  return success();
}

result<> control_tail::assign(std::uint64_t from) {
  if (!asker_) {
    WEIR_TRY(ensure_topic());
    WEIR_ASSIGN(auto conf, kafka::make_conf(config_, {}, {{"isolation.level", "read_uncommitted"}}));
    WEIR_ASSIGN(asker_, kafka::client::open(RD_KAFKA_CONSUMER, std::move(conf), config_.name, log_));
  }
  auto start = static_cast<std::int64_t>(from);
  if (reader_ && delivered_ <= start)
    return success();
  queue_.reset();
  reader_.reset();
  kafka::property_list fixed{{"group.id", "weir-control"},     {"isolation.level", "read_committed"},
                             {"enable.auto.commit", "false"},  {"enable.auto.offset.store", "false"},
                             {"enable.partition.eof", "true"}, {"auto.offset.reset", "earliest"},
                             {"check.crcs", "true"},           {"queued.max.messages.kbytes", "4096"},
                             {"fetch.wait.max.ms", "100"},     {"fetch.message.max.bytes", "1048576"}};
  WEIR_ASSIGN(auto conf, kafka::make_conf(config_, {}, fixed));
  WEIR_ASSIGN(reader_, kafka::client::open(RD_KAFKA_CONSUMER, std::move(conf), config_.name, log_));
  queue_.reset(rd_kafka_queue_get_partition(reader_->get(), topic_.c_str(), 0));
  rd_kafka_queue_forward(queue_.get(), nullptr);
  kafka::list_ptr list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), topic_.c_str(), 0)->offset = start;
  if (auto err = rd_kafka_assign(reader_->get(), list.get()))
    return kafka::make_error(err, "the control topic '" + topic_ + "' cannot be read");
  position_ = delivered_ = start;
  return success();
}

result<std::vector<control_entry_at>> control_tail::read(std::uint64_t from, std::chrono::milliseconds limit,
                                                         const std::function<void()>& answered) {
  auto deadline = steady::now() + limit;
  WEIR_TRY(assign(from));
  WEIR_ASSIGN(auto range, (kafka::admin{*asker_, std::min(limit, config_.request_timeout)}.offsets(topic_, 0)));
  answered();
  auto asked = steady::now();
  std::vector<control_entry_at> out;
  std::vector<rd_kafka_message_t*> got(batch);
  auto give_up = [this](error e) {
    // What was taken off the queue is lost to the caller: the next read begins anew.
    queue_.reset();
    reader_.reset();
    return e;
  };
  while (position_ < range.high) {
    auto n = rd_kafka_consume_batch_queue(queue_.get(), look_ms, got.data(), got.size());
    std::optional<error> broken;
    for (ssize_t i = 0; i < n; ++i) {
      kafka::message_ptr m(got[static_cast<std::size_t>(i)]);
      if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        position_ = std::max(position_, m->offset);
      } else if (m->err) {
        auto e = kafka::make_error(m->err, "the control topic cannot be read", rd_kafka_message_errstr(m.get()));
        if (e.code != errc::unavailable)
          broken = e;
      } else {
        position_ = m->offset + 1;
        control_entry_at e{static_cast<std::uint64_t>(m->offset), {}};
        e.entry.key.assign(static_cast<const char*>(m->key), m->key_len);
        if (m->payload)
          e.entry.value = std::string(static_cast<const char*>(m->payload), m->len);
        if (e.offset >= from)
          out.push_back(std::move(e));
      }
    }
    if (broken)
      return give_up(*broken);
    if (position_ < range.high && steady::now() - asked > ask_again) {
      auto there = kafka::admin{*asker_, std::min(limit, config_.request_timeout)}.offsets(topic_, 0);
      if (!there)
        return give_up(there.err());
      answered();
      asked = steady::now();
    }
    if (n <= 0 && position_ < range.high && steady::now() > deadline)
      return give_up(reader_->unavailable("the control topic cannot be read to offset " + std::to_string(range.high) +
                                          ", only to " + std::to_string(position_) +
                                          ": a transaction that is open may hide it; it ends by itself at its time-out"));
  }
  if (!out.empty())
    delivered_ = static_cast<std::int64_t>(out.back().offset + 1);
  return out;
}

} // namespace weir::cluster
