#include "tests/e2e/nodes/faults.hpp"

#include <algorithm>

namespace weir::e2e {
namespace {

using kind = fault::kind;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct card {
  kind what;
  bool of_leader;
};

/// What a run of few events has.
const std::vector<card> first = {{kind::kill, true},          {kind::kill, false},      {kind::freeze, false},
                                 {kind::peer_one_way, false}, {kind::kafka_cut, false}, {kind::directory_gone, false},
                                 {kind::kill_in_copy, false}};
const std::vector<card> bearable = {{kind::loss, false}, {kind::delay, false}};
const std::vector<card> rest = {
    {kind::kill, false},          {kind::freeze, true},           {kind::kill_in_copy, false},  {kind::freeze_in_copy, false},
    {kind::kill_in_copy, false},  {kind::freeze_in_copy, false},  {kind::peer_one_way, true},   {kind::peer_cut, false},
    {kind::peer_cut, true},       {kind::alone, false},           {kind::alone, true},          {kind::kafka_deaf, false},
    {kind::kafka_mute, true},     {kind::kafka_cut, true},        {kind::all_cut, true},        {kind::all_cut, false},
    {kind::directory_read, true}, {kind::directory_read, false},  {kind::directory_gone, true}, {kind::reorder, false},
    {kind::broker_killed, false}, {kind::broker_restarted, false}};

const char* const points[] = {"copy.writing",
                              "copy.before_rename",
                              "copy.after_rename",
                              "copy.deleting",
                              "copy.before_take_over",
                              "copy.named",
                              "copy.taken_over",
                              "copy.snapshot.before_rename",
                              "copy.snapshot.after_rename",
                              "copy.change_made",
                              "copy.rebuilt",
                              "copy.store_replaced"};

bool each_change_passes(const std::string& p) {
  return p.starts_with("copy.writing") || p.starts_with("copy.before_rename") || p.starts_with("copy.after_rename");
}

std::string name_of(kind k) {
  switch (k) {
    case kind::kill:
      return "kill";
    case kind::freeze:
      return "freeze";
    case kind::kill_in_copy:
      return "kill at";
    case kind::freeze_in_copy:
      return "freeze at";
    case kind::peer_one_way:
      return "not heard by a peer";
    case kind::peer_cut:
      return "cut from a peer";
    case kind::alone:
      return "cut from both peers";
    case kind::kafka_deaf:
      return "does not hear Kafka";
    case kind::kafka_mute:
      return "not heard by Kafka";
    case kind::kafka_cut:
      return "cut from Kafka";
    case kind::all_cut:
      return "cut from everything";
    case kind::directory_read:
      return "directory read-only";
    case kind::directory_gone:
      return "directory gone";
    case kind::loss:
      return "5 % loss";
    case kind::delay:
      return "200 ms delay";
    case kind::reorder:
      return "reordering";
    case kind::broker_killed:
      return "broker killed";
    case kind::broker_restarted:
      return "broker restarted";
  }
  return "?";
}

} // namespace

std::string fault::text() const {
  auto out = name_of(what);
  if (!point.empty())
    out += " " + point;
  if (lose_store)
    out += ", disk lost";
  if (of_a_node())
    out = (of_leader ? "leader: " : "worker: ") + out;
  return out;
}

bool fault::of_a_node() const { return !bearable() && what != kind::broker_killed && what != kind::broker_restarted; }

bool fault::needs_isolation() const {
  switch (what) {
    case kind::kill:
    case kind::freeze:
    case kind::kill_in_copy:
    case kind::freeze_in_copy:
    case kind::broker_killed:
    case kind::broker_restarted:
      return false;
    default:
      return true;
  }
}

bool fault::always_passed() const { return each_change_passes(point); }

std::vector<fault> make_faults(std::uint64_t seed, unsigned count, bool isolated) {
  std::mt19937_64 random(seed);
  const auto pick = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  std::vector<std::string> point_deck;
  const auto next_point = [&] {
    if (point_deck.empty()) {
      point_deck.assign(std::begin(points), std::end(points));
      std::shuffle(point_deck.begin(), point_deck.end(), random);
    }
    auto p = point_deck.back();
    point_deck.pop_back();
    if (each_change_passes(p))
      p += ":" + std::to_string(pick(1, 20));
    return p;
  };
  const auto make = [&](const card& c) {
    fault f;
    f.what = c.what;
    f.of_leader = c.of_leader;
    f.which = static_cast<unsigned>(pick(0, 1));
    f.peer = static_cast<unsigned>(pick(0, 1));
    f.time = f.bearable() ? seconds(35) : milliseconds(pick(2'000, 12'000));
    if (f.what == kind::kill || f.what == kind::kill_in_copy)
      f.time = milliseconds(pick(500, 12'000));
    else if (!f.bearable() && pick(0, 4) == 0)
      f.time = milliseconds(pick(12'000, 30'000)); // Most are short: so there are more of them.
    if (f.what == kind::kill_in_copy || f.what == kind::freeze_in_copy)
      f.point = next_point();
    f.lose_store = f.point == "copy.rebuilt" || f.point == "copy.store_replaced" || (f.what == kind::kill && pick(0, 3) == 0);
    return f;
  };
  std::vector<fault> out;
  while (out.size() < count) {
    auto deck = first;
    deck.push_back(bearable[static_cast<std::size_t>(pick(0, 1))]);
    std::shuffle(deck.begin(), deck.end(), random);
    auto others = rest;
    others.push_back(deck.back().what == kind::loss ? bearable[1] : bearable[0]);
    std::shuffle(others.begin(), others.end(), random);
    deck.insert(deck.end(), others.begin(), others.end());
    for (const auto& c : deck) {
      auto f = make(c);
      if (out.size() < count && (isolated || !f.needs_isolation()))
        out.push_back(std::move(f));
    }
  }
  return out;
}

} // namespace weir::e2e
