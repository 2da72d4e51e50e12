#include <set>
#include <weir/storage/job_store.hpp>
#include "tests/catch.hpp"
#include "tests/storage/temporary_directory.hpp"

using namespace weir;

namespace {

job_store_options options_in(const temporary_directory& dir) {
  job_store_options o;
  o.directory = dir.path + "/job";
  o.job = "job";
  o.map_size = std::size_t{64} << 20;
  o.apply_checkpoints = 1;
  return o;
}

std::unique_ptr<job_store> open(const job_store_options& o) {
  auto s = open_job_store(o);
  REQUIRE(s.ok());
  return std::move(*s);
}

checkpoint_manifest manifest(std::uint64_t number, std::vector<contribution> contributions = {}) {
  checkpoint_manifest m;
  m.number = number;
  m.contributions = std::move(contributions);
  return m;
}

const participant_id task{"totals", 0};

} // namespace

TEST_CASE("a new store has a random lineage, no checkpoint and incarnation 0, which is raised durably") {
  temporary_directory a, b;
  auto one = open(options_in(a));
  auto other = open(options_in(b));
  CHECK(one->lineage() != other->lineage());
  CHECK(one->incarnation() == 0);
  CHECK(one->checkpoints()->empty());
  auto first = *one->begin_incarnation();
  CHECK(first > 0);
  auto lineage = one->lineage();
  one.reset();
  one = open(options_in(a));
  CHECK(one->incarnation() == first);
  CHECK(one->lineage() == lineage);
  CHECK(*one->begin_incarnation() > first);
}

TEST_CASE("copies of a store that are started at the same moment have different incarnations, all above the original's") {
  temporary_directory dir, copies;
  auto s = open(options_in(dir));
  auto before = *s->begin_incarnation();
  s.reset();
  std::set<std::uint64_t> seen;
  constexpr std::size_t count = 8;
  for (std::size_t i = 0; i < count; ++i) {
    auto o = options_in(copies);
    o.directory += std::to_string(i);
    std::filesystem::copy(options_in(dir).directory, o.directory, std::filesystem::copy_options::recursive);
    auto next = *open(o)->begin_incarnation();
    CHECK(next > before);
    CHECK(next <= before + (std::uint64_t{1} << 30));
    seen.insert(next);
  }
  // Two of eight agree once in 40 million runs.
  CHECK(seen.size() == count);
}

TEST_CASE("what is staged becomes readable with the checkpoint that lists it, and survives a reopen") {
  temporary_directory dir;
  auto s = open(options_in(dir));
  REQUIRE(s->begin_incarnation().ok());
  CHECK(*s->stage_outbox(task, "one") == 0);
  CHECK(*s->stage_outbox(task, "two") == 1);
  CHECK(*s->stage_outbox(task, "three") == 2);
  contribution c{task, "offsets", 0, 2, false};
  REQUIRE(s->complete(manifest(7, {c})).ok());
  s.reset();
  s = open(options_in(dir));
  auto list = *s->checkpoints();
  REQUIRE(list.size() == 1);
  CHECK(list[0].number == 7);
  CHECK(list[0].contributions.at(0).inline_state == "offsets");
  std::vector<std::string> chunks;
  REQUIRE(s->read_outbox(7, [&](const participant_id& who, std::string_view chunk) {
             CHECK(who == task);
             chunks.emplace_back(chunk);
             return success();
           }).ok());
  CHECK(chunks == std::vector<std::string>{"one", "two"});
  auto epochs = *s->unpublished_epochs();
  REQUIRE(epochs.size() == 1);
  CHECK(epochs[0].checkpoint == 7);
}

TEST_CASE("chunks of a closed attempt fall to the next complete checkpoint") {
  temporary_directory dir;
  auto s = open(options_in(dir));
  REQUIRE(s->begin_incarnation().ok());
  REQUIRE(s->stage_outbox(task, "of 1").ok());
  CHECK(*s->close(1) == job_store::verdict::closed);
  CHECK(s->complete(manifest(1, {{task, "", 0, 1, false}})).err().code == errc::invalid_argument);
  REQUIRE(s->stage_outbox(task, "of 2").ok());
  REQUIRE(s->complete(manifest(2, {{task, "", 0, 2, false}})).ok());
  CHECK(*s->close(2) == job_store::verdict::complete);
  CHECK(*s->close(1) == job_store::verdict::closed);
  std::vector<std::string> chunks;
  REQUIRE(s->read_outbox(2, [&](const participant_id&, std::string_view chunk) {
             chunks.emplace_back(chunk);
             return success();
           }).ok());
  CHECK(chunks == std::vector<std::string>{"of 1", "of 2"});
}

TEST_CASE("a checkpoint that lists chunks which were not staged is refused") {
  temporary_directory dir;
  auto s = open(options_in(dir));
  REQUIRE(s->begin_incarnation().ok());
  CHECK(s->complete(manifest(1, {{task, "", 1, 0, false}})).err().code == errc::invalid_argument);
  CHECK(s->checkpoints()->empty());
  CHECK(s->complete(manifest(1)).ok());
}

TEST_CASE("published outboxes are deleted with the next complete checkpoint") {
  temporary_directory dir;
  auto s = open(options_in(dir));
  REQUIRE(s->begin_incarnation().ok());
  for (std::uint64_t k = 1; k <= 3; ++k) {
    REQUIRE(s->stage_outbox(task, "x").ok());
    REQUIRE(s->complete(manifest(k, {{task, "", 0, k, false}})).ok());
  }
  marker m{s->lineage(), s->incarnation(), 2, all_records};
  REQUIRE(s->set_published(m).ok());
  CHECK(**s->published() == m);
  CHECK(s->unpublished_epochs()->size() == 1);
  REQUIRE(s->complete(manifest(4, {{task, "", 0, 3, false}})).ok());
  s.reset();
  s = open(options_in(dir));
  CHECK(**s->published() == m);
  auto epochs = *s->unpublished_epochs();
  REQUIRE(epochs.size() == 1);
  CHECK(epochs[0].checkpoint == 3);
}

TEST_CASE("facts are overwritten whole and survive a reopen") {
  temporary_directory dir;
  auto s = open(options_in(dir));
  CHECK(!*s->fact("stop offsets"));
  REQUIRE(s->set_fact("stop offsets", "1").ok());
  REQUIRE(s->set_fact("stop offsets", "2").ok());
  s.reset();
  s = open(options_in(dir));
  CHECK(**s->fact("stop offsets") == "2");
}

TEST_CASE("staged chunks that no checkpoint lists are gone after the next incarnation begins") {
  temporary_directory dir;
  auto s = open(options_in(dir));
  REQUIRE(s->begin_incarnation().ok());
  REQUIRE(s->stage_outbox(task, "lost").ok());
  REQUIRE(s->flush_staged().ok());
  s.reset();
  s = open(options_in(dir));
  REQUIRE(s->begin_incarnation().ok());
  CHECK(*s->stage_outbox(task, "new") == 0);
  REQUIRE(s->complete(manifest(1, {{task, "", 0, 1, false}})).ok());
  std::string all;
  REQUIRE(s->read_outbox(1, [&](const participant_id&, std::string_view chunk) {
             all += chunk;
             return success();
           }).ok());
  CHECK(all == "new");
}
