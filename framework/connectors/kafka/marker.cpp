#include <algorithm>
#include <charconv>
#include <vector>
#include <weir/connectors/kafka/admin.hpp>
#include <weir/connectors/kafka/errors.hpp>
#include <weir/connectors/kafka/marker.hpp>

namespace weir::kafka {
namespace {

constexpr std::string_view prefix = "weir-marker 1 ";

/// Takes `NAME=` and the text up to the next blank off the front of `in`; empty if it is not there.
std::string_view take_field(std::string_view& in, std::string_view name) {
  if (!in.starts_with(name) || in.substr(name.size(), 1) != "=")
    return {};
  in.remove_prefix(name.size() + 1);
  auto end = std::min(in.find(' '), in.size());
  auto value = in.substr(0, end);
  in.remove_prefix(std::min(end + 1, in.size()));
  return value;
}

/// Exactly the digits that std::to_string writes.
bool read_number(std::string_view text, std::uint64_t& out) {
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  return ec == std::errc{} && end == text.data() + text.size() && std::to_string(out) == text;
}

bool read_lineage(std::string_view text, lineage_id& out) {
  if (text.size() != 32)
    return false;
  for (std::size_t i = 0; i < 16; ++i) {
    auto byte = text.substr(2 * i, 2);
    if (byte.find_first_not_of("0123456789abcdef") != std::string_view::npos)
      return false;
    std::from_chars(byte.data(), byte.data() + 2, out.bytes[i], 16);
  }
  return true;
}

std::string hex(const lineage_id& id) {
  std::string text;
  for (auto b : id.bytes) {
    text += "0123456789abcdef"[b >> 4];
    text += "0123456789abcdef"[b & 15];
  }
  return text;
}

using steady = std::chrono::steady_clock;

/// A reader of one partition from one offset on.
class marker_scan {
 public:
  static result<std::unique_ptr<marker_scan>> begin(const kafka_config& c, const std::string& topic, std::int32_t partition,
                                                    std::int64_t offset, const logger& log) {
    property_list fixed{{"group.id", "weir-markers"},     {"isolation.level", "read_committed"},
                        {"enable.auto.commit", "false"},  {"enable.auto.offset.store", "false"},
                        {"enable.partition.eof", "true"}, {"auto.offset.reset", "error"},
                        {"check.crcs", "true"},           {"queued.max.messages.kbytes", "4096"},
                        {"queued.min.messages", "16384"}, {"fetch.message.max.bytes", "1048576"},
                        {"fetch.wait.max.ms", "100"}};
    WEIR_ASSIGN(auto conf, make_conf(c, {}, fixed));
    auto scan = std::make_unique<marker_scan>();
    WEIR_ASSIGN(scan->client_, client::open(RD_KAFKA_CONSUMER, std::move(conf), c.name, log));
    scan->position_ = offset;
    scan->queue_.reset(rd_kafka_queue_get_partition(scan->client_->get(), topic.c_str(), partition));
    rd_kafka_queue_forward(scan->queue_.get(), nullptr);
    list_ptr list(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = offset;
    if (auto err = rd_kafka_assign(scan->client_->get(), list.get()))
      return make_error(err, "the marker topic '" + topic + "' cannot be read");
    return scan;
  }

  /// Reads until the position reaches `end`; keeps the newest value under `id`.
  result<> read_to(std::int64_t end, const std::string& id, steady::time_point deadline) {
    std::vector<rd_kafka_message_t*> batch(512);
    while (position_ < end) {
      auto n = rd_kafka_consume_batch_queue(queue_.get(), 100, batch.data(), batch.size());
      result<> outcome = success();
      for (ssize_t i = 0; i < n; ++i) {
        message_ptr m(batch[static_cast<std::size_t>(i)]);
        if (auto r = take(*m, id); !r && outcome)
          outcome = r;
      }
      if (!outcome)
        return outcome;
      if (n <= 0 && steady::now() > deadline)
        return client_->unavailable("the marker cannot be read to offset " + std::to_string(end) + ", only to " +
                                    std::to_string(position_) +
                                    ": an open transaction of another producer may hide it; it ends by itself at its time-out");
    }
    return success();
  }
  [[nodiscard]] const std::optional<std::string>& newest() const { return newest_; }

 private:
  result<> take(const rd_kafka_message_t& m, const std::string& id) {
    if (m.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      position_ = std::max(position_, m.offset);
    } else if (m.err) {
      auto e = make_error(m.err, "the marker topic cannot be read", rd_kafka_message_errstr(&m));
      if (e.code != errc::unavailable)
        return e;
    } else {
      position_ = m.offset + 1;
      if (std::string_view(static_cast<const char*>(m.key), m.key_len) == id)
        newest_ = std::string(static_cast<const char*>(m.payload), m.len);
    }
    return success();
  }

  std::shared_ptr<client> client_;
  queue_ptr queue_;
  std::int64_t position_ = 0;
  std::optional<std::string> newest_;
};

/// First offset and high watermark: what a reader that sees everything would call the end.
result<admin::range> whole_range(const kafka_config& c, const std::string& topic, std::int32_t partition, const logger& log) {
  WEIR_ASSIGN(auto conf, make_conf(c, {}, {{"isolation.level", "read_uncommitted"}}));
  WEIR_ASSIGN(auto asker, client::open(RD_KAFKA_CONSUMER, std::move(conf), c.name, log));
  return admin{*asker, c.request_timeout}.offsets(topic, partition);
}

} // namespace

std::string encode_marker(const marker& m) {
  return std::string(prefix) + "lineage=" + hex(m.lineage) + " incarnation=" + std::to_string(m.incarnation) +
         " checkpoint=" + std::to_string(m.checkpoint) +
         " ordinal=" + (m.ordinal == all_records ? "all" : std::to_string(m.ordinal));
}

result<marker> decode_marker(std::string_view text) {
  auto in = text;
  marker m;
  bool good = in.starts_with(prefix);
  if (good)
    in.remove_prefix(prefix.size());
  good = good && read_lineage(take_field(in, "lineage"), m.lineage);
  good = good && read_number(take_field(in, "incarnation"), m.incarnation);
  good = good && read_number(take_field(in, "checkpoint"), m.checkpoint);
  auto ordinal = good ? take_field(in, "ordinal") : std::string_view();
  if (ordinal == "all")
    m.ordinal = all_records;
  else
    good = good && read_number(ordinal, m.ordinal) && m.ordinal != all_records;
  // Written again it must be the same text: nothing before, behind or between.
  if (!good || encode_marker(m) != text)
    return {errc::store_corrupt,
            "a marker record is not of the form \"weir-marker 1 lineage=… incarnation=… checkpoint=… ordinal=…\": \"" +
                std::string(text.substr(0, 200)) + "\""};
  return m;
}

result<std::optional<marker>> read_newest_marker(const kafka_config& config, const std::string& topic, std::int32_t partition,
                                                 const std::string& id, std::chrono::milliseconds limit, const logger& log) {
  auto deadline = steady::now() + limit;
  WEIR_ASSIGN(auto range, whole_range(config, topic, partition, log));
  auto end = range.high;
  // The newest is mostly near the end, and compaction may be far behind: look back in growing steps.
  for (std::int64_t back = 2'000;; back *= 100) {
    auto from = std::max(range.low, end - back);
    if (from < end) {
      WEIR_ASSIGN(auto scan, marker_scan::begin(config, topic, partition, from, log));
      WEIR_TRY(scan->read_to(end, id, deadline));
      if (scan->newest()) {
        WEIR_ASSIGN(auto m, decode_marker(*scan->newest()));
        return std::optional<marker>(m);
      }
    }
    if (from <= range.low)
      return std::optional<marker>();
    end = from;
  }
}

} // namespace weir::kafka
