#include <weir/checkpoint/recovery.hpp>
#include "tests/catch.hpp"

using namespace weir;

namespace {

lineage_id lineage(std::uint8_t first) {
  lineage_id l;
  l.bytes[0] = first;
  return l;
}
const auto ours = lineage(1);
const std::string id = "weir.job.main.0";

marker at(std::uint64_t checkpoint, std::uint64_t ordinal = all_records, std::uint64_t incarnation = 3) {
  return {ours, incarnation, checkpoint, ordinal};
}

/// Checkpoints 8 and 7 complete, everything to 6 published, 7 and 8 not yet.
recovery_facts facts() {
  recovery_facts f;
  f.lineage = ours;
  f.incarnation = 4;
  f.own_incarnations = {3};
  f.complete = {8, 7};
  f.published = at(6);
  f.markers.push_back({id, at(6)});
  f.unpublished = {7, 8};
  return f;
}

bool has(const result<recovery_plan>& r, errc code, const std::string& word) {
  return !r && r.err().code == code && r.err().message.find(word) != std::string::npos;
}

} // namespace

TEST_CASE("a new store starts empty and publishes marker zero first") {
  recovery_facts f;
  f.lineage = ours;
  f.incarnation = 1;
  f.markers.push_back({id, std::nullopt});
  auto plan = decide_recovery(f);
  REQUIRE(plan);
  CHECK_FALSE(plan->restore);
  CHECK(plan->next == 1);
  CHECK(plan->publish.empty());
  CHECK(plan->publish_marker_zero);
  CHECK(plan->marker_zero_ids == std::vector{id});
  CHECK_FALSE(plan->start_new_lineage);
}

TEST_CASE("a crash between marker zero and the first checkpoint is no anomaly") {
  recovery_facts f;
  f.lineage = ours;
  f.incarnation = 2;
  f.own_incarnations = {1};
  f.markers.push_back({id, at(0, all_records, 1)});
  auto plan = decide_recovery(f);
  REQUIRE(plan);
  CHECK_FALSE(plan->restore);
  CHECK_FALSE(plan->publish_marker_zero);
  CHECK(plan->next == 1);
}

TEST_CASE("complete epochs above the published ones are published, then the newest is restored") {
  auto plan = decide_recovery(facts());
  REQUIRE(plan);
  CHECK(plan->restore == 8u);
  CHECK(plan->next == 9);
  REQUIRE(plan->publish.size() == 2);
  CHECK(plan->publish[0].checkpoint == 7);
  CHECK(plan->publish[0].from_ordinal == 0);
  CHECK(plan->publish[1].checkpoint == 8);
}

TEST_CASE("what the marker shows is not published again, though the store does not know") {
  auto f = facts();
  f.markers[0].found = at(7);
  auto plan = decide_recovery(f);
  REQUIRE(plan);
  REQUIRE(plan->publish.size() == 1);
  CHECK(plan->publish[0].checkpoint == 8);
}

TEST_CASE("a partly published epoch goes on behind the last published record") {
  auto f = facts();
  f.markers[0].found = at(7, 100);
  auto plan = decide_recovery(f);
  REQUIRE(plan);
  REQUIRE(plan->publish.size() == 2);
  CHECK(plan->publish[0].checkpoint == 7);
  CHECK(plan->publish[0].from_ordinal == 100);
  CHECK(plan->publish[1].from_ordinal == 0);
}

TEST_CASE("the store's record counts when the marker is behind it") {
  auto f = facts();
  f.published = at(7, 50);
  f.markers[0].found = at(7, 20);
  auto plan = decide_recovery(f);
  REQUIRE(plan);
  CHECK(plan->publish[0].from_ordinal == 50);
}

TEST_CASE("each id goes on from its own marker") {
  auto f = facts();
  f.markers[0].found = at(8);
  f.markers.push_back({"weir.job.second.0", at(6)});
  auto plan = decide_recovery(f);
  REQUIRE(plan);
  REQUIRE(plan->publish.size() == 2);
  CHECK(plan->publish[0].id == "weir.job.second.0");
  CHECK(plan->publish[0].checkpoint == 7);
  CHECK(plan->publish[1].id == "weir.job.second.0");
}

TEST_CASE("an id used for the first time gets its marker zero") {
  auto f = facts();
  f.markers.push_back({"weir.job.second.0", std::nullopt, true});
  auto plan = decide_recovery(f);
  REQUIRE(plan);
  CHECK(plan->marker_zero_ids == std::vector<std::string>{"weir.job.second.0"});
}

TEST_CASE("a wiped or foreign store: the marker is of another lineage") {
  auto f = facts();
  f.lineage = lineage(2);
  CHECK(has(decide_recovery(f), errc::store_foreign, "--new-lineage"));
  f.complete.clear();
  f.published.reset();
  f.unpublished.clear();
  CHECK(has(decide_recovery(f), errc::store_foreign, ours.text()));
}

TEST_CASE("an older store: the marker is above its newest checkpoint") {
  auto f = facts();
  f.markers[0].found = at(9);
  CHECK(has(decide_recovery(f), errc::store_foreign, "older than the output"));
  f.markers[0].found = at(9, 5);
  CHECK(has(decide_recovery(f), errc::store_foreign, "older than the output"));
}

TEST_CASE("a marker of the same lineage and number by a copy of the store") {
  auto f = facts();
  SECTION("with our incarnation") { f.markers[0].found = at(7, all_records, 4); }
  SECTION("with a higher one") { f.markers[0].found = at(7, all_records, 9); }
  SECTION("with a lower one that was never ours") {
    f.incarnation = 20;
    f.own_incarnations = {1, 2, 3};
    f.markers[0].found = at(7, all_records, 4);
  }
  SECTION("with a lower one, while this store has not claimed anything yet") {
    f.own_incarnations.clear();
    f.published.reset();
  }
  CHECK(has(decide_recovery(f), errc::store_foreign, "copy"));
}

TEST_CASE("no marker although something was published") {
  auto f = facts();
  f.markers[0].found.reset();
  CHECK(has(decide_recovery(f), errc::store_foreign, "missing"));
}

TEST_CASE("a new lineage skips nothing and starts with its own marker") {
  auto f = facts();
  f.lineage = lineage(2);
  f.published = marker{lineage(2), 2, 6, 40};
  f.unpublished = {6, 7, 8};
  f.new_lineage_requested = true;
  auto plan = decide_recovery(f);
  REQUIRE(plan);
  CHECK(plan->start_new_lineage);
  CHECK(plan->publish_marker_zero);
  REQUIRE(plan->publish.size() == 3);
  CHECK(plan->publish[0].from_ordinal == 40);
  CHECK(plan->restore == 8u);
}

TEST_CASE("a new lineage that is not needed is not started") {
  auto f = facts();
  f.new_lineage_requested = true;
  auto plan = decide_recovery(f);
  REQUIRE(plan);
  CHECK_FALSE(plan->start_new_lineage);
  CHECK_FALSE(plan->publish_marker_zero);
}

TEST_CASE(
    "a store made from a savepoint: its own output counts as far as a marker of before says, and nothing stands in its way") {
  auto f = facts();
  const auto before = lineage(2);
  f.savepoint_of = before;
  f.own_incarnations.clear();
  f.published.reset();
  auto marked = [&](lineage_id by, std::uint64_t checkpoint, std::uint64_t ordinal) {
    f.markers = {{id, marker{by, 99, checkpoint, ordinal}}};
    auto plan = decide_recovery(f);
    REQUIRE(plan);
    CHECK(plan->restore == std::optional<std::uint64_t>(8));
    CHECK_FALSE(plan->start_new_lineage);
    CHECK(plan->publish_marker_zero);
    CHECK(plan->marker_zero_ids == std::vector{id});
    CHECK(plan->next == std::max<std::uint64_t>(8, checkpoint) + 1);
    REQUIRE(plan->claims.size() == 1);
    CHECK(plan->claims[0].mark.lineage == ours);
    return *plan;
  };
  SECTION("the job has gone on since") {
    auto plan = marked(before, 12, all_records);
    CHECK(plan.publish.empty());
    CHECK(plan.claims[0].mark.checkpoint == 8);
    CHECK(plan.claims[0].mark.ordinal == all_records);
  }
  SECTION("the job ended before the savepoint's output was out") {
    auto plan = marked(before, 8, 40);
    REQUIRE(plan.publish.size() == 1);
    CHECK(plan.publish[0].checkpoint == 8);
    CHECK(plan.publish[0].from_ordinal == 40);
    CHECK(marked(before, 6, all_records).publish.size() == 2);
  }
  SECTION("another store has run the job since") { CHECK(marked(lineage(3), 20, all_records).publish.empty()); }
  SECTION("another namespace or cluster") {
    f.markers = {{id, std::nullopt, true}};
    auto plan = decide_recovery(f);
    REQUIRE(plan);
    CHECK(plan->publish.empty());
    CHECK(plan->publish_marker_zero);
  }
  SECTION("its claims were written before: from then on the usual rules") {
    f.own_incarnations = {3};
    f.markers = {{id, at(7)}};
    auto plan = decide_recovery(f);
    REQUIRE(plan);
    REQUIRE(plan->publish.size() == 1);
    CHECK_FALSE(plan->publish_marker_zero);
    f.markers = {{id, at(9)}};
    CHECK(has(decide_recovery(f), errc::store_foreign, "older"));
  }
}

TEST_CASE("a damaged newest checkpoint") {
  auto f = facts();
  f.newest_damaged = true;
  f.highest_number = 9;
  f.unpublished = {7, 8, 9};
  SECTION("its output is not published: back by itself, above its number, without its epoch") {
    auto plan = decide_recovery(f);
    REQUIRE(plan);
    CHECK(plan->restore == 8u);
    CHECK(plan->next == 10);
    CHECK(plan->publish.size() == 2);
  }
  SECTION("its output is published, also in part: stop and name the epochs") {
    f.markers[0].found = at(9, 3);
    CHECK(has(decide_recovery(f), errc::store_corrupt, "epochs 9 to 9"));
  }
  SECTION("accepted") {
    f.markers[0].found = at(9, 3);
    f.new_lineage_requested = true;
    auto plan = decide_recovery(f);
    REQUIRE(plan);
    CHECK(plan->start_new_lineage);
    CHECK(plan->restore == 8u);
    CHECK(plan->next == 10);
  }
  SECTION("nothing older is there") {
    f.complete.clear();
    f.published.reset();
    f.markers[0].found = at(0);
    CHECK(has(decide_recovery(f), errc::store_corrupt, "only checkpoint"));
  }
}

TEST_CASE("numbers go on above everything stored and every marker") {
  auto f = facts();
  f.highest_number = 30;
  CHECK(decide_recovery(f)->next == 31);
  f.highest_number = 0;
  f.lineage = lineage(2);
  f.new_lineage_requested = true;
  f.markers[0].found = at(50);
  CHECK(decide_recovery(f)->next == 51);
}

TEST_CASE("each way a publish can end has its step") {
  CHECK(decide_publish(publish_outcome::done, 1) == publish_step::record_published);
  CHECK(decide_publish(publish_outcome::retriable, 1) == publish_step::again);
  CHECK(decide_publish(publish_outcome::retriable, 5) == publish_step::reopen_and_look);
  CHECK(decide_publish(publish_outcome::unwritable, 1) == publish_step::isolate);
  CHECK(decide_publish(publish_outcome::gone, 1) == publish_step::stop_publishing);
  CHECK(decide_publish(publish_outcome::damaged, 1) == publish_step::stop_damaged);
  CHECK(decide_publish(publish_outcome::fenced, 1) == publish_step::stop_job);
  CHECK(decide_publish(publish_outcome::unknown, 1) == publish_step::reopen_and_look);
  CHECK(decide_publish(200, 1) == publish_step::reopen_and_look);
}

TEST_CASE("after a look: published, not published, or in part by an earlier transaction") {
  auto look = [](const marker& intended, const std::optional<marker>& found) { return after_look(intended, found, ours, 3); };
  CHECK(look(at(7), at(7))->published);
  CHECK(look(at(7), at(7))->from_checkpoint == 8);
  auto before = look(at(7), at(6));
  CHECK_FALSE(before->published);
  CHECK(before->from_checkpoint == 7);
  CHECK(before->from_ordinal == 0);
  auto part = look(at(7), at(7, 10));
  CHECK_FALSE(part->published);
  CHECK(part->from_ordinal == 10);
  CHECK(look(at(7, 10), at(7, 10))->published);
  CHECK_FALSE(look(at(7, 10), at(6))->published);
  auto merged = look(at(9), at(5, 4));
  CHECK_FALSE(merged->published);
  CHECK(merged->from_checkpoint == 5);
  CHECK(merged->from_ordinal == 4);
}

TEST_CASE("every id is claimed by the new incarnation where it stands") {
  auto f = facts();
  f.markers[0].found = at(7, 100);
  f.markers.push_back({"whole", at(7)});
  f.markers.push_back({"new", std::nullopt, true});
  auto plan = decide_recovery(f);
  REQUIRE(plan);
  REQUIRE(plan->claims.size() == 3);
  CHECK(plan->claims[0].mark == at(7, 100, 4));
  CHECK(plan->claims[1].mark == at(7, all_records, 4));
  CHECK(plan->claims[2].mark == at(6, all_records, 4));
  recovery_facts empty;
  empty.lineage = ours;
  empty.incarnation = 1;
  empty.markers.push_back({id, std::nullopt});
  CHECK(decide_recovery(empty)->claims.at(0).mark == at(0, all_records, 1));
}

TEST_CASE("a claim of unknown outcome: written, not written, or the plan is void") {
  auto f = facts();
  f.markers[0].found = at(7, 5);
  auto claim = decide_recovery(f)->claims.at(0);
  REQUIRE(claim.mark == at(7, 5, 4));
  REQUIRE(claim.found == at(7, 5));
  CHECK(after_claim_look(claim, at(7, 5, 4)).value() == claim_step::claimed);
  CHECK(after_claim_look(claim, at(7, 5)).value() == claim_step::again);
  SECTION("a frozen predecessor woke before the claim and published on: claiming the old place would repeat its output") {
    CHECK(after_claim_look(claim, at(7, 9)).value() == claim_step::decide_again);
    CHECK(after_claim_look(claim, at(7)).value() == claim_step::decide_again);
    CHECK(after_claim_look(claim, at(8)).value() == claim_step::decide_again);
  }
  SECTION("the marker is gone") { CHECK(after_claim_look(claim, std::nullopt).value() == claim_step::decide_again); }
  SECTION("another store has written") {
    CHECK(after_claim_look(claim, marker{lineage(2), 9, 7, 5}).value() == claim_step::decide_again);
  }
  SECTION("a successor has claimed") { CHECK(after_claim_look(claim, at(7, 5, 5)).err().code == errc::fenced); }
}

TEST_CASE("the claim of a new job or lineage that was lost on the way is written again") {
  recovery_plan::claim first{id, at(0), std::nullopt};
  CHECK(after_claim_look(first, std::nullopt).value() == claim_step::again);
  CHECK(after_claim_look(first, at(0)).value() == claim_step::claimed);
  auto old = marker{lineage(2), 1, 9, 9};
  recovery_plan::claim anew{id, at(0), old};
  CHECK(after_claim_look(anew, old).value() == claim_step::again);
  CHECK(after_claim_look(anew, marker{lineage(2), 1, 9, 10}).value() == claim_step::decide_again);
  CHECK(after_claim_look(anew, at(0)).value() == claim_step::claimed);
}

TEST_CASE("after a look: somebody else has published") {
  CHECK(after_look(at(7), at(7, all_records, 4), ours, 3).err().code == errc::fenced);
  CHECK(after_look(at(7), marker{lineage(2), 3, 7, all_records}, ours, 3).err().code == errc::store_foreign);
  CHECK(after_look(at(7), std::nullopt, ours, 3).err().code == errc::store_foreign);
}

TEST_CASE("after a look: a marker from before the claim means that markers were lost") {
  CHECK(after_look(at(7, 5, 4), at(7, 5, 3), ours, 4).err().code == errc::store_foreign);
  CHECK(after_look(at(7, 5, 4), at(7, 5, 4), ours, 4)->published);
}

TEST_CASE("a lineage is printed as 32 hex digits") {
  lineage_id l;
  l.bytes[0] = 0xab;
  l.bytes[15] = 0x01;
  CHECK(l.text() == "ab000000000000000000000000000001");
}
