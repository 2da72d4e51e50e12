#include <weir/state/delta_format.hpp>
#include <weir/state/row_key.hpp>
#include <weir/storage/job_store.hpp>
#include "tests/catch.hpp"
#include "tests/storage/temporary_directory.hpp"

using namespace weir;

namespace {

const participant_id task{"totals", 0};
constexpr int rows = 20'000;

job_store_options options_in(const temporary_directory& dir) {
  job_store_options o;
  o.directory = dir.path + "/job";
  o.map_size = std::size_t{16} << 20;
  o.apply_checkpoints = 1;
  return o;
}

std::unique_ptr<job_store> open(const job_store_options& o) {
  auto s = open_job_store(o);
  REQUIRE(s.ok());
  REQUIRE((*s)->begin_incarnation().ok());
  return std::move(*s);
}

void complete(job_store& s, std::uint64_t number, const std::string& chunk) {
  checkpoint_manifest m;
  m.number = number;
  if (!chunk.empty())
    m.contributions.push_back({task, "", *s.stage_delta(task, chunk) + 1, 0, false});
  REQUIRE(s.complete(m).ok());
}

std::string many_rows() {
  delta_chunk_writer w;
  for (int i = 0; i < rows; ++i)
    w.put(state_kind::ordered, ordered_row_key(1, 0, timestamp{i}, "key"), std::string(100, 'v'));
  w.put(state_kind::value, value_row_key(2, 0, "other"), "stays");
  return w.finish();
}

std::pair<int, std::int64_t> count_and_first(job_store& s) {
  auto base = std::move(*s.open_base());
  std::string prefix;
  append_group_prefix(prefix, 1, 0);
  int n = 0;
  std::int64_t first = -1;
  REQUIRE(base->scan(prefix,
                     [&](std::string_view k, std::string_view) {
                       if (k.substr(0, prefix.size()) != prefix)
                         return false;
                       if (n++ == 0)
                         first = parse_row_key(state_kind::ordered, k)->time.us;
                       return true;
                     })
              .ok());
  CHECK(**base->get(value_row_key(2, 0, "other")) == "stays");
  return {n, first};
}

} // namespace

TEST_CASE("a merge goes on where it stopped when the store is opened again between its slices") {
  temporary_directory dir;
  auto o = options_in(dir);
  auto s = open(o);
  complete(*s, 1, many_rows());
  complete(*s, 2, "");
  unsigned slices = 0;
  while (s->apply_slice()->more) {
    ++slices;
    s.reset();
    s = open(o);
    // What is merged so far and the deltas on it are still the whole checkpoint.
    unsigned chunks = 0;
    REQUIRE(s->read_unapplied([&](const participant_id&, std::uint64_t, std::string_view) {
               ++chunks;
               return success();
             }).ok());
    REQUIRE(chunks == 1);
  }
  CHECK(slices >= 1);
  CHECK(s->apply_slice()->applied_checkpoint == 1);
  CHECK(count_and_first(*s) == std::pair(rows, std::int64_t{0}));
  CHECK(s->stats()->unapplied_bytes == 0);
}

TEST_CASE("a range tombstone over many pages removes its rows, and only those, in several slices") {
  temporary_directory dir;
  auto o = options_in(dir);
  auto s = open(o);
  complete(*s, 1, many_rows());
  std::string prefix;
  append_group_prefix(prefix, 1, 0);
  delta_chunk_writer w;
  w.drop_until(prefix, timestamp{rows - 1000});
  w.put(state_kind::ordered, ordered_row_key(1, 0, timestamp{5}, "key"), "after the drop");
  complete(*s, 2, w.finish());
  complete(*s, 3, "");
  complete(*s, 4, "");
  while (s->apply_slice()->more) {
  }
  CHECK(s->apply_slice()->applied_checkpoint == 3);
  CHECK(count_and_first(*s) == std::pair(1000, std::int64_t{5}));
}

TEST_CASE("the base stays behind the newest complete checkpoint by the number retained") {
  temporary_directory dir;
  auto o = options_in(dir);
  o.retained = 3;
  auto s = open(o);
  for (std::uint64_t k = 1; k <= 5; ++k)
    complete(*s, k, "");
  while (s->apply_slice()->more) {
  }
  CHECK(s->apply_slice()->applied_checkpoint == 2);
  auto list = *s->checkpoints();
  REQUIRE(list.size() == 3);
  CHECK(list[2].number == 3);
}

TEST_CASE("deltas gather until a merge is worth its pages") {
  temporary_directory dir;
  auto o = options_in(dir);
  o.apply_checkpoints = 4;
  auto s = open(o);
  for (std::uint64_t k = 1; k <= 4; ++k)
    complete(*s, k, "");
  CHECK(s->apply_slice()->applied_checkpoint == 0);
  complete(*s, 5, "");
  CHECK(s->apply_slice()->applied_checkpoint == 4);
}
