// Fills a topic, or sends at a steady rate.
//
//     kafka_load --brokers HOST:PORT --topic T --partitions 4 --kind bid|order|ping --records N [--rate R]
//
// bid: Nexmark events, the lines of --events FILE in turn (default: the sample of the tests). order: orders of the running
// example, 10 s of event time per 1,000. ping: a number and the send time, for latencies. --rate 0: as fast as it goes.
#include <fstream>
#include <functional>
#include <thread>
#include <weir/record/json.hpp>
#include <weir/record/time_text.hpp>
#include "benchmarks/kafka_tools.hpp"

namespace {

std::vector<std::string> read_lines(const std::string& path) {
  std::ifstream in(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);)
    lines.push_back(line);
  if (lines.empty())
    bench::die("no events in " + path);
  return lines;
}

/// What to send as record i: fills key and value.
using make_record = std::function<void(std::int64_t i, std::string& key, std::string& value)>;

make_record maker(const std::string& kind, const bench::arguments& args) {
  if (kind == "bid")
    return [lines = read_lines(args.text("events", WEIR_SOURCE_DIR "/tests/data/nexmark.jsonl"))](
               std::int64_t i, std::string& key, std::string& value) {
      key = std::to_string(i);
      value = lines[static_cast<std::size_t>(i) % lines.size()];
    };
  if (kind == "order")
    return [](std::int64_t i, std::string& key, std::string& value) {
      key = "c-" + std::to_string(i * 7919 % 10'000);
      value = R"({"order_id":)" + std::to_string(i) + R"(,"customer":")" + key + R"(","amount_cents":)" +
              std::to_string(i % 5000) + R"(,"at":")";
      weir::format_timestamp({1'767'225'600'000'000 + i * 10'000}, value);
      value += "\"}";
    };
  if (kind == "ping")
    return [](std::int64_t i, std::string& key, std::string& value) {
      key = std::to_string(i % 1000);
      value.clear();
      if (auto r = weir::encode_json(bench::ping{i, bench::now_us()}, value); !r)
        bench::die(r.err().message);
    };
  bench::die("--kind is bid, order or ping");
}

} // namespace

int main(int argc, char** argv) {
  const bench::arguments args(argc, argv);
  const auto records = args.number("records"), rate = args.number("rate", "0");
  const auto make = maker(args.text("kind"), args);
  auto* producer = bench::make_client(RD_KAFKA_PRODUCER, {{"bootstrap.servers", args.text("brokers")},
                                                          {"linger.ms", rate > 0 ? "1" : "50"},
                                                          {"queue.buffering.max.messages", "500000"}});
  const auto topic = args.text("topic");
  bench::create_topic(producer, topic, static_cast<int>(args.number("partitions", "4")));
  auto* out = rd_kafka_topic_new(producer, topic.c_str(), nullptr);
  std::string key, value;
  const auto begun = std::chrono::steady_clock::now();
  for (std::int64_t i = 0; i < records; ++i) {
    if (rate > 0)
      std::this_thread::sleep_until(begun + std::chrono::microseconds(i * 1'000'000 / rate));
    make(i, key, value);
    while (rd_kafka_produce(out, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, value.data(), value.size(), key.data(), key.size(),
                            nullptr) != 0) {
      if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
        bench::die(rd_kafka_err2str(rd_kafka_last_error()));
      rd_kafka_poll(producer, 10);
    }
    if (i % 256 == 0)
      rd_kafka_poll(producer, 0);
  }
  if (rd_kafka_flush(producer, 60'000) != RD_KAFKA_RESP_ERR_NO_ERROR)
    bench::die("not everything was acknowledged in 60 s");
  const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  std::printf(R"({"records":%lld,"seconds":%.3f})"
              "\n",
              static_cast<long long>(records), seconds);
  rd_kafka_topic_destroy(out);
  rd_kafka_destroy(producer);
}
