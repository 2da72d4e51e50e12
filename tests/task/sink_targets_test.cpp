#include <weir/storage/job_store.hpp>
#include <weir/task/sink_targets.hpp>
#include "tests/catch.hpp"

using namespace weir;

namespace {

/// A producer with a queue of the test's size, which acknowledges when the test says so.
struct producer_script {
  std::size_t room = 1000; ///< So many records are still taken.
  std::vector<std::string> sent;
  std::size_t acknowledged = 0;
  std::optional<error> trouble;
};

class fake_producer : public direct_producer {
 public:
  explicit fake_producer(producer_script& s) : s_(s) {}
  result<bool> send(const output_record& r) override {
    if (s_.trouble)
      return *s_.trouble;
    if (s_.room == 0)
      return false;
    --s_.room;
    s_.sent.push_back(std::string(r.topic) + "/" + std::to_string(r.partition) + ":" + std::string(r.key.value_or("-")) + "=" +
                      std::string(r.value.value_or("-")) + std::string(r.packed_headers) + "@" + std::to_string(r.time_ms));
    return true;
  }
  result<bool> flushed() override { return flushed_through(s_.sent.size()); }
  std::uint64_t sent_mark() override { return s_.sent.size(); }
  result<bool> flushed_through(std::uint64_t mark) override {
    if (s_.trouble)
      return *s_.trouble;
    return s_.acknowledged >= mark;
  }

 private:
  producer_script& s_;
};

/// Puts a record into the partition that its key names.
class fake_partitioner : public sink_connection {
 public:
  result<topic_description> ensure_topic(const std::string&, std::int32_t, bool) override { return error{errc::internal, ""}; }
  std::int32_t partition_for(std::optional<std::string_view> key, std::int32_t partitions) override {
    return key ? static_cast<std::int32_t>(key->size()) % partitions : 0;
  }
  result<std::unique_ptr<transactional_publisher>> open_publisher(const std::string&, const std::string&) override {
    return error{errc::internal, ""};
  }
  result<std::unique_ptr<direct_producer>> open_direct(std::function<void()>) override { return error{errc::internal, ""}; }
};

fake_partitioner partitioner;

destination to(bool compacted = false) { return {"main", {"out", 3, 300, compacted}, &partitioner}; }

encoded_record record(std::optional<std::string_view> value, std::optional<std::string_view> key = "k") {
  return {key, value, {}, timestamp::from_ms(7)};
}

struct direct_fixture {
  producer_script script;
  direct_sink sink;
  explicit direct_fixture(bool wait = true) : sink(to(), std::make_unique<fake_producer>(script), wait) {}
  bool sealed() {
    auto r = sink.seal();
    REQUIRE(r.ok());
    return *r;
  }
  void write(const std::string& value) { REQUIRE(sink.write(record(value)).ok()); }
};

std::string sent(const std::string& value) { return "out/1:k=" + value + "@7"; }

} // namespace

TEST_CASE("an outbox sink hands over full chunks at once and the rest at the seal, in order and ready to be published") {
  std::vector<std::string> chunks;
  outbox_sink sink(to(), 100);
  sink.on_chunk([&](std::string c) { chunks.push_back(std::move(c)); });
  std::vector<std::string> expected;
  for (int i = 0; i < 20; ++i) {
    std::string key(static_cast<std::size_t>(i % 3), 'k'), value = "v" + std::to_string(i);
    expected.push_back("main out " + std::to_string(i % 3) + " " + key + " " + value + " 7");
    REQUIRE(sink.write({key, value, {}, timestamp::from_ms(7)}).ok());
  }
  auto full = chunks.size();
  CHECK(full >= 2);
  for (auto& c : chunks)
    CHECK(c.size() >= 100);
  CHECK(*sink.seal());
  CHECK(chunks.size() == full + 1);
  // A sealed epoch has nothing left: sealing again adds no empty chunk.
  CHECK(*sink.seal());
  CHECK(chunks.size() == full + 1);
  CHECK(sink.records() == 20);
  std::vector<std::string> got;
  for (auto& c : chunks)
    REQUIRE(decode_outbox(c, [&](const outbox_record& r) {
              got.push_back(std::string(r.connection) + " " + std::string(r.topic) + " " + std::to_string(r.partition) + " " +
                            std::string(r.key.value_or("null")) + " " + std::string(r.value.value_or("null")) + " " +
                            std::to_string(r.time_ms));
              return true;
            }).ok());
  CHECK(got == expected);
}

TEST_CASE("an outbox sink that is paused says so and keeps what still comes") {
  std::vector<std::string> chunks;
  outbox_sink sink(to(), 1 << 20);
  sink.on_chunk([&](std::string c) { chunks.push_back(std::move(c)); });
  CHECK(sink.accepting());
  sink.pause(true);
  CHECK_FALSE(sink.accepting());
  REQUIRE(sink.write(record("late")).ok());
  sink.pause(false);
  CHECK(sink.accepting());
  CHECK(*sink.seal());
  REQUIRE(chunks.size() == 1);
  CHECK(chunks[0].find("late") != std::string::npos);
}

TEST_CASE("a record that the topic would refuse is refused by both sinks and leaves nothing behind") {
  std::vector<std::string> chunks;
  outbox_sink outbox(to(true), 1);
  outbox.on_chunk([&](std::string c) { chunks.push_back(std::move(c)); });
  producer_script script;
  direct_sink direct(to(true), std::make_unique<fake_producer>(script), true);
  for (epoch_sink* sink : {static_cast<epoch_sink*>(&outbox), static_cast<epoch_sink*>(&direct)}) {
    CHECK(sink->write(record(std::string(200, 'x'))).err().code == errc::too_large);
    CHECK(sink->write(record("v", std::nullopt)).err().code == errc::invalid_argument);
    CHECK(sink->records() == 0);
    sink->at_barrier();
    CHECK(*sink->seal());
  }
  CHECK(chunks.empty());
  CHECK(script.sent.empty());
}

TEST_CASE("a direct sink writes at once, and a barrier waits for what was written before it and not for what came behind") {
  direct_fixture f;
  f.write("a");
  f.write("b");
  CHECK(f.script.sent == std::vector{sent("a"), sent("b")});
  f.sink.at_barrier();
  CHECK_FALSE(f.sealed());
  f.write("c");
  f.script.acknowledged = 1;
  CHECK_FALSE(f.sealed());
  f.script.acknowledged = 2;
  CHECK(f.sealed());
  // The next barrier is about the next epoch.
  f.sink.at_barrier();
  CHECK_FALSE(f.sealed());
  f.script.acknowledged = 3;
  CHECK(f.sealed());
}

TEST_CASE("what a full producer does not take is kept in order, and what was kept at the barrier belongs to it") {
  direct_fixture f;
  f.script.room = 1;
  for (auto* v : {"a", "b", "c"})
    f.write(v);
  CHECK_FALSE(f.sink.accepting());
  f.sink.at_barrier();
  f.write("behind");
  CHECK(f.script.sent == std::vector{sent("a")});
  f.script.acknowledged = 1;
  CHECK_FALSE(f.sealed());
  f.script.room = 1;
  REQUIRE(f.sink.retry().ok());
  CHECK(f.script.sent == std::vector{sent("a"), sent("b")});
  f.script.acknowledged = 2;
  CHECK_FALSE(f.sealed());
  f.script.room = 1;
  CHECK_FALSE(f.sealed());
  CHECK(f.script.sent == std::vector{sent("a"), sent("b"), sent("c")});
  f.script.acknowledged = 3;
  // The one behind the barrier is still kept.
  CHECK_FALSE(f.sink.accepting());
  CHECK(f.sealed());
  f.script.room = 5;
  REQUIRE(f.sink.retry().ok());
  CHECK(f.script.sent.back() == sent("behind"));
  CHECK(f.sink.accepting());
  CHECK(f.sink.records() == 4);
}

TEST_CASE("without a guarantee a barrier waits for room in the queue, not for acknowledgements") {
  direct_fixture f(false);
  f.script.room = 1;
  f.write("a");
  f.write("b");
  f.sink.at_barrier();
  CHECK_FALSE(f.sealed());
  f.script.room = 1;
  CHECK(f.sealed());
  CHECK(f.script.acknowledged == 0);
}

TEST_CASE("a producer that failed fails the write, the next try and the seal") {
  direct_fixture f;
  f.script.room = 0;
  f.write("kept");
  f.script.trouble = error{errc::unavailable, "refused"};
  CHECK(f.sink.retry().err().code == errc::unavailable);
  f.sink.at_barrier();
  CHECK(f.sink.seal().err().code == errc::unavailable);
  direct_fixture g;
  g.script.trouble = f.script.trouble;
  CHECK(g.sink.write(record("a")).err().code == errc::unavailable);
}
