#include <set>
#include <weir/cluster/shared_directory.hpp>
#include "tests/catch.hpp"

using namespace weir;
using namespace weir::cluster;

namespace {

/// Fails at the step it is told to, and notes what it was asked.
class noting_directory final : public shared_directory {
 public:
  std::vector<std::string> asked;
  std::map<std::string, std::string> files;
  std::string fails;
  result<> step(const std::string& what) {
    asked.push_back(what);
    if (what == fails)
      return error{errc::unavailable, what};
    return success();
  }
  result<> create(const std::string& name, std::string_view bytes) override {
    files[name] = bytes;
    return step("create " + name);
  }
  result<> sync_file(const std::string& name) override { return step("sync " + name); }
  result<> rename(const std::string& from, const std::string& to) override {
    files[to] = files[from];
    files.erase(from);
    return step("rename " + from + " " + to);
  }
  result<> sync_directory() override { return step("sync names"); }
  result<std::string> read(const std::string& name) override {
    if (files.count(name) == 0)
      return error{errc::not_found, name};
    return files[name];
  }
  result<std::vector<std::string>> list() override { return std::vector<std::string>{}; }
  result<> remove(const std::string&) override { return success(); }
};

const file_name sample{"totals.v2", {5, 2}, 7, file_kind::delta, {0, 15}, 0xab, 0xffffffffffffffff};

std::string named(fence by, std::uint64_t k, file_kind kind, std::uint64_t random) {
  return format({"j", by, k, kind, {0, 0}, 1, random});
}

} // namespace

TEST_CASE("a name says everything about its file and is read back") {
  auto text = format(sample);
  CHECK(text == "totals.v2.t5.a2.k7.d.0-15.00000000000000ab.ffffffffffffffff");
  CHECK(parse_file_name(text) == sample);
}

TEST_CASE("what is not a name of ours is left alone") {
  for (const auto* other :
       {"", ".", "x", "j.t5.a2.k7.d.0-15.ab", "j.t5.a2.k7.q.0-15.00.00", "j.t.a2.k7.d.0-15.00.00", "j.t5.a2.k7.d.015.00.00",
        "j.t5x.a2.k7.d.0-15.00.00", "j.t5.a2.k7.d.0-15.00.0g", "j.t99999999999999999999.a2.k7.d.0-15.00.00"})
    CHECK(!parse_file_name(other));
}

TEST_CASE("a file is created aside, synced, renamed without replacing, and its name synced") {
  noting_directory d;
  REQUIRE(write_file(d, "f", "bytes").ok());
  CHECK(d.asked == std::vector<std::string>{"create f.tmp", "sync f.tmp", "rename f.tmp f", "sync names"});
  CHECK(*read_file(d, describe_file("f", "bytes")) == "bytes");
  for (const auto& step : std::vector<std::string>(d.asked)) {
    noting_directory failing;
    failing.fails = step;
    CHECK(!write_file(failing, "f", "bytes").ok());
    CHECK(failing.asked.back() == step);
  }
}

TEST_CASE("a file whose size or bytes are not those of its manifest is damage, one that is gone is not found") {
  noting_directory d;
  auto ref = describe_file("f", "bytes");
  CHECK(read_file(d, ref).err().code == errc::not_found);
  for (const auto* bytes : {"byte", "bytez", "bytes "}) {
    d.files["f"] = bytes;
    CHECK(read_file(d, ref).err().code == errc::store_corrupt);
  }
}

TEST_CASE("garbage is what no complete checkpoint needs and no later one can") {
  cluster_manifest m;
  m.by = {5, 2};
  m.checkpoint = 7;
  auto needed = named({4, 1}, 3, file_kind::snapshot, 1);
  auto output = named({5, 2}, 7, file_kind::outbox, 2);
  auto manifest = named({5, 2}, 7, file_kind::manifest, 3);
  m.chains = {{{0, 0}, {{{needed, 1, 1}, 3, true}}}};
  m.outbox = {{{"main", 0}, 7, 0, {{output, 1, 1}}}};
  auto old = named({4, 1}, 3, file_kind::delta, 4);
  auto superseded = named({5, 2}, 6, file_kind::delta, 5);
  auto torn = temporary_name(named({4, 1}, 2, file_kind::delta, 6));
  garbage_facts f;
  f.job = "j";
  f.current = {5, 2};
  f.newest = &m;
  f.newest_manifest = manifest;
  f.names = {needed,
             output,
             manifest,
             old,
             superseded,
             torn,
             named({5, 2}, 8, file_kind::delta, 7), // For the next checkpoint.
             named({5, 3}, 8, file_kind::delta, 8), // We are replaced and do not know it.
             format({"other", {1, 1}, 1, file_kind::delta, {}, 1, 9}),
             "notes.txt"};
  CHECK(decide_garbage(f) == std::vector<std::string>{old, superseded, torn});
  f.published[{"main", 1}] = {{}, 1, 9, all_records};
  CHECK(decide_garbage(f).size() == 3);
  f.published[{"main", 0}] = {{}, 1, 7, 2};
  CHECK(decide_garbage(f).size() == 3);
  f.published[{"main", 0}] = {{}, 1, 7, all_records};
  CHECK(decide_garbage(f) == std::vector<std::string>{output, old, superseded, torn});
}

TEST_CASE("before the first complete checkpoint only files of older attempts are garbage") {
  garbage_facts f;
  f.job = "j";
  f.current = {5, 2};
  auto old = named({5, 1}, 1, file_kind::delta, 1);
  f.names = {old, named({5, 2}, 1, file_kind::delta, 2)};
  CHECK(decide_garbage(f) == std::vector<std::string>{old});
}
