#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <filesystem>
#include <weir/state/delta_format.hpp>
#include <weir/storage/job_store.hpp>
#include "tests/catch.hpp"
#include "tests/storage/temporary_directory.hpp"

using namespace weir;

namespace {

const participant_id task{"totals", 0};

job_store_options options_in(const temporary_directory& dir) {
  job_store_options o;
  o.directory = dir.path + "/job";
  o.map_size = std::size_t{1} << 20; // Grows under those who look.
  o.apply_checkpoints = 2;
  o.retained = 2;
  return o;
}

std::string chunk_of(std::uint64_t number) {
  delta_chunk_writer w;
  for (int i = 0; i < 50; ++i)
    w.put(state_kind::value, value_row_key(1, 0, std::to_string(100'000 + number * 50 + i)), std::string(200, 'v'));
  return w.finish();
}

/// Checkpoint `n`, to which the n-th chunk of the task belongs, and output of 10 bytes.
result<> complete(job_store& s, std::uint64_t n) {
  WEIR_ASSIGN(auto delta, s.stage_delta(task, chunk_of(n)));
  WEIR_ASSIGN(auto outbox, s.stage_outbox(task, "0123456789"));
  checkpoint_manifest m;
  m.number = n;
  m.incarnation = s.incarnation();
  m.contributions.push_back({task, "", delta + 1, outbox + 1, false});
  return s.complete(m);
}

} // namespace

TEST_CASE("a look where no store is finds none and makes none") {
  temporary_directory dir;
  auto o = options_in(dir);
  CHECK_FALSE(list_store(o)->has_value());
  CHECK_FALSE(std::filesystem::exists(o.directory));
  std::filesystem::create_directories(o.directory);
  CHECK_FALSE(list_store(o)->has_value());
  CHECK_FALSE(std::filesystem::exists(o.directory + "/data.mdb"));
}

TEST_CASE("a look finds what the store itself says, changes no byte of it and keeps nobody from opening it") {
  temporary_directory dir;
  auto o = options_in(dir);
  auto s = std::move(*open_job_store(o));
  REQUIRE(s->begin_incarnation().ok());
  for (std::uint64_t n = 1; n <= 3; ++n)
    REQUIRE(complete(*s, n).ok());
  auto lineage = s->lineage();
  auto incarnation = s->incarnation();
  SECTION("while it is open in the same process") {}
  SECTION("while nobody has it open") { s.reset(); }
  struct stat before {
  }, after{};
  REQUIRE(::stat((o.directory + "/data.mdb").c_str(), &before) == 0);
  auto found = list_store(o);
  REQUIRE(found.ok());
  REQUIRE(found->has_value());
  CHECK((*found)->lineage == lineage);
  CHECK((*found)->incarnation == incarnation);
  REQUIRE((*found)->checkpoints.size() == 2);
  CHECK((*found)->checkpoints[0].number == 3);
  CHECK((*found)->checkpoints[1].number == 2);
  CHECK((*found)->unpublished.size() == 3);
  REQUIRE(::stat((o.directory + "/data.mdb").c_str(), &after) == 0);
  CHECK(before.st_size == after.st_size);
  CHECK(before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
  s.reset();
  s = std::move(*open_job_store(o));
  REQUIRE(s->begin_incarnation().ok());
  CHECK(complete(*s, 4).ok());
}

TEST_CASE("a damaged file is reported by a look as by the store") {
  temporary_directory dir;
  auto o = options_in(dir);
  std::filesystem::create_directories(o.directory);
  auto* file = std::fopen((o.directory + "/data.mdb").c_str(), "w");
  REQUIRE(file);
  std::fputs(std::string(8192, 'x').c_str(), file);
  std::fclose(file);
  auto found = list_store(o);
  REQUIRE(!found);
  CHECK(found.err().code == errc::store_corrupt);
}

TEST_CASE("a look at a store that another process writes, merges and grows finds whole checkpoints, each time newer ones") {
  temporary_directory dir;
  auto o = options_in(dir);
  int acks[2];
  REQUIRE(::pipe(acks) == 0);
  auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    auto s = open_job_store(o);
    if (!s || !(*s)->begin_incarnation())
      ::_exit(2);
    for (std::uint64_t n = 1;; ++n)
      if (!complete(**s, n) || !(*s)->set_published({(*s)->lineage(), (*s)->incarnation(), n - 1, all_records}) ||
          !(*s)->apply_slice() || ::write(acks[1], &n, sizeof n) != sizeof n)
        ::_exit(3);
  }
  ::close(acks[1]);
  std::uint64_t acknowledged = 0, seen = 0;
  for (int i = 0; i < 300; ++i) {
    REQUIRE(::read(acks[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged);
    auto found = list_store(o);
    INFO((found.ok() ? "" : found.err().message));
    REQUIRE(found.ok());
    REQUIRE(found->has_value());
    const auto& list = (*found)->checkpoints;
    REQUIRE(!list.empty());
    REQUIRE(list[0].number >= std::max(acknowledged, seen));
    if (list.size() > 1)
      REQUIRE(list[1].number == list[0].number - 1);
    REQUIRE(list[0].incarnation == (*found)->incarnation);
    // At one moment: the newest output waits, that of the one before may.
    REQUIRE(!(*found)->unpublished.empty());
    REQUIRE((*found)->unpublished.back().checkpoint == list[0].number);
    REQUIRE((*found)->unpublished.size() <= 2);
    seen = list[0].number;
  }
  CHECK(std::filesystem::file_size(o.directory + "/data.mdb") > (std::size_t{1} << 20));
  // Whoever looked has let go of its slots: the writer still goes on.
  REQUIRE(::read(acks[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged);
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(WIFSIGNALED(status));
  ::close(acks[0]);
}
