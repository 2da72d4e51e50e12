// Reads pings from the end of a topic and prints how old they were when they came: one line of JSON after N records, or
// after 30 s without one (then with what came). The first --skip records are start-up and do not count.
//
//     kafka_probe --brokers HOST:PORT --topic T --records N [--skip N] [--committed 1]
#include <weir/record/json.hpp>
#include "benchmarks/kafka_tools.hpp"

int main(int argc, char** argv) {
  const bench::arguments args(argc, argv);
  bench::stop_on_signal();
  auto* consumer =
      bench::make_client(RD_KAFKA_CONSUMER, bench::consumer_settings(args.text("brokers"), args.number("committed", "1") != 0));
  bench::assign_all(consumer, args.text("topic"), RD_KAFKA_OFFSET_END);
  std::puts("ready");
  std::fflush(stdout);
  auto* queue = rd_kafka_queue_get_consumer(consumer);
  const auto records = args.number("records"), skip = args.number("skip", "0");
  std::vector<rd_kafka_message_t*> messages(1024);
  std::vector<std::int64_t> latencies;
  std::int64_t read = 0;
  auto last = bench::now_us();
  while (read < records && bench::stop_requested == 0 && bench::now_us() - last < 30'000'000) {
    const auto n = rd_kafka_consume_batch_queue(queue, 1, messages.data(), messages.size());
    const auto now = bench::now_us();
    for (std::size_t i = 0; n > 0 && i < static_cast<std::size_t>(n); ++i) {
      auto* m = messages[i];
      bench::ping p;
      if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR && weir::decode_json({static_cast<const char*>(m->payload), m->len}, p).ok()) {
        if (++read > skip)
          latencies.push_back(now - p.sent_us);
        last = now;
      }
      rd_kafka_message_destroy(m);
    }
  }
  const auto count = latencies.size();
  const auto p50 = bench::percentile_ms(latencies, 0.5), p99 = bench::percentile_ms(latencies, 0.99);
  std::printf(R"({"records":%zu,"p50_ms":%.2f,"p99_ms":%.2f,"max_ms":%.2f})"
              "\n",
              count, p50, p99, bench::percentile_ms(latencies, 1));
  rd_kafka_queue_destroy(queue);
  rd_kafka_destroy(consumer);
  return count > 0 ? 0 : 1;
}
