// The bare loop that a job is measured against: one consumer, batch consume, the same decoder and settings, one thread;
// decode three fields of a bid, filter, count. Ends after N records and prints one line of JSON.
//
//     kafka_bare --brokers HOST:PORT --topic T --records N
#include <weir/record/json.hpp>
#include "benchmarks/kafka_tools.hpp"
#include "benchmarks/nexmark.hpp"

int main(int argc, char** argv) {
  const bench::arguments args(argc, argv);
  const auto records = args.number("records");
  auto* consumer = bench::make_client(RD_KAFKA_CONSUMER, bench::consumer_settings(args.text("brokers"), true));
  const auto begun = bench::now_us();
  bench::assign_all(consumer, args.text("topic"), RD_KAFKA_OFFSET_BEGINNING);
  auto* queue = rd_kafka_queue_get_consumer(consumer);
  std::vector<rd_kafka_message_t*> messages(1024);
  std::int64_t read = 0, bids = 0, bytes = 0;
  while (read < records) {
    const auto n = rd_kafka_consume_batch_queue(queue, 100, messages.data(), messages.size());
    if (n < 0)
      bench::die("consume failed");
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
      auto* m = messages[i];
      if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        nexmark::event<nexmark::bid_head> e;
        if (auto r = weir::decode_json({static_cast<const char*>(m->payload), m->len}, e); !r)
          bench::die(r.err().message);
        bids += e.event_type == 2 ? 1 : 0;
        bytes += static_cast<std::int64_t>(m->len);
        ++read;
      } else if (m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        bench::die(rd_kafka_message_errstr(m));
      }
      rd_kafka_message_destroy(m);
    }
  }
  const auto seconds = static_cast<double>(bench::now_us() - begun) / 1e6;
  const auto cpu = bench::cpu_seconds();
  std::printf(R"({"records":%lld,"bids":%lld,"bytes":%lld,"seconds":%.3f,"cpu_seconds":%.3f,"records_per_cpu_second":%.0f})"
              "\n",
              static_cast<long long>(read), static_cast<long long>(bids), static_cast<long long>(bytes), seconds, cpu,
              static_cast<double>(read) / cpu);
  rd_kafka_queue_destroy(queue);
  rd_kafka_destroy(consumer);
}
