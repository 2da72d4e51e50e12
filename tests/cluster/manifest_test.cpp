#include <weir/cluster/manifest.hpp>
#include "tests/catch.hpp"

using namespace weir;
using namespace weir::cluster;

namespace {

using kind = prepared_chunk::kind;
const participant_id task{"task", 0};
const slot_id slot{"main", 0};

prepared_chunk chunk(kind what, std::uint64_t number, const std::string& file, key_range range = {0, 0}) {
  return {task, what, number, range, slot, {file, 1, 1}};
}

manifest_facts facts(std::uint64_t k, std::uint64_t deltas, std::uint64_t outboxes, std::vector<prepared_chunk> chunks) {
  manifest_facts f;
  f.job = "j";
  f.by = {5, 2};
  f.base = 3;
  f.checkpoint = k;
  f.contributions = {{task, "", deltas, outboxes, false}};
  f.chunks = std::move(chunks);
  return f;
}

std::vector<std::string> ids(const range_chain& c) {
  std::vector<std::string> out;
  for (const auto& l : c.links)
    out.push_back(l.file.name);
  return out;
}

} // namespace

TEST_CASE("what a closed checkpoint staged falls to the next one, in order, whatever the order of the news") {
  auto m = make_manifest(facts(5, 2, 2,
                               {chunk(kind::delta, 1, "d1"), chunk(kind::outbox, 1, "o1"), chunk(kind::delta, 0, "d0"),
                                chunk(kind::outbox, 0, "o0"), chunk(kind::delta, 0, "d0"), chunk(kind::delta, 2, "later")}));
  REQUIRE(m.ok());
  CHECK(ids(m->chains[0]) == std::vector<std::string>{"d0", "d1"});
  REQUIRE(m->outbox.size() == 1);
  CHECK(m->outbox[0].files.size() == 2);
  CHECK(m->outbox[0].files[0].name == "o0");
  CHECK(m->outbox[0].after == 3);
}

TEST_CASE("within an attempt chunks go on counting, in a new one they begin anew") {
  auto first = *make_manifest(facts(5, 1, 0, {chunk(kind::delta, 0, "d0")}));
  auto next = facts(6, 2, 0, {chunk(kind::delta, 0, "d0"), chunk(kind::delta, 1, "d1")});
  next.previous = &first;
  CHECK(ids(make_manifest(next)->chains[0]) == std::vector<std::string>{"d0", "d1"});
  next.by = {5, 3};
  next.contributions[0].delta_end = 1;
  next.chunks = {chunk(kind::delta, 0, "new")};
  CHECK(ids(make_manifest(next)->chains[0]) == std::vector<std::string>{"d0", "new"});
}

TEST_CASE("a snapshot ends the chain before it, of its range only") {
  auto first = *make_manifest(facts(5, 2, 0, {chunk(kind::delta, 0, "a"), chunk(kind::delta, 1, "b", {1, 1})}));
  auto next = facts(6, 4, 0, {chunk(kind::snapshot, 2, "s"), chunk(kind::delta, 3, "c")});
  next.previous = &first;
  auto m = *make_manifest(next);
  CHECK(ids(*m.chain_of({0, 0})) == std::vector<std::string>{"s", "c"});
  CHECK(m.chain_of({0, 0})->links[0].snapshot);
  CHECK(ids(*m.chain_of({1, 1})) == std::vector<std::string>{"b"});
  CHECK(m.chain_of({2, 2}) == nullptr);
}

TEST_CASE("an acknowledged chunk whose file nobody has named makes no manifest") {
  auto m = make_manifest(facts(5, 2, 0, {chunk(kind::delta, 1, "d1")}));
  REQUIRE(!m.ok());
  CHECK(m.err().code == errc::unavailable);
  CHECK(m.err().message.find("chunk 0 of 'task' 0") != std::string::npos);
}

TEST_CASE("output stays in the manifest until its slot's marker has passed it") {
  auto first = *make_manifest(facts(5, 0, 1, {chunk(kind::outbox, 0, "o")}));
  auto next = facts(6, 0, 1, {});
  next.previous = &first;
  CHECK(make_manifest(next)->outbox.size() == 1);
  next.published[slot] = {{}, 1, 5, 3};
  CHECK(make_manifest(next)->outbox.size() == 1);
  next.published[slot] = {{}, 1, 5, all_records};
  CHECK(make_manifest(next)->outbox.empty());
  next.lineage.bytes[0] = 9;
  CHECK(make_manifest(next).err().code == errc::incompatible);
}
