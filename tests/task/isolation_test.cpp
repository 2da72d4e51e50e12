#include <algorithm>
#include <map>
#include <set>
#include <weir/core/fail_point.hpp>
#include <weir/record/raw_record.hpp>
#include <weir/task/epoch_publisher.hpp>
#include "tests/catch.hpp"

// A record that its topic refuses for good: what the publisher makes of it, and what is durable when.

using namespace weir;

namespace {

const lineage_id ours{{7}};

/// What outlives a process: the topics, the newest marker, and the fates in the store.
struct outside {
  struct written {
    std::string topic, value;
    std::int32_t partition;
    header_list headers;
  };
  std::vector<written> visible;
  std::optional<marker> newest;
  std::string fates;                                     ///< As the store has them; empty: none.
  std::set<std::pair<std::string, std::string>> refused; ///< Topic and value.
  bool all_at_once = false;                              ///< A report names every refused record of the transaction.
  errc code = errc::too_large;
  unsigned kept = 0; ///< How often fates were stored.
  unsigned transactions_tried = 0;
  bool store_fails = false;
  unsigned commits_unknown = 0; ///< So many commits happen without an answer.
};

class publisher_of : public transactional_publisher {
 public:
  explicit publisher_of(outside& o) : o_(o) {}
  result<> fence() override { return success(); }
  result<std::optional<marker>> read_marker() override { return o_.newest; }
  publish_report add(std::span<const output_record> records) override {
    for (const auto& r : records) {
      outside::written w{std::string(r.topic), std::string(r.value.value_or("")), r.partition, {}};
      REQUIRE(unpack_headers(r.packed_headers, w.headers));
      open_.push_back(std::move(w));
    }
    return {};
  }
  void set_group_offsets(const std::string&, const std::map<std::pair<std::string, std::int32_t>, std::int64_t>&) override {}
  publish_report commit(const marker& m) override {
    ++o_.transactions_tried;
    std::vector<std::size_t> bad;
    for (std::size_t i = 0; i < open_.size(); ++i)
      if (o_.refused.count({open_[i].topic, open_[i].value}) > 0)
        bad.push_back(i);
    auto mine = std::exchange(open_, {});
    if (!bad.empty()) {
      publish_report report{publish_outcome::unwritable, bad[0], {o_.code, "no room for " + mine[bad[0]].value}};
      if (o_.all_at_once)
        report.also.assign(bad.begin() + 1, bad.end());
      return report;
    }
    o_.visible.insert(o_.visible.end(), mine.begin(), mine.end());
    o_.newest = m;
    if (o_.commits_unknown > 0) {
      --o_.commits_unknown;
      return {publish_outcome::unknown, 0, {errc::unknown_outcome, "no answer"}};
    }
    return {};
  }
  void abort() override { open_.clear(); }

 private:
  outside& o_;
  std::vector<outside::written> open_;
};

class sink_of : public sink_connection {
 public:
  explicit sink_of(outside& o) : o_(o) {}
  result<topic_description> ensure_topic(const std::string& topic, std::int32_t, bool compacted) override {
    return topic_description{topic, 8, 0, compacted};
  }
  std::int32_t partition_for(std::optional<std::string_view> key, std::int32_t partitions) override {
    return key ? murmur2_partition(*key, partitions) : 0;
  }
  result<std::unique_ptr<transactional_publisher>> open_publisher(const std::string&, const std::string&) override {
    return std::unique_ptr<transactional_publisher>(std::make_unique<publisher_of>(o_));
  }
  result<std::unique_ptr<direct_producer>> open_direct(std::function<void()>) override {
    return error{errc::internal, "not asked for"};
  }

 private:
  outside& o_;
};

sink_spec policy(error_action action, topic_ref letters = {}) {
  sink_spec s;
  s.topic = {"main", "out"};
  s.refused = action;
  s.dead_letters = std::move(letters);
  return s;
}

/// One process of the job, incarnation by incarnation.
struct process {
  outside& o;
  sink_of sink;
  std::unique_ptr<epoch_publisher> publisher;

  process(outside& world, std::uint64_t incarnation, std::map<std::string, sink_spec> sinks,
          std::size_t transaction_bytes = 1 << 20)
      : o(world), sink(world) {
    configure_logging(log_level::off, log_format::text);
    epoch_publisher::options opts;
    opts.marker_topic = "markers";
    opts.transaction_bytes = transaction_bytes;
    opts.wait = [](duration) { return false; };
    opts.sinks = std::move(sinks);
    publisher = std::make_unique<epoch_publisher>(std::move(opts), std::vector<publisher_slot>{{"id", "main", &sink}}, logger{});
    REQUIRE(publisher->fence().ok());
    publisher->identify(ours, incarnation);
    record_fates known;
    if (!o.fates.empty())
      known = record_fates::decode(o.fates).value();
    publisher->fates(std::move(known), [this](std::string encoded) -> result<> {
      if (o.store_fails)
        return error{errc::unknown_outcome, "the disk is gone"};
      ++o.kept;
      o.fates = std::move(encoded);
      return success();
    });
    marker claim{ours, incarnation, 10, all_records};
    if (o.newest) {
      claim = *o.newest;
      claim.incarnation = incarnation;
    }
    REQUIRE(publisher->claim(0, {"id", claim, o.newest}).ok());
  }
};

epoch_output epoch(std::uint64_t number, int first, int n, const std::string& writer = "totals") {
  epoch_output e{number, {}};
  for (int i = first; i < first + n; i += 4) {
    std::string chunk;
    for (int j = i; j < std::min(i + 4, first + n); ++j) {
      auto key = "k" + std::to_string(j), value = "v" + std::to_string(j);
      outbox_record r;
      r.connection = "main";
      r.topic = "out";
      r.key = key;
      r.value = value;
      encode_outbox(r, chunk);
      r.connection = "elsewhere"; // Has ordinals of its own.
      encode_outbox(r, chunk);
    }
    e.chunks.push_back(std::move(chunk));
    e.writers.push_back(writer);
  }
  return e;
}

std::vector<std::string> values(const outside& o) {
  std::vector<std::string> out;
  for (auto& w : o.visible)
    out.push_back((w.topic == "out" ? "" : w.topic + ":") + w.value);
  return out;
}

} // namespace

TEST_CASE("a refused record is skipped or becomes a dead letter in its place, and all others come once and in order") {
  auto letters = GENERATE(true, false);
  auto at_once = GENERATE(true, false);
  auto split = GENERATE(std::size_t{1} << 20, std::size_t{9});
  CAPTURE(letters, at_once, split);
  outside o;
  o.all_at_once = at_once;
  o.refused = {{"out", "v2"}, {"out", "v3"}, {"out", "v9"}};
  process p(o, 1, {{"totals", letters ? policy(error_action::dead_letter, {"main", "dead"}) : policy(error_action::skip)}},
            split);
  REQUIRE(p.publisher->publish({epoch(11, 0, 6), epoch(12, 6, 6)}).ok());
  auto expected =
      letters ? std::vector<std::string>{"v0", "v1", "dead:v2", "dead:v3", "v4", "v5", "v6", "v7", "v8", "dead:v9", "v10", "v11"}
              : std::vector<std::string>{"v0", "v1", "v4", "v5", "v6", "v7", "v8", "v10", "v11"};
  CHECK(values(o) == expected);
  CHECK(o.newest == marker{ours, 1, 12, all_records});
  if (at_once && split > 9)
    CHECK(o.kept == 1);
  if (!letters)
    return;
  auto& dead = *std::find_if(o.visible.begin(), o.visible.end(), [](auto& w) { return w.topic == "dead"; });
  CHECK(dead.partition == murmur2_partition("k2", 8));
  CHECK(dead.headers[0] == std::pair<std::string, std::optional<std::string>>{"weir.refused.topic", "out"});
  CHECK(dead.headers[1].second == "too-large");
  CHECK(dead.headers[2].second == "totals");
  // The next epochs forget what is behind them.
  o.refused.insert({"out", "v13"});
  REQUIRE(p.publisher->publish({epoch(13, 12, 3)}).ok());
  auto left = record_fates::decode(o.fates).value();
  CHECK(left.find("main", 11) == nullptr);
  CHECK(left.find("main", 12) == nullptr);
  REQUIRE(left.find("main", 13) != nullptr);
  CHECK(left.find("main", 13)->begin()->first == 1);
}

TEST_CASE("a crash at any step of isolating loses and doubles nothing") {
  // Each fail point ends a process as a kill would: it is replaced by one that knows only what was durable.
  for (const auto* point : {"publisher.refused", "publisher.fate_kept", "publisher.added"})
    for (auto split : {std::size_t{1} << 20, std::size_t{9}})
      for (auto action : {error_action::skip, error_action::dead_letter})
        for (int hit = 1; hit <= 3; ++hit) {
          CAPTURE(point, split, static_cast<int>(action), hit);
          outside o;
          o.refused = {{"out", "v2"}, {"out", "v7"}};
          o.commits_unknown = 0;
          const std::vector<epoch_output> epochs{epoch(11, 0, 6), epoch(12, 6, 6)};
          std::map<std::string, sink_spec> sinks{{"totals", policy(action, {"main", "dead"})}};
          {
            process p(o, 1, sinks, split);
            o.commits_unknown = 1;
            REQUIRE(arm_fail_points(std::string(point) + ":" + std::to_string(hit) + "=error").ok());
            auto r = p.publisher->publish(epochs);
            REQUIRE(arm_fail_points("").ok());
            if (std::string(point) != "publisher.added" && hit <= 2)
              REQUIRE_FALSE(r.ok());
          }
          // What recovery decides from the marker.
          auto at = *o.newest;
          process p(o, 2, sinks, split);
          std::vector<epoch_output> left;
          std::uint64_t ordinal = 0;
          for (auto& e : epochs)
            if (e.checkpoint > at.checkpoint || (e.checkpoint == at.checkpoint && at.ordinal != all_records))
              left.push_back(e);
          if (!left.empty() && left[0].checkpoint == at.checkpoint)
            ordinal = at.ordinal;
          if (!left.empty())
            REQUIRE(p.publisher->publish_for(0, left, ordinal).ok());
          auto letter = [&](const char* v) {
            return action == error_action::skip ? std::vector<std::string>{} : std::vector<std::string>{std::string("dead:") + v};
          };
          std::vector<std::string> expected;
          for (int i = 0; i < 12; ++i) {
            auto v = "v" + std::to_string(i);
            auto some = i == 2 || i == 7 ? letter(v.c_str()) : std::vector<std::string>{v};
            expected.insert(expected.end(), some.begin(), some.end());
          }
          CHECK(values(o) == expected);
        }
}

TEST_CASE("without a fate that is durable nothing is published") {
  outside o;
  o.refused = {{"out", "v1"}};
  process p(o, 1, {{"totals", policy(error_action::skip)}});
  o.store_fails = true;
  auto r = p.publisher->publish({epoch(11, 0, 3)});
  REQUIRE_FALSE(r.ok());
  CHECK(r.err().code == errc::unknown_outcome);
  CHECK(o.visible.empty());
  CHECK(o.transactions_tried == 2); // The claim's and one of the epoch.
}

TEST_CASE("under the policy fail the record is named and stays in the outbox until the topic takes it") {
  outside o;
  o.code = GENERATE(errc::too_large, errc::unavailable);
  o.refused = {{"out", "v5"}};
  auto known = GENERATE(true, false); // A sink that the job does not have any more has no policy.
  process p(
      o, 1,
      known ? std::map<std::string, sink_spec>{{"totals", policy(error_action::fail)}} : std::map<std::string, sink_spec>{});
  auto r = p.publisher->publish({epoch(11, 0, 3), epoch(12, 3, 3)});
  REQUIRE_FALSE(r.ok());
  CHECK(r.err().code == (o.code == errc::too_large ? errc::too_large : errc::invalid_argument));
  CHECK(r.err().message.find("record 2 of epoch 12, of sink 'totals' for topic 'out', can never be written: no room for v5") !=
        std::string::npos);
  CHECK(o.visible.empty());
  CHECK(o.kept == 0);
  o.refused.clear();
  REQUIRE(p.publisher->publish({epoch(11, 0, 3), epoch(12, 3, 3)}).ok());
  CHECK(o.visible.size() == 6);
}

TEST_CASE("a dead letter that is refused as well ends the publish by name instead of going round") {
  outside o;
  o.refused = {{"out", "v1"}, {"dead", "v1"}};
  process p(o, 1, {{"totals", policy(error_action::dead_letter, {"main", "dead"})}});
  auto r = p.publisher->publish({epoch(11, 0, 3)});
  REQUIRE_FALSE(r.ok());
  CHECK(r.err().message.find("a dead letter on its way to topic 'dead'") != std::string::npos);
  CHECK(o.visible.empty());
  CHECK(o.kept == 1);
  // When its topic takes it, the next process finishes it.
  o.refused.erase({"dead", "v1"});
  process next(o, 2, {{"totals", policy(error_action::dead_letter, {"main", "dead"})}});
  REQUIRE(next.publisher->publish({epoch(11, 0, 3)}).ok());
  CHECK(values(o) == std::vector<std::string>{"v0", "dead:v1", "v2"});
}

TEST_CASE("dead letters of another connection cannot stand in a record's place: the publish ends and says so") {
  outside o;
  o.refused = {{"out", "v1"}};
  process p(o, 1, {{"totals", policy(error_action::dead_letter, {"elsewhere", "dead"})}});
  auto r = p.publisher->publish({epoch(11, 0, 3)});
  REQUIRE_FALSE(r.ok());
  CHECK(r.err().message.find("connection 'elsewhere'") != std::string::npos);
  CHECK(o.visible.empty());
}
