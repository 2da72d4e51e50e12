#include <weir/cluster/placement.hpp>
#include "tests/catch.hpp"

using namespace weir;
using namespace weir::cluster;
using names = std::set<std::string>;

namespace {

/// Everybody hears everybody but for what is cut, written "ab": b does not hear a.
std::vector<node_facts> nodes(const std::string& all, const names& cuts = {}, const std::string& unusable = "") {
  std::vector<node_facts> out;
  for (auto c : all) {
    node_facts n{std::string(1, c), 1, unusable.find(c) == std::string::npos, {}};
    for (auto other : all)
      if (other != c && cuts.count(std::string(1, other) + c) == 0)
        n.hears.insert(std::string(1, other));
    out.push_back(n);
  }
  return out;
}

} // namespace

TEST_CASE("all nodes that hear each other work, a one-way cut is a cut") {
  CHECK(connected_set("a", nodes("abcd"), {}) == names{"a", "b", "c", "d"});
  CHECK(connected_set("a", nodes("abcd", {"bc"}), {}) == names{"a", "b", "d"});
  CHECK(connected_set("a", nodes("abcd", {"bc"}), {"a", "c"}) == names{"a", "c", "d"});
  CHECK(connected_set("a", nodes("abcd", {"ab"}), {"a", "b"}) == names{"a", "c", "d"});
  CHECK(connected_set("a", nodes("ab", {"ba"}), {}) == names{"a"});
}

TEST_CASE("the set has the leader in it, also when a larger one has not") {
  CHECK(connected_set("a", nodes("abcde", {"ab", "ac", "ad"}), {}) == names{"a", "e"});
  CHECK(connected_set("z", nodes("ab"), {}) == names{"z"});
}

TEST_CASE("a node without Kafka or the directory idles") {
  CHECK(connected_set("a", nodes("abc", {}, "b"), {"b"}) == names{"a", "c"});
  CHECK(connected_set("a", nodes("abc", {}, "a"), {}) == names{"a", "b", "c"});
}

TEST_CASE("the largest set is found where a greedy choice would miss it") {
  // b and c hear each other, and so do d, e and f.
  CHECK(connected_set("a", nodes("abcdef", {"bd", "be", "bf", "cd", "ce", "cf"}), {}) == names{"a", "d", "e", "f"});
  std::string many = "a";
  for (char c = 'b'; c <= 'z'; ++c)
    many += c;
  for (char c = 'A'; c <= 'F'; ++c)
    many += c;
  CHECK(connected_set("a", nodes(many), {}).size() == many.size());
}

TEST_CASE("nodes that three failures in a row name are left out for a growing time") {
  timing t;
  failure_record r;
  auto now = duration{0};
  auto fail = [&] { r.on_failed({"b"}, now); };
  fail();
  fail();
  CHECK(r.left_out(now).empty());
  fail();
  CHECK(r.left_out(now) == names{"b"});
  now += t.ban_first;
  CHECK(r.left_out(now).empty());
  fail();
  now += t.ban_first;
  CHECK(r.left_out(now) == names{"b"});
  now += t.ban_first;
  CHECK(r.left_out(now).empty());
  for (int i = 0; i < 20; ++i)
    fail();
  CHECK(r.left_out(now + t.ban_longest - duration{1}) == names{"b"});
  CHECK(r.left_out(now + t.ban_longest).empty());
  r.on_complete({"b"});
  CHECK(r.in_a_row() == 0);
  CHECK(r.left_out(now).empty());
  fail();
  CHECK(r.left_out(now).empty());
}

TEST_CASE("work is shared in proportion to capacity and stays where it is") {
  using map = std::map<std::string, std::size_t>;
  CHECK(shares(10, {{"a", 1}, {"b", 1}, {"c", 3}}) == map{{"a", 2}, {"b", 2}, {"c", 6}});
  CHECK(shares(4, {{"a", 1}, {"b", 1}, {"c", 1}}) == map{{"a", 2}, {"b", 1}, {"c", 1}});
  CHECK(shares(4, {{"a", 0}, {"b", 1}}) == map{{"a", 0}, {"b", 4}});
  CHECK(shares(4, {{"a", 0}}).empty());
  using list = std::vector<std::string>;
  CHECK(assign({"", "", "", ""}, {{"a", 1}, {"b", 1}}) == list{"a", "a", "b", "b"});
  CHECK(assign({"a", "a", "b", "b"}, {{"a", 1}, {"b", 1}, {"c", 2}}) == list{"a", "c", "b", "c"});
  CHECK(assign({"a", "c", "b", "c"}, {{"a", 1}, {"b", 1}}) == list{"a", "a", "b", "b"});
  CHECK(assign({"b", "a"}, {{"a", 1}, {"b", 1}}) == list{"b", "a"});
  // What does not divide stays where it is.
  CHECK(assign({"b"}, {{"a", 1}, {"b", 1}, {"c", 1}}) == list{"b"});
  CHECK(assign({"c", "b", "c", "a"}, {{"a", 1}, {"b", 1}, {"c", 1}}) == list{"c", "b", "c", "a"});
  CHECK(assign({"c", "c", "c", "c"}, {{"a", 1}, {"b", 1}, {"c", 1}}) == list{"c", "c", "a", "b"});
}
