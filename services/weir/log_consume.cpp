#include <poll.h>
#include <simdjson.h>
#include <unistd.h>
#include <algorithm>
#include <iostream>
#include <memory>
#include <vector>
#include <weir/connectors/connector.hpp>
#include <weir/record/time_text.hpp>

#include "services/weir/log_commands.hpp"
#include "services/weir/log_exit.hpp"
#include "services/weir/log_interruption.hpp"

namespace weir {

namespace {

constexpr std::size_t poll_records = 10'000;
constexpr std::size_t poll_bytes = 1u << 20;

/// JSON text of bytes that are UTF-8; RFC 8259, only what must be escaped.
void append_json_string(std::string_view text, std::string& out) {
  static constexpr char digits[] = "0123456789abcdef";
  out.push_back('"');
  for (auto c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += "\\u00";
          out.push_back(digits[static_cast<unsigned char>(c) >> 4]);
          out.push_back(digits[c & 15]);
        } else {
          out.push_back(c);
        }
    }
  }
  out.push_back('"');
}

/// RFC 4648, section 4.
std::string base64(std::string_view in) {
  static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < in.size(); i += 3) {
    auto n = std::min<std::size_t>(3, in.size() - i);
    std::uint32_t bits = 0;
    for (std::size_t b = 0; b < 3; ++b)
      bits = bits << 8 | (b < n ? static_cast<unsigned char>(in[i + b]) : 0u);
    for (std::size_t b = 0; b < 4; ++b)
      out.push_back(b <= n ? digits[bits >> (18 - 6 * b) & 63] : '=');
  }
  return out;
}

/// Turns records into lines.
class printer : public record_consumer {
 public:
  printer(std::string& out, bool envelope) : out_(out), envelope_(envelope) {}

  /// Records at or behind it are left out.
  void stop_at(std::int64_t offset) { stop_ = offset; }

  void consume(const record_view& r) override {
    if (r.offset >= stop_)
      return;
    if (envelope_)
      enveloped(r);
    else if (!r.value)
      out_ += "null";
    else if (!one_line_json(*r.value, false))
      out_ += *r.value;
    out_.push_back('\n');
  }

 private:
  /// Appends JSON text as it is, or without line breaks if it has any. False if it is not JSON (only asked when it must be
  /// known: `check`, or there are line breaks).
  bool one_line_json(std::string_view text, bool check) {
    auto broken = text.find('\n') != std::string_view::npos;
    if (!check && !broken)
      return false;
    simdjson::dom::element ignored;
    if (parser_.parse(text.data(), text.size()).get(ignored))
      return false;
    if (!broken) {
      out_ += text;
      return true;
    }
    std::string small(text.size(), '\0');
    std::size_t size = 0;
    if (simdjson::minify(text.data(), text.size(), small.data(), size))
      return false;
    out_.append(small, 0, size);
    return true;
  }

  /// `"name":"text"`, or `"name_base64":"…"` for bytes that are not UTF-8.
  void member(std::string_view name, std::optional<std::string_view> text) {
    out_.push_back('"');
    out_ += name;
    if (!text) {
      out_ += "\":null";
    } else if (simdjson::validate_utf8(text->data(), text->size())) {
      out_ += "\":";
      append_json_string(*text, out_);
    } else {
      out_ += "_base64\":\"";
      out_ += base64(*text);
      out_.push_back('"');
    }
  }

  void enveloped(const record_view& r) {
    out_ += "{\"partition\":" + std::to_string(r.partition) + ",\"offset\":" + std::to_string(r.offset) + ",";
    member("key", r.key);
    out_ += ",\"timestamp\":\"";
    format_timestamp(r.time, out_);
    out_ += "\",\"headers\":[";
    auto first = true;
    for (const auto& [name, value] : r.headers.unpack()) {
      out_ += first ? "{" : ",{";
      first = false;
      member("key", name);
      out_.push_back(',');
      member("value", value ? std::optional<std::string_view>(*value) : std::nullopt);
      out_.push_back('}');
    }
    out_ += "],";
    auto rollback = out_.size();
    out_ += "\"value\":";
    if (!r.value || !one_line_json(*r.value, true)) {
      out_.resize(rollback);
      member("value", r.value);
    }
    out_.push_back('}');
  }

  std::string& out_;
  bool envelope_;
  std::int64_t stop_ = std::numeric_limits<std::int64_t>::max();
  simdjson::dom::parser parser_;
};

struct followed {
  std::int32_t partition = 0;
  std::int64_t stop = std::numeric_limits<std::int64_t>::max();
  std::unique_ptr<partition_reader> reader;
  bool done = false;
};

class consumption {
 public:
  consumption(const log_consume_options& options, log_interruption& signals)
      : options_(options), signals_(signals), out_(signals), printer_(out_.buffer(), options.envelope) {}

  result<> open() {
    connection_settings settings{"log", "log", {{"path", options_.directory}}, {}};
    WEIR_ASSIGN(connection_, make_log_connection(settings));
    WEIR_ASSIGN(source_, connection_->open_source({}, 0, {}));
    WEIR_ASSIGN(auto topic, source_->describe(options_.topic));
    if (options_.partition && (*options_.partition < 0 || *options_.partition >= topic.partitions))
      return {errc::invalid_argument, "topic '" + options_.topic + "' has no partition " + std::to_string(*options_.partition)};
    for (std::int32_t p = 0; p < topic.partitions; ++p) {
      if (options_.partition && p != *options_.partition)
        continue;
      followed f;
      f.partition = p;
      if (options_.until_end) {
        WEIR_ASSIGN(f.stop, source_->end_offset(options_.topic, p));
      }
      WEIR_ASSIGN(auto from, source_->resolve(options_.topic, p, start_earliest{}));
      if (options_.offset)
        from = *options_.offset;
      WEIR_ASSIGN(f.reader, open_reader(p, from));
      partitions_.push_back(std::move(f));
    }
    return source_->start();
  }

  result<> run() {
    for (;;) {
      // Before the readers look: what comes after is not slept through.
      signals_.drain();
      auto more = false;
      auto open = false;
      for (auto& f : partitions_) {
        if (f.done)
          continue;
        WEIR_ASSIGN(auto again, drain_one(f));
        if (!out_.flush())
          return success();
        more = more || again;
        open = open || !f.done;
      }
      if (!open || signals_.stopped())
        return success();
      if (more)
        continue;
      pollfd p[] = {{signals_.fd(), POLLIN, 0}, {STDOUT_FILENO, 0, 0}};
      ::poll(p, 2, -1);
      if (signals_.stopped() || log_output::reader_gone())
        return success();
    }
  }

 private:
  result<std::unique_ptr<partition_reader>> open_reader(std::int32_t partition, std::int64_t from) {
    return source_->open(options_.topic, partition, from, [this] { signals_.wake(); });
  }

  /// Prints one poll's worth; true if there is more right away.
  result<bool> drain_one(followed& f) {
    printer_.stop_at(f.stop);
    auto polled = f.reader->poll(poll_records, poll_bytes, printer_);
    if (!polled && polled.err().code == errc::out_of_range && !options_.offset) {
      // Retention was faster than the reader of our output; nothing was asked for that could not be given.
      WEIR_ASSIGN(auto first, source_->resolve(options_.topic, f.partition, start_earliest{}));
      std::cerr << "weir log consume: partition " << f.partition << ": going on at offset " << first
                << ", what was before is gone by retention\n";
      WEIR_ASSIGN(f.reader, open_reader(f.partition, first));
      f.done = first >= f.stop;
      return true;
    }
    if (!polled)
      return polled.err();
    f.done = polled->next_offset >= f.stop;
    return polled->more && !f.done;
  }

  const log_consume_options& options_;
  log_interruption& signals_;
  log_output out_;
  printer printer_;
  std::unique_ptr<connection> connection_;
  std::unique_ptr<source_connection> source_;
  std::vector<followed> partitions_;
};

} // namespace

int log_consume(const log_consume_options& options) {
  // Only looking must not leave an empty log behind.
  if (::access((options.directory + "/data.mdb").c_str(), F_OK) != 0)
    return log_exit("consume", {errc::not_found, "there is no log in '" + options.directory + "'"});
  log_interruption signals;
  consumption c(options, signals);
  auto done = c.open();
  if (done)
    done = c.run();
  if (done)
    return 0;
  // An offset that somebody asked for and that is not there is a wrong request, not a broken machine.
  auto e = done.err();
  if (e.code == errc::out_of_range)
    e.code = errc::invalid_argument;
  return log_exit("consume", e);
}

} // namespace weir
