#pragma once
#include <string>
#include <weir/connectors/kafka/handles.hpp>
#include <weir/core/result.hpp>
#include <weir/record/raw_record.hpp>

namespace weir::kafka {

/// Views a message of librdkafka as a record; `headers` is filled with the packed headers. The view lives as long as
/// both. A topic without time stamps (format before 0.10) gives time 0.
[[nodiscard]] record_view view_of(const rd_kafka_message_t& m, std::string& headers);

/// librdkafka's form of packed headers; null for none. Errors: decode_failed.
[[nodiscard]] result<headers_ptr> to_headers(std::string_view packed);

/// Null with a value for an empty one: librdkafka tells null from empty by the pointer.
[[nodiscard]] inline const void* bytes_of(std::string_view v) { return v.data() ? v.data() : ""; }

/// The time stamp as librdkafka takes it: 0 would mean "now", and times before 1970 do not exist in Kafka.
[[nodiscard]] inline std::int64_t stamp_of(std::int64_t time_ms) { return time_ms > 0 ? time_ms : 1; }

/// Upper bound of a record's bytes in a batch of its own (format 2): header, varints, key, value, headers.
[[nodiscard]] std::size_t wire_size(std::size_t key, std::size_t value, std::size_t packed_headers);

} // namespace weir::kafka
