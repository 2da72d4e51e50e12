// The bare relay that latency is measured against: consume, produce the same key and value with linger 1 ms, nothing
// else. Starts at the end of the input; runs until SIGTERM. Prints `ready` when it is assigned.
//
//     kafka_relay --brokers HOST:PORT --from T --to T
#include "benchmarks/kafka_tools.hpp"

int main(int argc, char** argv) {
  const bench::arguments args(argc, argv);
  bench::stop_on_signal();
  const auto brokers = args.text("brokers"), to = args.text("to");
  auto* producer = bench::make_client(RD_KAFKA_PRODUCER, {{"bootstrap.servers", brokers}, {"linger.ms", "1"}});
  auto* consumer = bench::make_client(RD_KAFKA_CONSUMER, bench::consumer_settings(brokers, true));
  bench::assign_all(consumer, args.text("from"), RD_KAFKA_OFFSET_END);
  auto* queue = rd_kafka_queue_get_consumer(consumer);
  auto* out = rd_kafka_topic_new(producer, to.c_str(), nullptr);
  std::puts("ready");
  std::fflush(stdout);
  std::vector<rd_kafka_message_t*> messages(1024);
  while (bench::stop_requested == 0) {
    const auto n = rd_kafka_consume_batch_queue(queue, 1, messages.data(), messages.size());
    for (std::size_t i = 0; n > 0 && i < static_cast<std::size_t>(n); ++i) {
      auto* m = messages[i];
      if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        while (rd_kafka_produce(out, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, m->payload, m->len, m->key, m->key_len,
                                nullptr) != 0)
          rd_kafka_poll(producer, 10); // Queue full.
      rd_kafka_message_destroy(m);
    }
    rd_kafka_poll(producer, 0);
  }
  rd_kafka_flush(producer, 10'000);
  rd_kafka_topic_destroy(out);
  rd_kafka_queue_destroy(queue);
  rd_kafka_destroy(consumer);
  rd_kafka_destroy(producer);
}
