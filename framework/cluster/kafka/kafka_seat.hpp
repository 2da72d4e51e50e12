#pragma once
#include <chrono>
#include <memory>
#include <string>
#include <weir/cluster/seat/running_seat.hpp>
#include <weir/connectors/connector.hpp>

namespace weir::cluster {

/// A node's seat at the control topic `<namespace>.weir-control` on Kafka: who leads is decided by the topic's consumer group.
struct kafka_seat_options {
  connection_settings connection; ///< Of type kafka.
  std::string name_space;
  std::chrono::milliseconds session{6000}; ///< Of the group: a leader that is silent for longer is replaced.
  running_seat::options seat;
  logger log;
};

/// Begins; waits for no broker. The topic is made by whoever finds it missing. Errors: invalid_config.
result<std::unique_ptr<running_seat>> open_kafka_seat(kafka_seat_options o);

} // namespace weir::cluster
