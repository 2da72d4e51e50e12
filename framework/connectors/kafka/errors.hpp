#pragma once
#include <string>
#include <weir/connectors/connector.hpp>
#include <weir/connectors/kafka/handles.hpp>
#include <weir/core/result.hpp>

namespace weir::kafka {

/// What a caller can do about one of librdkafka's codes. Codes without a reaction of their own are `unavailable`:
/// librdkafka keeps trying, so the same call may succeed later.
[[nodiscard]] errc code_of(rd_kafka_resp_err_t err);

/// The error of an operation, with librdkafka's text: "WHAT: text (NAME)".
[[nodiscard]] error make_error(rd_kafka_resp_err_t err, const std::string& what);
[[nodiscard]] error make_error(rd_kafka_resp_err_t err, const std::string& what, const std::string& text);

/// True for the codes that say another holder of the transactional id has taken over.
[[nodiscard]] bool is_fencing(rd_kafka_resp_err_t err);

/// What the failed delivery of one record means for the publish it belongs to: unwritable, gone, fenced or retriable.
[[nodiscard]] publish_outcome outcome_of_delivery(rd_kafka_resp_err_t err);

/// How a transactional call ended, by the classes of librdkafka's transactional API.
struct call_outcome {
  rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
  bool fatal = false;     ///< Destroy the producer.
  bool retriable = false; ///< The same call may be made again.
  bool abortable = false; ///< Abort the transaction, then begin again.
  std::string text;
  [[nodiscard]] bool ok() const { return err == RD_KAFKA_RESP_ERR_NO_ERROR; }
  [[nodiscard]] bool fenced() const { return is_fencing(err); }
};
/// Reads and destroys `e` (null: success). An error in none of the three classes is treated as fatal.
[[nodiscard]] call_outcome outcome_of(rd_kafka_error_t* e);

} // namespace weir::kafka
