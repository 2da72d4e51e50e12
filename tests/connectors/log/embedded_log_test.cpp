#include "tests/catch.hpp"

#include <fstream>
#include <random>

#include <weir/connectors/log/detail/environment.hpp>

#include "tests/connectors/log/support.hpp"

using namespace weir;
using namespace log_test;

namespace {

std::vector<std::string> read_all(connection& c, const std::string& topic, std::int32_t partition, std::int64_t from) {
  auto source = c.open_source("g", 1 << 20, {}).value();
  auto reader = source->open(topic, partition, from, [] {}).value();
  collected got;
  while (!reader->poll(7, 300, got).value().at_end) {
  }
  return values(got);
}

} // namespace

TEST_CASE("names and limits of topics are checked") {
  scratch dir;
  auto log = embedded_log::open(dir.log()).value();
  for (const auto* bad : {"", ".", "..", "a/b", "a b", "\xc3\xa9"})
    CHECK(log->create_topic(bad, {}).err().code == errc::invalid_argument);
  CHECK(log->create_topic(std::string(250, 'a'), {}).err().code == errc::invalid_argument);
  CHECK(log->create_topic("t", {0}).err().code == errc::invalid_argument);
  CHECK(log->create_topic("t", {10'001}).err().code == errc::invalid_argument);
  CHECK(log->create_topic("t", {1, 0}).err().code == errc::invalid_argument);
  CHECK(log->create_topic(std::string(249, 'a'), {}).ok());
  CHECK(log->create_topic("t", {}).ok());
  CHECK(log->create_topic("t", {}).err().code == errc::already_exists);
  CHECK(log->topics().value().size() == 2);
}

TEST_CASE("everything is there after closing and opening again") {
  scratch dir;
  std::string id;
  {
    auto log = embedded_log::open(dir.log()).value();
    id = log->id();
    auto t = log->create_topic("t", {3, 5000, 1'000'000, 60'000}).value();
    REQUIRE(append(*log, t, 2, "kept"));
  }
  auto log = embedded_log::open(dir.log(), {.create = false}).value();
  CHECK(log->id() == id);
  auto t = log->topic("t").value();
  CHECK(t.options == log_topic_options{3, 5000, 1'000'000, 60'000});
  CHECK(log->partition(t, 2).value().next == 1);
  auto c = connect(dir.log());
  CHECK(read_all(*c, "t", 2, 0) == std::vector<std::string>{"kept"});
}

TEST_CASE("batches of any size come back whole from any offset") {
  scratch dir;
  auto log = embedded_log::open(dir.log()).value();
  auto c = connect(dir.log());
  auto t = log->create_topic("t", {1, 200'000}).value();
  auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  std::vector<std::string> expected;
  for (int b = 0; b < 30; ++b) {
    log_batch batch;
    auto n = random() % 60 + 1;
    for (unsigned i = 0; i < n; ++i) {
      std::string value(random() % 50 == 0 ? random() % 150'000 : random() % 200, static_cast<char>('a' + random() % 26));
      REQUIRE(batch.add(t, record("t", 0, std::nullopt, value)));
      expected.push_back(value);
    }
    REQUIRE(log->commit(batch, {}));
  }
  CHECK(log->partition(t, 0).value().next == static_cast<std::int64_t>(expected.size()));
  for (int i = 0; i < 20; ++i) {
    auto from = random() % (expected.size() + 1);
    CHECK(read_all(*c, "t", 0, static_cast<std::int64_t>(from)) ==
          std::vector<std::string>(expected.begin() + static_cast<std::ptrdiff_t>(from), expected.end()));
  }
}

TEST_CASE("retention by bytes trims from the front and offsets stay") {
  scratch dir;
  auto log = embedded_log::open(dir.log()).value();
  auto c = connect(dir.log());
  auto t = log->create_topic("t", {1, 1000, 2000}).value();
  auto reader = c->open_source("g", 1, {}).value()->open("t", 0, 0, [] {}).value();
  for (int i = 0; i < 100; ++i)
    REQUIRE(append(*log, t, 0, std::to_string(i) + std::string(100, '.')));
  auto state = log->partition(t, 0).value();
  CHECK(state.next == 100);
  CHECK(state.first > 80);
  CHECK(state.bytes <= 2000);
  collected got;
  CHECK(reader->poll(10, 10, got).err().code == errc::out_of_range);
  CHECK(read_all(*c, "t", 0, state.first).front().substr(0, 3) == std::to_string(state.first) + ".");
  CHECK(read_all(*c, "t", 0, state.first).size() == static_cast<std::size_t>(100 - state.first));
}

TEST_CASE("a record larger than the retention is still there until the next") {
  scratch dir;
  auto log = embedded_log::open(dir.log()).value();
  auto t = log->create_topic("t", {1, 1000, 10}).value();
  REQUIRE(append(*log, t, 0, std::string(500, 'a')));
  CHECK(log->partition(t, 0).value().first == 0);
  REQUIRE(append(*log, t, 0, "b"));
  CHECK(log->partition(t, 0).value().first == 1);
}

TEST_CASE("retention by age goes by the time of the append, not of the record") {
  scratch dir;
  auto log = embedded_log::open(dir.log()).value();
  auto t = log->create_topic("t", {1, 1000, 0, 3'600'000}).value();
  REQUIRE(append(*log, t, 0, "an old event, just appended", {}, 1));
  REQUIRE(log->apply_retention(t));
  CHECK(log->partition(t, 0).value().first == 0);
  auto short_lived = log->create_topic("s", {1, 1000, 0, 1}).value();
  REQUIRE(append(*log, short_lived, 0, "soon gone"));
  // Each try is a durable transaction: the millisecond passes.
  while (log->partition(short_lived, 0).value().first == 0)
    REQUIRE(log->apply_retention(short_lived));
  auto state = log->partition(short_lived, 0).value();
  CHECK(state.first == 1);
  CHECK(state.next == 1);
  CHECK(state.bytes == 0);
}

TEST_CASE("a reader goes on with what it has copied when retention trims under it") {
  scratch dir;
  auto log = embedded_log::open(dir.log()).value();
  auto c = connect(dir.log());
  auto t = log->create_topic("t", {1, 1000, 3000}).value();
  for (int i = 0; i < 10; ++i)
    REQUIRE(append(*log, t, 0, std::to_string(i)));
  auto reader = c->open_source("g", 1, {}).value()->open("t", 0, 0, [] {}).value();
  collected got;
  CHECK(reader->poll(4, 1 << 20, got).value().records == 4);
  for (int i = 0; i < 20; ++i)
    REQUIRE(append(*log, t, 0, std::string(500, 'x')));
  REQUIRE(log->partition(t, 0).value().first > 10);
  auto rest = reader->poll(100, 1 << 20, got).value();
  CHECK(rest.records == 6);
  CHECK_FALSE(rest.at_end);
  CHECK(values(got).back() == "9");
  CHECK(reader->poll(100, 1 << 20, got).err().code == errc::out_of_range);
}

TEST_CASE("a compacted topic keeps the newest record of each key, also tombstones") {
  scratch dir;
  auto log = embedded_log::open(dir.log()).value();
  auto c = connect(dir.log());
  auto t = log->create_topic("t", {1, 1000, 0, 0, true}).value();
  log_batch batch;
  for (int i = 0; i < 30; ++i) {
    auto key = "k" + std::to_string(i % 3);
    auto value = std::to_string(i);
    REQUIRE(batch.add(t, record("t", 0, key, i == 28 ? std::nullopt : std::optional<std::string_view>(value))));
  }
  REQUIRE(log->commit(batch, {}));
  CHECK(read_all(*c, "t", 0, 0) == std::vector<std::string>{"27", "(null)", "29"});
  REQUIRE(append(*log, t, 0, "new", "k1"));
  CHECK(read_all(*c, "t", 0, 5) == std::vector<std::string>{"27", "29", "new"});
  CHECK(log->partition(t, 0).value().first == 0);
}

TEST_CASE("the map grows by itself and everything stays") {
  scratch dir;
  auto c = connect(dir.log(), {{"map.initial.bytes", "1048576"}});
  REQUIRE(c->cluster_id());
  auto log = embedded_log::open(dir.log()).value();
  auto t = log->create_topic("t", {}).value();
  std::string value(100'000, 'v');
  for (int i = 0; i < 100; ++i)
    REQUIRE(append(*log, t, 0, value));
  CHECK(log->partition(t, 0).value().next == 100);
  CHECK(read_all(*c, "t", 0, 0) == std::vector<std::string>(100, value));
}

TEST_CASE("a transaction that fails half-way leaves nothing") {
  scratch dir;
  auto log = embedded_log::open(dir.log()).value();
  auto t = log->create_topic("t", {}).value();
  log_batch batch;
  REQUIRE(batch.add(t, record("t", 0, "k", "v")));
  auto failed = log->commit(batch, {}, [] { return result<>(errc::unavailable, "stop"); });
  CHECK(failed.err().code == errc::unavailable);
  CHECK(log->partition(t, 0).value().next == 0);
  REQUIRE(log->commit(batch, {}));
  CHECK(log->partition(t, 0).value().next == 1);
}

TEST_CASE("what is no log is refused with a sentence, not with a crash") {
  scratch dir;
  auto open = [&] { return embedded_log::open(dir.path(), {.create = false}); };
  CHECK(open().err().code == errc::not_found);
  auto data = dir.path() + "/data.mdb";
  std::ofstream(data) << std::string(100'000, 'x');
  CHECK(open().err().code == errc::store_corrupt);
  CHECK(open().err().message.find("not an LMDB file") != std::string::npos);
  std::filesystem::remove(data);

  // Another program's database.
  MDB_env* env = nullptr;
  MDB_txn* txn = nullptr;
  MDB_dbi dbi = 0;
  REQUIRE(mdb_env_create(&env) == 0);
  REQUIRE(mdb_env_open(env, dir.path().c_str(), 0, 0600) == 0);
  REQUIRE(mdb_txn_begin(env, nullptr, 0, &txn) == 0);
  REQUIRE(mdb_dbi_open(txn, nullptr, 0, &dbi) == 0);
  MDB_val k{3, const_cast<char*>("abc")};
  REQUIRE(mdb_put(txn, dbi, &k, &k, 0) == 0);
  REQUIRE(mdb_txn_commit(txn) == 0);
  mdb_env_close(env);
  CHECK(open().err().code == errc::store_corrupt);
  CHECK(open().err().message.find("not a log") != std::string::npos);

  std::ofstream(dir.path() + "/file") << "x";
  CHECK(embedded_log::open(dir.path() + "/file").err().code == errc::invalid_argument);
  CHECK_FALSE(embedded_log::open(dir.path() + "/file/below").ok());
}

TEST_CASE("a log cut short is refused") {
  scratch dir;
  {
    auto log = embedded_log::open(dir.log()).value();
    auto t = log->create_topic("t", {}).value();
    REQUIRE(append(*log, t, 0, std::string(200'000, 'x')));
  }
  std::filesystem::resize_file(dir.log() + "/data.mdb", 100'000);
  auto r = embedded_log::open(dir.log());
  CHECK(r.err().code == errc::store_corrupt);
  CHECK(r.err().message.find("cut short") != std::string::npos);
}

TEST_CASE("a flipped bit in a record is found") {
  scratch dir;
  const std::string value = "a value that can be found in the file";
  {
    auto log = embedded_log::open(dir.log()).value();
    auto t = log->create_topic("t", {}).value();
    REQUIRE(append(*log, t, 0, value));
  }
  auto file = dir.log() + "/data.mdb";
  std::string bytes((std::istreambuf_iterator<char>(*std::make_unique<std::ifstream>(file, std::ios::binary))), {});
  auto flipped = 0;
  for (auto at = bytes.find(value); at != std::string::npos; at = bytes.find(value, at + 1), ++flipped)
    bytes[at] ^= 1;
  REQUIRE(flipped > 0);
  std::ofstream(file, std::ios::binary) << bytes;
  auto c = connect(dir.log());
  auto reader = c->open_source("g", 1, {}).value()->open("t", 0, 0, [] {}).value();
  collected got;
  CHECK(reader->poll(1, 1, got).err().code == errc::store_corrupt);
  CHECK(got.records.empty());
}
