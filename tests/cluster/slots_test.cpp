#include <weir/cluster/slots.hpp>
#include "tests/catch.hpp"

using namespace weir;
using namespace weir::cluster;

namespace {

slot_id slot(std::uint32_t i) { return {"main", i}; }
outbox_entry entry(std::uint32_t s, std::uint64_t k, std::uint64_t after) { return {slot(s), k, after, {}}; }
marker at(std::uint64_t k, std::uint64_t ordinal = all_records) { return {{}, 1, k, ordinal}; }

std::string text(const std::vector<slot_owner>& slots) {
  std::string out;
  for (const auto& s : slots)
    out += std::to_string(s.slot.index) + "=" + s.node + (s.draining ? "(draining) " : " ");
  return out;
}

} // namespace

TEST_CASE("an epoch is published whole or not") {
  auto e = entry(0, 5, 0);
  CHECK(!entry_published(e, {}));
  CHECK(!entry_published(e, {{slot(0), at(4)}}));
  CHECK(!entry_published(e, {{slot(0), at(5, 3)}}));
  CHECK(entry_published(e, {{slot(0), at(5)}}));
  CHECK(entry_published(e, {{slot(0), at(6, 0)}}));
  CHECK(!entry_published(e, {{slot(1), at(9)}}));
}

TEST_CASE("after a change of assignment nobody publishes above it until all slots have reached it") {
  std::vector<outbox_entry> entries{entry(0, 5, 0), entry(1, 5, 0), entry(0, 6, 5), entry(1, 7, 5)};
  std::map<slot_id, marker> none;
  CHECK(may_publish(entries[0], entries, none));
  CHECK(may_publish(entries[1], entries, none));
  CHECK(!may_publish(entries[2], entries, {{slot(0), at(5)}}));
  CHECK(!may_publish(entries[2], entries, {{slot(0), at(5)}, {slot(1), at(5, 2)}}));
  CHECK(may_publish(entries[2], entries, {{slot(0), at(5)}, {slot(1), at(5)}}));
  // Within an attempt keys do not move: 7 of one slot does not wait for 6 of the other.
  CHECK(may_publish(entries[3], entries, {{slot(0), at(5)}, {slot(1), at(5)}}));
}

TEST_CASE("two changes that are both unfinished hold back in turn") {
  std::vector<outbox_entry> entries{entry(0, 5, 0), entry(1, 6, 5), entry(2, 7, 6)};
  CHECK(!may_publish(entries[1], entries, {}));
  CHECK(!may_publish(entries[2], entries, {{slot(1), at(6)}}));
  CHECK(may_publish(entries[2], entries, {{slot(0), at(5)}, {slot(1), at(6)}}));
}

TEST_CASE("working nodes keep their slots or get a free one, those of others are drained by somebody, then go") {
  auto first = assign_slots({}, "main", {"a", "b", "c"}, {});
  CHECK(text(first) == "0=a 1=b 2=c ");
  auto without_b = assign_slots(first, "main", {"a", "c"}, {});
  CHECK(text(without_b) == "0=a 1=a(draining) 2=c ");
  auto with_b = assign_slots(without_b, "main", {"a", "b", "c"}, {});
  CHECK(text(with_b) == "0=a 1=a(draining) 2=c 3=b ");
  CHECK(text(assign_slots(with_b, "main", {"a", "b", "c"}, {slot(1)})) == "0=a 2=c 3=b ");
  CHECK(text(assign_slots(with_b, "main", {"b", "c"}, {slot(1)})) == "0=b(draining) 2=c 3=b ");
  // Drained by its old owner, but nobody has fenced it since: it stays one more attempt.
  CHECK(text(assign_slots(first, "main", {"a", "c"}, {slot(1)})) == "0=a 1=a(draining) 2=c ");
  CHECK(text(assign_slots(first, "main", {}, {})) == "0=a(draining) 1=b(draining) 2=c(draining) ");
  std::vector<slot_owner> other{{{"second", 0}, "b", false}};
  CHECK(text(assign_slots(other, "main", {"a"}, {})) == "0=a 0=b ");
}

TEST_CASE("a slot is drained when nothing of it is left and the newest attempt has fenced it") {
  std::vector<outbox_entry> entries{entry(0, 5, 0)};
  CHECK(!slot_drained(slot(0), 1, entries, {}));
  CHECK(!slot_drained(slot(0), 1, entries, {{slot(0), at(4)}}));
  CHECK(!slot_drained(slot(0), 2, entries, {{slot(0), at(5)}}));
  CHECK(slot_drained(slot(0), 1, entries, {{slot(0), at(5)}}));
  CHECK(slot_drained(slot(1), 1, entries, {{slot(1), at(1)}}));
}

TEST_CASE("after fencing or being fenced the control topic says whose a slot is") {
  CHECK(decide_slot("a", 7, {"a", 7}) == slot_step::go_on);
  CHECK(decide_slot("a", 7, {"a", 9}) == slot_step::take_anew);
  CHECK(decide_slot("a", 7, {"b", 9}) == slot_step::give_up);
  CHECK(decide_slot("a", 7, {"", 9}) == slot_step::give_up);
  CHECK(transactional_id("prod", "totals", slot(3)) == "prod.totals.main.3");
}
