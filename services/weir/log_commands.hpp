#pragma once
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>

namespace weir {

/// The work behind `weir log …`. Each command returns the exit code of the program: 0 done, 2 usage or input, 3 environment;
/// data goes to standard output, one clear sentence per failure to standard error. All may run beside jobs and each other on
/// the same directory; none holds a transaction of the log while it waits for its input, its output or new records.

struct log_create_options {
  std::string directory;
  std::string topic;
  std::int32_t partitions = 1;
  std::size_t max_record_bytes = std::size_t{1024} * 1024;
  std::uint64_t retention_bytes = 0; ///< Per partition; 0 = all.
  std::int64_t retention_ms = 0;     ///< 0 = for ever.
  bool compacted = false;
};
/// Makes a topic, and the log if there is none. 2: exists already with another number of partitions, or not a valid name
/// or number; making the same topic again is 0, so that scripts can repeat it.
int log_create(const log_create_options& options);

struct log_produce_options {
  std::string directory;
  std::string topic;
  std::optional<std::string> key_field;  ///< Top-level field of the JSON object that becomes the key.
  std::optional<std::int32_t> partition; ///< Instead of by key.
};
/// Appends each line of standard input, one JSON value a line, empty lines skipped. Lines are committed in batches, and
/// whenever the input pauses. A line that is not JSON, without the key field, or too large ends the command with 2, naming
/// the line; the lines before it are in the log. SIGINT and SIGTERM end it with 0 after committing the lines already read.
int log_produce(const log_produce_options& options);

struct log_consume_options {
  std::string directory;
  std::string topic;
  bool until_end = false;                ///< Stop at the end the partitions have now; else wait for more.
  std::optional<std::int32_t> partition; ///< Else all.
  std::optional<std::int64_t> offset;    ///< Else the first kept.
  bool envelope = false; ///< {"partition","offset","key","timestamp","headers","value"} instead of the bare value.
};
/// Prints one value a line. Ends with 0 at the end (`until_end`), when the reader of the output goes away, on SIGINT and
/// SIGTERM. An offset already trimmed is 2.
int log_consume(const log_consume_options& options);

/// Prints a table of topics, partitions, offsets, bytes, and groups with their lag.
int log_topics(const std::string& directory);

} // namespace weir
