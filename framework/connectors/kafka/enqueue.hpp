#pragma once
#include <weir/connectors/connector.hpp>
#include <weir/connectors/kafka/errors.hpp>

namespace weir::kafka {

/// Copies a record into the producer's queue; `opaque` comes back with its delivery report. Does not block.
/// _QUEUE_FULL: again later. Malformed headers are INVALID_RECORD.
[[nodiscard]] call_outcome enqueue(rd_kafka_t* producer, rd_kafka_topic_t* topic, const output_record& r, void* opaque);

/// A failure of ours in librdkafka's words: the transaction is to be aborted.
[[nodiscard]] call_outcome local_failure(rd_kafka_resp_err_t err, std::string text);

} // namespace weir::kafka
