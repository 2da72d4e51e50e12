#include <map>
#include <weir/state/task_state.hpp>
#include "tests/catch.hpp"
#include "tests/state/map_base.hpp"

using namespace weir;

namespace {

task_state_options all_groups() {
  task_state_options o;
  o.last_key_group = 7;
  return o;
}

std::optional<std::string> value(task_state& t, state_handle h, std::uint16_t group, std::string_view key) {
  auto v = t.get(h, group, key);
  REQUIRE(v.ok());
  if (!*v)
    return std::nullopt;
  return std::string(**v);
}

std::vector<delta_chunk> drain_all(task_state& t) {
  std::vector<delta_chunk> chunks;
  while (auto c = t.drain(100))
    chunks.push_back(std::move(*c));
  return chunks;
}

} // namespace

TEST_CASE("a frozen value is encoded as it was at the freeze although it changes before it is drained") {
  map_base base;
  auto t = make_task_state(all_groups(), base.reader());
  auto h = *t->declare({"op", "s", state_kind::value, "v1"});
  REQUIRE(t->put(h, 1, "a", "old").ok());
  REQUIRE(t->put(h, 1, "b", "gone").ok());
  CHECK(t->freeze() == 1);
  REQUIRE(t->put(h, 1, "a", "new").ok());
  REQUIRE(t->erase(h, 1, "b").ok());
  CHECK(value(*t, h, 1, "a") == "new");
  auto chunks = drain_all(*t);
  auto restored = make_task_state(all_groups(), base.reader());
  for (auto& c : chunks)
    REQUIRE(restored->load_pending(c.bytes, 1).ok());
  auto r = *restored->declare({"op", "s", state_kind::value, "v1"});
  CHECK(value(*restored, r, 1, "a") == "old");
  CHECK(value(*restored, r, 1, "b") == "gone");
}

TEST_CASE("another schema or kind of a stored state is refused by name") {
  map_base base;
  auto t = make_task_state(all_groups(), base.reader());
  REQUIRE(t->declare({"op", "s", state_kind::value, "v1"}).ok());
  CHECK(t->declare({"op", "s", state_kind::value, "v1"}).err().code == errc::already_exists);
  t->freeze();
  auto chunks = drain_all(*t);
  REQUIRE(chunks.size() == 1);
  auto again = make_task_state(all_groups(), base.reader());
  REQUIRE(again->load_pending(chunks[0].bytes, 1).ok());
  auto refused = again->declare({"op", "s", state_kind::value, "v2"});
  REQUIRE(!refused);
  CHECK(refused.err().code == errc::incompatible);
  CHECK(refused.err().message.find("'s'") != std::string::npos);
}

TEST_CASE("keys longer than LMDB's limit are kept whole") {
  map_base base;
  auto t = make_task_state(all_groups(), base.reader());
  auto h = *t->declare({"op", "s", state_kind::value, ""});
  auto o = *t->declare({"op", "o", state_kind::ordered, ""});
  std::string a(2000, 'a'), b = a;
  b.back() = 'b';
  REQUIRE(t->put(h, 0, a, "1").ok());
  REQUIRE(t->put(h, 0, b, "2").ok());
  REQUIRE(t->put(o, 0, timestamp{5}, b, "3").ok());
  CHECK(value(*t, h, 0, a) == "1");
  CHECK(value(*t, h, 0, b) == "2");
  std::string seen;
  REQUIRE(t->scan(o, 0, min_timestamp, "", max_timestamp, [&](timestamp, std::string_view k, std::string_view v) {
             seen = std::string(k) + "=" + std::string(v);
             return true;
           }).ok());
  CHECK(seen == b + "=3");
}

TEST_CASE("an entry of another task's key group or kind is refused") {
  map_base base;
  auto t = make_task_state(all_groups(), base.reader());
  auto h = *t->declare({"op", "s", state_kind::value, ""});
  CHECK(t->put(h, 8, "a", "b").err().code == errc::invalid_argument);
  CHECK(t->put(h, 1, timestamp{1}, "a", "b").err().code == errc::invalid_argument);
  CHECK(t->get(state_handle{9}, 1, "a").err().code == errc::invalid_argument);
}
