#include <weir/graph/source_consumers.hpp>
#include "tests/catch.hpp"

using namespace weir;

namespace {

vertex_plan vertex(std::string name, vertex_kind kind, topic_ref at) {
  vertex_plan v;
  v.name = std::move(name);
  v.kind = kind;
  (kind == vertex_kind::source ? v.source.topic : v.sink.topic) = std::move(at);
  return v;
}
vertex_plan source(std::string name, std::string connection, std::string topic) {
  return vertex(std::move(name), vertex_kind::source, {std::move(connection), std::move(topic)});
}

/// "main: a b" for each consumer.
std::vector<std::string> text(const std::vector<source_consumer>& all) {
  std::vector<std::string> out;
  for (const auto& c : all) {
    out.push_back(c.connection + ":");
    for (const auto& s : c.sources)
      out.back() += " " + s;
  }
  return out;
}

using words = std::vector<std::string>;

} // namespace

TEST_CASE("sources of different topics share their connection's consumer, another connection has its own") {
  job_plan p;
  p.vertices = {source("a", "main", "orders"), source("b", "main", "clicks"), source("c", "other", "orders"),
                vertex("out", vertex_kind::sink, {"main", "totals"})};
  CHECK(text(source_consumers(p)) == words{"main: a b", "other: c"});
}

TEST_CASE("every further source of a topic is with the next consumer of its connection") {
  job_plan p;
  p.vertices = {source("a", "main", "orders"), source("b", "main", "orders"), source("c", "main", "clicks"),
                source("d", "main", "clicks"), source("e", "main", "orders"), source("f", "other", "orders")};
  CHECK(text(source_consumers(p)) == words{"main: a c", "main: b d", "main: e", "other: f"});
}

TEST_CASE("a job without sources has no consumer") {
  job_plan p;
  p.vertices = {vertex("out", vertex_kind::sink, {"main", "totals"})};
  CHECK(source_consumers(p).empty());
}

TEST_CASE("of several sources of a topic the lowest offset of each partition is shown") {
  std::map<std::string, std::map<std::int32_t, std::int64_t>> next{
      {"a", {{0, 10}, {1, 20}}}, {"b", {{0, 15}, {1, 5}, {2, 7}}}, {"other", {{0, 1}}}};
  CHECK(lowest_offsets(next, {"a"}) == next.at("a"));
  CHECK(lowest_offsets(next, {"a", "b"}) == std::map<std::int32_t, std::int64_t>{{0, 10}, {1, 5}, {2, 7}});
  CHECK(lowest_offsets(next, {"unknown"}).empty());
}
