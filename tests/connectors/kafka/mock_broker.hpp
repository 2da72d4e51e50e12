#pragma once
#include <librdkafka/rdkafka.h>

#include <librdkafka/rdkafka_mock.h>

#include <initializer_list>
#include <memory>
#include <string>
#include <weir/connectors/connector.hpp>

#include "tests/catch.hpp"

/// librdkafka's mock broker answers with faults that a real one gives once in a year. It knows nothing of fencing or
/// read_committed: what becomes of the records is for the tests against a real broker.
struct mock_broker {
  /// Numbers of requests in Kafka's protocol.
  static constexpr std::int16_t list_offsets = 2;
  static constexpr std::int16_t offset_fetch = 9;
  static constexpr std::int16_t find_coordinator = 10;
  static constexpr std::int16_t end_txn = 26;

  explicit mock_broker(std::initializer_list<const char*> topics) {
    char why[256];
    client.reset(rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof why));
    REQUIRE(client);
    cluster.reset(rd_kafka_mock_cluster_new(client.get(), 1));
    REQUIRE(cluster);
    for (const auto* topic : topics)
      REQUIRE(rd_kafka_mock_topic_create(cluster.get(), topic, 1, 1) == RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  [[nodiscard]] weir::connection_settings settings() const {
    weir::connection_settings s;
    s.name = "main";
    s.type = "kafka";
    s.options["brokers"] = rd_kafka_mock_cluster_bootstraps(cluster.get());
    return s;
  }
  /// The next answers to requests of this kind.
  void answer(std::int16_t request, std::initializer_list<rd_kafka_resp_err_t> errors) const {
    for (auto e : errors)
      rd_kafka_mock_push_request_errors(cluster.get(), request, 1, e);
  }

  std::unique_ptr<rd_kafka_t, decltype(&rd_kafka_destroy)> client{nullptr, &rd_kafka_destroy};
  std::unique_ptr<rd_kafka_mock_cluster_t, decltype(&rd_kafka_mock_cluster_destroy)> cluster{nullptr,
                                                                                             &rd_kafka_mock_cluster_destroy};
};
