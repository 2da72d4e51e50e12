#include <weir/cluster/job_store_judge.hpp>
#include "tests/catch.hpp"
#include "tests/storage/temporary_directory.hpp"

using namespace weir;

TEST_CASE("a cluster of one asks its own store, and has the answer when the call returns") {
  temporary_directory dir;
  job_store_options o;
  o.directory = dir.path + "/job";
  o.job = "job";
  o.map_size = std::size_t{64} << 20;
  auto opened = open_job_store(o);
  REQUIRE(opened.ok());
  auto& store = **opened;
  auto incarnation = *store.begin_incarnation();
  job_store_judge judge(store, [](const completion& c) {
    checkpoint_manifest m;
    m.number = c.checkpoint;
    m.contributions = c.contributions;
    m.ended = c.ended;
    m.plan_fingerprint = "plan";
    return m;
  });
  store_authority a(judge);
  CHECK(a.lineage() == store.lineage());
  CHECK(a.incarnation() == incarnation);
  CHECK(!a.newest());

  std::optional<result<>> completed;
  std::optional<result<authority::verdict>> closed;
  auto complete = [&](std::uint64_t k) { a.complete({k, {}, false, std::nullopt}, [&](auto r) { completed = r; }); };
  auto close = [&](std::uint64_t k) { a.close(k, [&](auto r) { closed = r; }); };
  complete(1);
  CHECK(completed->ok());
  CHECK(a.newest() == 1);
  close(1);
  CHECK(**closed == authority::verdict::complete);
  close(2);
  CHECK(**closed == authority::verdict::closed);
  complete(2);
  CHECK(!completed->ok());
  CHECK(a.highest_number() == 2);
  CHECK(store.checkpoints()->front().plan_fingerprint == "plan");

  std::optional<result<cluster::slot_step>> step;
  a.ask_slot({"main", 0}, incarnation, false, [&](auto s) { step = s; });
  CHECK(**step == cluster::slot_step::go_on);
  a.ask_slot({"main", 0}, incarnation, true, [&](auto s) { step = s; });
  CHECK(step->err().code == errc::fenced);
}
