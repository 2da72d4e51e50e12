#include <string>
#include <thread>
#include <vector>
#include <weir/core/log_line.hpp>
#include <weir/core/logger.hpp>
#include "tests/catch.hpp"

using namespace weir;

namespace {
std::vector<std::string> lines;
void keep(std::string_view line) { lines.emplace_back(line); }

struct capture {
  capture() {
    lines.clear();
    redirect_log(keep);
  }
  ~capture() {
    redirect_log(nullptr);
    configure_logging(log_level::info, log_format::text);
  }
};

log_line line_of(std::string_view message, std::span<const log_field> fields = {}) {
  return {timestamp{1'767'225'603'250'999}, log_level::info, "order-totals", "per-minute", 2, message, fields};
}
} // namespace

TEST_CASE("a text line has time, level, service, operator, subtask, message and fields in this order") {
  std::vector<log_field> fields{{"checkpoint", 7}, {"topic", "orders"}, {"ok", true}};
  CHECK(to_text(line_of("checkpoint complete", fields)) ==
        "2026-01-01T00:00:03.250Z info order-totals per-minute 2 checkpoint complete checkpoint=7 topic=orders ok=true");
}

TEST_CASE("values with blanks, quotes or nothing in them are quoted") {
  std::vector<log_field> fields{{"a", "x y"}, {"b", "say \"hi\""}, {"c", ""}, {"d", "k=v"}};
  auto text = to_text(line_of("m", fields));
  CHECK(text.substr(text.find(" m ")) == R"( m a="x y" b="say \"hi\"" c="" d="k=v")");
}

TEST_CASE("a line break in a message or value cannot forge a line") {
  std::vector<log_field> fields{{"key", "a\nb"}};
  for (const auto& text : {to_text(line_of("one\ntwo\r\x1b[31m", fields)), to_json(line_of("one\ntwo\r\x1b[31m", fields))}) {
    CHECK(text.find_first_of("\n\r\x1b") == std::string::npos);
    CHECK(text.find("one\\ntwo\\u000d\\u001b[31m") != std::string::npos);
    CHECK(text.find("a\\nb") != std::string::npos);
  }
}

TEST_CASE("a JSON line holds the same, and null where there is no subtask") {
  std::vector<log_field> fields{{"lag", 12}};
  auto line = line_of("say \"hi\"", fields);
  CHECK(to_json(line) == R"({"time":"2026-01-01T00:00:03.250Z","level":"info","service":"order-totals",)"
                         R"("operator":"per-minute","subtask":2,"message":"say \"hi\"","fields":{"lag":"12"}})");
  line.subtask = -1;
  CHECK(to_json(line).find("\"subtask\":null") != std::string::npos);
  CHECK(to_text(line).find(" per-minute - say") != std::string::npos);
}

TEST_CASE("bytes that are not UTF-8 become the replacement character") {
  auto bad = GENERATE("\xff", "\xc0\xaf", "\xed\xa0\x80", "\xe2\x82", "\xf4\x90\x80\x80");
  auto text = to_json(line_of(bad));
  CHECK(text.find("\xEF\xBF\xBD") != std::string::npos);
  CHECK(to_json(line_of("grün \xF0\x9F\x98\x80")).find("grün \xF0\x9F\x98\x80") != std::string::npos);
}

TEST_CASE("times before 1970 are written as such") {
  CHECK(log_time(timestamp{-1}) == "1969-12-31T23:59:59.999Z");
  CHECK(log_time(timestamp{0}) == "1970-01-01T00:00:00.000Z");
}

TEST_CASE("lines below the level are not written") {
  capture captured;
  configure_logging(log_level::warning, log_format::text);
  logger log{"s", "o", 0};
  log.debug("d");
  log.info("i");
  log.warning("w");
  log.error("e");
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].ends_with("warning s o 0 w"));
  CHECK(lines[1].ends_with("error s o 0 e"));
  lines.clear();
  configure_logging(log_level::off, log_format::text);
  log.error("e");
  CHECK(lines.empty());
}

TEST_CASE("a logger for an operator keeps the service and the format is chosen for the process") {
  capture captured;
  configure_logging(log_level::info, log_format::json);
  logger{"svc", "-", -1}.for_operator("window", 3).info("hello");
  logger{}.info("bare");
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].find(R"("service":"svc","operator":"window","subtask":3,"message":"hello")") != std::string::npos);
  CHECK(lines[1].find(R"("service":"-","operator":"-","subtask":null)") != std::string::npos);
}
