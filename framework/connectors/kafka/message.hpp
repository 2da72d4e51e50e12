#pragma once
#include <string>
#include <weir/connectors/kafka/handles.hpp>
#include <weir/core/result.hpp>
#include <weir/record/raw_record.hpp>

namespace weir::kafka {

/// The headers of a message, packed at the first look: librdkafka allocates a buffer to find out that there are none.
class message_headers final : public headers_view::source {
 public:
  /// Begins with the next message, which lives until the following call or the last look.
  void of(const rd_kafka_message_t& m) {
    message_ = &m;
    packed_.clear();
  }
  std::string_view packed() override;

 private:
  const rd_kafka_message_t* message_ = nullptr; ///< Null: packed already.
  std::string packed_;
};

/// Views a message of librdkafka as a record. The view lives as long as both. A topic without time stamps (format before
/// 0.10) gives time 0.
[[nodiscard]] record_view view_of(const rd_kafka_message_t& m, message_headers& headers);

/// librdkafka's form of packed headers; null for none. Errors: decode_failed.
[[nodiscard]] result<headers_ptr> to_headers(std::string_view packed);

/// Null with a value for an empty one: librdkafka tells null from empty by the pointer.
[[nodiscard]] inline const void* bytes_of(std::string_view v) { return v.data() ? v.data() : ""; }

/// The time stamp as librdkafka takes it: 0 would mean "now", and times before 1970 do not exist in Kafka.
[[nodiscard]] inline std::int64_t stamp_of(std::int64_t time_ms) { return time_ms > 0 ? time_ms : 1; }

/// Upper bound of a record's bytes in a batch of its own (format 2): header, varints, key, value, headers.
[[nodiscard]] std::size_t wire_size(std::size_t key, std::size_t value, std::size_t packed_headers);

} // namespace weir::kafka
