// Nanoseconds per record from JSON to struct: our decoder against Boost.JSON (SAX and DOM) and simdjson on-demand.
//
//     decode_bench [--benchmark_min_time=1] [--benchmark_filter=bid3]
//
// WEIR_NEXMARK names a file of Nexmark events, one a line; default: the sample of the tests.
#include <benchmark/benchmark.h>
#include <simdjson.h>
#include <boost/json.hpp>
#include <boost/json/basic_parser_impl.hpp>
#include <cstdlib>
#include <fstream>
#include <weir/record/detail/json_failure.hpp>
#include <weir/record/json.hpp>
#include <weir/record/time_text.hpp>
#include "benchmarks/nexmark.hpp"

namespace {

using nexmark::bid;
using nexmark::bid_head;
using nexmark::event;

std::vector<std::string> read_bids() {
  const char* path = std::getenv("WEIR_NEXMARK");
  std::ifstream in(path != nullptr ? path : WEIR_SOURCE_DIR "/tests/data/nexmark.jsonl");
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(R"({"event_type":2)"))
      lines.push_back(line);
  return lines;
}

const std::vector<std::string>& bids() {
  static const auto lines = read_bids();
  return lines;
}

const std::vector<std::string>& orders() {
  static const std::vector<std::string> lines(64, std::string(nexmark::order_text));
  return lines;
}

/// Runs `decode(line)` over all lines in turn; it returns something that depends on the decoded value.
template <class Decode>
void run(benchmark::State& state, const std::vector<std::string>& lines, Decode decode) {
  if (lines.empty()) {
    state.SkipWithError("no events: set WEIR_NEXMARK");
    return;
  }
  std::size_t i = 0, bytes = 0;
  for (auto _ : state) {
    const auto& line = lines[i];
    i = i + 1 == lines.size() ? 0 : i + 1;
    bytes += line.size();
    benchmark::DoNotOptimize(decode(line));
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
  state.SetItemsProcessed(state.iterations());
}

template <class T>
std::int64_t weigh(const event<T>& e) {
  return e.bid ? e.bid->price : 0;
}
std::int64_t weigh(const nexmark::order& o) { return o.amount_cents; }

// --- ours

template <class T>
void weir_decode(benchmark::State& state, const std::vector<std::string>& lines) {
  run(state, lines, [](const std::string& line) {
    T v;
    if (!weir::decode_json(line, v))
      std::abort();
    return weigh(v);
  });
}
void bid3_weir(benchmark::State& s) { weir_decode<event<bid_head>>(s, bids()); }
void bid_all_weir(benchmark::State& s) { weir_decode<event<bid>>(s, bids()); }
void order_weir(benchmark::State& s) { weir_decode<nexmark::order>(s, orders()); }
BENCHMARK(bid3_weir);
BENCHMARK(bid_all_weir);
BENCHMARK(order_weir);

template <class T>
void baseline_decode(benchmark::State& state, const std::vector<std::string>& lines) {
  run(state, lines, [](const std::string& line) {
    T v;
    weir::detail::json_failure failure;
    if (!weir::detail::decode_json_baseline(line.data(), line.size(), weir::detail::json_table<T>::value, &v, 32, failure))
      std::abort();
    return weigh(v);
  });
}
void bid3_weir_baseline(benchmark::State& s) { baseline_decode<event<bid_head>>(s, bids()); }
void bid_all_weir_baseline(benchmark::State& s) { baseline_decode<event<bid>>(s, bids()); }
void order_weir_baseline(benchmark::State& s) { baseline_decode<nexmark::order>(s, orders()); }
BENCHMARK(bid3_weir_baseline);
BENCHMARK(bid_all_weir_baseline);
BENCHMARK(order_weir_baseline);

// --- Boost.JSON, SAX: a handler that keeps the three integers of a bid (or the order's fields)

struct sax_handler {
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
  using ec = boost::json::error_code;
  using sv = boost::json::string_view;

  std::string key, part;
  bid value;

  bool on_document_begin(ec&) { return true; }
  bool on_document_end(ec&) { return true; }
  bool on_object_begin(ec&) { return true; }
  bool on_object_end(std::size_t, ec&) { return true; }
  bool on_array_begin(ec&) { return true; }
  bool on_array_end(std::size_t, ec&) { return true; }
  bool on_key_part(sv s, std::size_t, ec&) {
    part.append(s.data(), s.size());
    return true;
  }
  bool on_key(sv s, std::size_t, ec&) {
    part.append(s.data(), s.size());
    key.swap(part);
    part.clear();
    return true;
  }
  bool on_string_part(sv s, std::size_t, ec&) {
    part.append(s.data(), s.size());
    return true;
  }
  bool on_string(sv s, std::size_t, ec&) {
    part.append(s.data(), s.size());
    if (key == "channel")
      value.channel = part;
    else if (key == "url")
      value.url = part;
    else if (key == "extra")
      value.extra = part;
    else if (key == "dateTime" && !weir::detail::read_timestamp(part, value.dateTime))
      return false;
    part.clear();
    return true;
  }
  bool on_number_part(sv, ec&) { return true; }
  bool on_int64(std::int64_t v, sv, ec&) {
    if (key == "auction")
      value.auction = v;
    else if (key == "bidder")
      value.bidder = v;
    else if (key == "price")
      value.price = v;
    return true;
  }
  bool on_uint64(std::uint64_t, sv, ec&) { return true; }
  bool on_double(double, sv, ec&) { return true; }
  bool on_bool(bool, ec&) { return true; }
  bool on_null(ec&) { return true; }
  bool on_comment_part(sv, ec&) { return true; }
  bool on_comment(sv, ec&) { return true; }
};

void bid_all_boost_sax(benchmark::State& state) {
  boost::json::basic_parser<sax_handler> parser{boost::json::parse_options{}};
  run(state, bids(), [&](const std::string& line) {
    parser.reset();
    boost::json::error_code ec;
    parser.write_some(false, line.data(), line.size(), ec);
    if (ec)
      std::abort();
    return parser.handler().value.price;
  });
}
BENCHMARK(bid_all_boost_sax);

// --- Boost.JSON, DOM

void bid3_boost_dom(benchmark::State& state) {
  run(state, bids(), [](const std::string& line) {
    unsigned char buffer[8192];
    boost::json::monotonic_resource memory(buffer);
    auto v = boost::json::parse(line, &memory);
    const auto& b = v.at("bid").as_object();
    return b.at("auction").as_int64() + b.at("bidder").as_int64() + b.at("price").as_int64();
  });
}
BENCHMARK(bid3_boost_dom);

// --- simdjson on-demand, at the instruction set this program is compiled for; the copy into a padded buffer is part of
// what a consumer has to do, for librdkafka's memory has no padding.

template <class Read>
void simdjson_decode(benchmark::State& state, const std::vector<std::string>& lines, Read read) {
  simdjson::ondemand::parser parser;
  std::string buffer(1 << 16, '\0');
  run(state, lines, [&](const std::string& line) {
    std::memcpy(buffer.data(), line.data(), line.size());
    simdjson::ondemand::document doc;
    if (parser.iterate(buffer.data(), line.size(), buffer.size()).get(doc) != simdjson::SUCCESS)
      std::abort();
    return read(doc);
  });
}

void bid3_simdjson(benchmark::State& state) {
  simdjson_decode(state, bids(), [](simdjson::ondemand::document& doc) {
    auto b = doc["bid"];
    std::int64_t auction = b["auction"], bidder = b["bidder"], price = b["price"];
    return auction + bidder + price;
  });
}
BENCHMARK(bid3_simdjson);

void bid_all_simdjson(benchmark::State& state) {
  simdjson_decode(state, bids(), [](simdjson::ondemand::document& doc) {
    auto b = doc["bid"];
    bid v;
    v.auction = b["auction"];
    v.bidder = b["bidder"];
    v.price = b["price"];
    v.channel = std::string_view(b["channel"]);
    v.url = std::string_view(b["url"]);
    if (!weir::detail::read_timestamp(std::string_view(b["dateTime"]), v.dateTime))
      std::abort();
    v.extra = std::string_view(b["extra"]);
    return v.price + static_cast<std::int64_t>(v.extra.size());
  });
}
BENCHMARK(bid_all_simdjson);

void order_simdjson(benchmark::State& state) {
  simdjson_decode(state, orders(), [](simdjson::ondemand::document& doc) {
    nexmark::order v;
    v.order_id = doc["order_id"];
    v.customer = std::string_view(doc["customer"]);
    v.amount_cents = doc["amount_cents"];
    if (!weir::detail::read_timestamp(std::string_view(doc["at"]), v.at))
      std::abort();
    return v.amount_cents;
  });
}
BENCHMARK(order_simdjson);

} // namespace

BENCHMARK_MAIN();
