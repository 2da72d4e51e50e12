#include "services/weir/log_commands.hpp"

#include <poll.h>
#include <simdjson.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <map>
#include <vector>
#include <weir/connectors/log/embedded_log.hpp>
#include <weir/core/fail_point.hpp>

#include "services/weir/log_exit.hpp"
#include "services/weir/log_interruption.hpp"

namespace weir {

namespace {

/// A batch is committed at the latest with this much, so that memory stays bounded and a long input becomes visible.
constexpr std::size_t batch_bytes = 4u << 20;
constexpr std::size_t read_bytes = 256u << 10;
/// A longer line would not fit into any topic; reading on would only fill the memory.
constexpr std::size_t longest_line = 512u << 20;

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

error bad_line(std::uint64_t line, const std::string& why) {
  return {errc::invalid_argument, "line " + std::to_string(line) + ": " + why};
}

/// Lines of standard input on their way into a topic.
class line_producer {
 public:
  line_producer(std::shared_ptr<embedded_log> log, log_topic topic, const log_produce_options& options)
      : log_(std::move(log)), topic_(std::move(topic)), options_(options) {}

  /// Takes one line without its end. Errors: invalid_argument with the line's number; those of a commit.
  result<> take(std::string_view line) {
    ++line_;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos)
      return success();
    if (line.back() == '\r')
      line.remove_suffix(1);
    simdjson::dom::element json;
    if (auto e = parser_.parse(line.data(), line.size()).get(json); e)
      return bad_line(line_, std::string("not a JSON value: ") + simdjson::error_message(e));
    std::optional<std::string> key;
    if (options_.key_field) {
      WEIR_ASSIGN(key, key_of(json, line));
    }
    output_record r;
    r.partition = partition_for(key);
    if (key)
      r.key = *key;
    r.value = line;
    r.time_ms = now_ms();
    if (auto added = batch_.add(topic_, r); !added)
      return bad_line(line_, added.err().message);
    return batch_.bytes() >= batch_bytes ? commit() : success();
  }

  result<> commit() {
    if (batch_.records() == 0)
      return success();
    WEIR_TRY(log_->commit(
        batch_, {}, [] { return hit(fail_point::log_produce_before_commit); },
        [] { return hit(fail_point::log_produce_after_commit); }));
    batch_.clear();
    return success();
  }

 private:
  std::int32_t partition_for(const std::optional<std::string>& key) {
    if (options_.partition)
      return *options_.partition;
    if (key)
      return murmur2_partition(*key, topic_.options.partitions);
    return static_cast<std::int32_t>(keyless_++ % static_cast<std::uint32_t>(topic_.options.partitions));
  }

  result<std::optional<std::string>> key_of(simdjson::dom::element json, std::string_view line) {
    const auto& field = *options_.key_field;
    simdjson::dom::object object;
    if (json.get(object))
      return bad_line(line_, "not a JSON object: there is no field '" + field + "' to take the key from");
    simdjson::dom::element value;
    if (object.at_key(field).get(value))
      return bad_line(line_, "the key field '" + field + "' is missing");
    switch (value.type()) {
      case simdjson::dom::element_type::STRING:
        return std::optional(std::string(std::string_view(value)));
      case simdjson::dom::element_type::BOOL:
        return std::optional<std::string>(bool(value) ? "true" : "false");
      case simdjson::dom::element_type::INT64:
      case simdjson::dom::element_type::UINT64:
      case simdjson::dom::element_type::DOUBLE:
        return number_text(field, line);
      default:
        return bad_line(line_, "the key field '" + field + "' is neither text, number nor true or false");
    }
  }

  /// A number as it stands in the line: 1.0 and 1 are different keys.
  result<std::optional<std::string>> number_text(const std::string& field, std::string_view line) {
    padded_.assign(line);
    padded_.append(simdjson::SIMDJSON_PADDING, ' ');
    simdjson::ondemand::document doc;
    std::string_view token;
    auto failed = raw_.iterate(padded_.data(), line.size(), padded_.size()).get(doc);
    if (!failed)
      failed = doc.find_field_unordered(field).raw_json_token().get(token);
    if (failed)
      return bad_line(line_, std::string("not a JSON value: ") + simdjson::error_message(failed));
    return std::optional(std::string(token.substr(0, token.find_last_not_of(" \t\r\n") + 1)));
  }

  std::shared_ptr<embedded_log> log_;
  log_topic topic_;
  const log_produce_options& options_;
  simdjson::dom::parser parser_;
  simdjson::ondemand::parser raw_;
  std::string padded_;
  log_batch batch_;
  std::uint64_t line_ = 0;
  std::uint32_t keyless_ = 0;
};

/// Feeds standard input to the producer until its end, a signal or a failure; commits when the input pauses.
result<> pump(line_producer& producer, log_interruption& signals) {
  std::string buffer;
  std::vector<char> piece(read_bytes);
  for (;;) {
    pollfd p[] = {{STDIN_FILENO, POLLIN, 0}, {signals.fd(), POLLIN, 0}};
    if (::poll(p, 2, 0) == 0) {
      WEIR_TRY(producer.commit());
      ::poll(p, 2, -1);
    }
    if (signals.stopped())
      return success();
    if (p[0].revents == 0)
      continue;
    auto n = ::read(STDIN_FILENO, piece.data(), piece.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
      continue;
    if (n < 0)
      return {errc::unavailable, std::string("reading standard input: ") + std::strerror(errno)};
    if (n == 0)
      return buffer.empty() ? success() : producer.take(buffer);
    auto searched = buffer.size();
    buffer.append(piece.data(), static_cast<std::size_t>(n));
    std::size_t begin = 0;
    for (auto end = buffer.find('\n', searched); end != std::string::npos; end = buffer.find('\n', begin)) {
      WEIR_TRY(producer.take(std::string_view(buffer).substr(begin, end - begin)));
      begin = end + 1;
    }
    buffer.erase(0, begin);
    if (buffer.size() > longest_line)
      return {errc::invalid_argument, "a line is longer than " + std::to_string(longest_line) + " bytes"};
  }
}

void print_row(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths, std::string& out) {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    // Names to the left, numbers to the right; no blanks at the end of a line.
    auto pad = std::string(widths[i] - cells[i].size(), ' ');
    auto number = !cells[i].empty() && cells[i].find_first_not_of("0123456789-") == std::string::npos;
    out += number ? pad + cells[i] : cells[i] + (i + 1 < cells.size() ? pad : "");
    out += i + 1 < cells.size() ? "  " : "\n";
  }
}

void print_table(const std::vector<std::vector<std::string>>& rows, std::string& out) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& r : rows)
    for (std::size_t i = 0; i < r.size(); ++i)
      widths[i] = std::max(widths[i], r[i].size());
  for (const auto& r : rows)
    print_row(r, widths, out);
}

result<std::string> tables_of(embedded_log& log) {
  WEIR_ASSIGN(auto topics, log.topics());
  WEIR_ASSIGN(auto groups, log.group_offsets());
  std::string out;
  std::vector<std::vector<std::string>> rows{{"TOPIC", "PARTITION", "FIRST", "NEXT", "BYTES", "KEEPS"}};
  std::map<std::pair<std::string, std::int32_t>, log_partition> states;
  for (const auto& t : topics) {
    std::string keeps = t.options.compacted ? "newest of each key" : "";
    if (t.options.retention_bytes > 0)
      keeps += std::to_string(t.options.retention_bytes) + " bytes";
    if (t.options.retention_ms > 0)
      keeps += (keeps.empty() ? "" : ", ") + std::to_string(t.options.retention_ms) + " ms";
    if (keeps.empty())
      keeps = "all";
    for (std::int32_t p = 0; p < t.options.partitions; ++p) {
      WEIR_ASSIGN(auto s, log.partition(t, p));
      states[{t.name, p}] = s;
      rows.push_back(
          {t.name, std::to_string(p), std::to_string(s.first), std::to_string(s.next), std::to_string(s.bytes), keeps});
    }
  }
  print_table(rows, out);
  if (groups.empty())
    return out;
  out += "\n";
  rows = {{"GROUP", "TOPIC", "PARTITION", "OFFSET", "LAG"}};
  for (const auto& g : groups) {
    // A group may have come further since the partition was looked at.
    auto lag = std::max<std::int64_t>(0, states[{g.topic, g.partition}].next - g.next);
    rows.push_back({g.group, g.topic, std::to_string(g.partition), std::to_string(g.next), std::to_string(lag)});
  }
  print_table(rows, out);
  return out;
}

} // namespace

int log_exit(const char* command, const error& e) {
  std::cerr << "weir log " << command << ": " << e.message << "\n";
  switch (fault_of(e.code)) {
    case fault::bug:
      return 70;
    case fault::user:
      return 2;
    default:
      return 3;
  }
}

int log_create(const log_create_options& o) {
  auto log = embedded_log::open(o.directory);
  if (!log)
    return log_exit("create", log.err());
  log_topic_options options{o.partitions, o.max_record_bytes, o.retention_bytes, o.retention_ms, o.compacted};
  auto made = (*log)->create_topic(o.topic, options);
  if (made)
    return 0;
  if (made.err().code != errc::already_exists)
    return log_exit("create", made.err());
  auto there = (*log)->topic(o.topic);
  if (!there)
    return log_exit("create", there.err());
  if (there->options == options)
    return 0;
  return log_exit("create", {errc::invalid_argument, "topic '" + o.topic + "' exists already with " +
                                                         std::to_string(there->options.partitions) +
                                                         " partitions or other limits; topics cannot be changed"});
}

int log_produce(const log_produce_options& o) {
  auto log = embedded_log::open(o.directory, {.create = false});
  if (!log)
    return log_exit("produce", log.err());
  auto topic = (*log)->topic(o.topic);
  if (!topic)
    return log_exit("produce", topic.err().in("'" + o.directory + "'"));
  if (o.partition && (*o.partition < 0 || *o.partition >= topic->options.partitions))
    return log_exit("produce",
                    {errc::invalid_argument, "topic '" + o.topic + "' has no partition " + std::to_string(*o.partition)});
  log_interruption signals;
  line_producer producer(*log, *topic, o);
  auto done = pump(producer, signals);
  // The lines before a bad one are good; after a failed commit there is nothing to save.
  if (done || fault_of(done.err().code) == fault::user)
    if (auto last = producer.commit(); !last && done)
      done = last;
  return done ? 0 : log_exit("produce", done.err());
}

int log_topics(const std::string& directory) {
  auto log = embedded_log::open(directory, {.create = false});
  if (!log)
    return log_exit("topics", log.err());
  auto text = tables_of(**log);
  if (!text)
    return log_exit("topics", text.err());
  log_interruption signals;
  log_output out(signals);
  out.buffer() = *text;
  out.flush();
  return 0;
}

} // namespace weir
