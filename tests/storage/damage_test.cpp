#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <chrono>
#include <fstream>
#include <random>
#include <sstream>
#include <weir/state/delta_format.hpp>
#include <weir/state/row_key.hpp>
#include <weir/storage/job_store.hpp>
#include <weir/storage/records.hpp>
#include "tests/catch.hpp"
#include "tests/storage/temporary_directory.hpp"

using namespace weir;

namespace {

const participant_id task{"totals", 0};

job_store_options options_in(const temporary_directory& dir) {
  job_store_options o;
  o.directory = dir.path + "/job";
  o.map_size = std::size_t{64} << 20;
  o.apply_checkpoints = 1;
  return o;
}

std::string chunk_of(const std::vector<std::pair<std::string, std::string>>& rows) {
  delta_chunk_writer w;
  for (const auto& [k, v] : rows)
    w.put(state_kind::value, value_row_key(1, 0, k), v);
  return w.finish();
}

result<> complete_one(job_store& s, std::uint64_t number, std::uint64_t delta_end) {
  checkpoint_manifest m;
  m.number = number;
  m.contributions.push_back({task, "", delta_end, 0, false});
  return s.complete(m);
}

/// Turns one byte of the first place where `text` stands in the store's file.
void damage(const std::string& directory, const std::string& text) {
  auto path = directory + "/data.mdb";
  std::ifstream in(path, std::ios::binary);
  std::stringstream all;
  all << in.rdbuf();
  auto bytes = all.str();
  unsigned found = 0;
  // Every copy: LMDB keeps old pages around.
  for (auto at = bytes.find(text); at != std::string::npos; at = bytes.find(text, at + 1), ++found)
    bytes[at + text.size() / 2] ^= 1;
  REQUIRE(found > 0);
  std::ofstream(path, std::ios::binary | std::ios::in).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

} // namespace

TEST_CASE("the store's directory and files are for its owner only") {
  temporary_directory dir;
  auto s = open_job_store(options_in(dir));
  REQUIRE(s.ok());
  struct stat st {};
  REQUIRE(::stat((dir.path + "/job").c_str(), &st) == 0);
  CHECK((st.st_mode & 0777) == 0700);
  REQUIRE(::stat((dir.path + "/job/data.mdb").c_str(), &st) == 0);
  CHECK((st.st_mode & 0777) == 0600);
}

TEST_CASE("a damaged chunk of the newest checkpoint leaves the older one and is reported") {
  temporary_directory dir;
  auto o = options_in(dir);
  {
    auto s = std::move(*open_job_store(o));
    REQUIRE(s->begin_incarnation().ok());
    REQUIRE(s->stage_delta(task, chunk_of({{"a", "first value"}})).ok());
    REQUIRE(complete_one(*s, 1, 1).ok());
    REQUIRE(s->stage_delta(task, chunk_of({{"a", "second value"}})).ok());
    REQUIRE(complete_one(*s, 2, 2).ok());
    CHECK(s->checkpoints()->at(0).number == 2);
    CHECK(!*s->newest_damaged());
  }
  damage(o.directory, "second value");
  auto s = std::move(*open_job_store(o));
  auto list = *s->checkpoints();
  REQUIRE(list.size() == 1);
  CHECK(list[0].number == 1);
  auto why = *s->newest_damaged();
  REQUIRE(why);
  CHECK(why->code == errc::store_corrupt);
  CHECK(why->message.find("checkpoint 2") != std::string::npos);
  REQUIRE(s->begin_incarnation().ok());
  REQUIRE(s->fall_back(1).ok());
  CHECK(!*s->newest_damaged());
  unsigned chunks = 0;
  REQUIRE(s->read_unapplied([&](const participant_id&, std::uint64_t k, std::string_view) {
             CHECK(k == 1);
             ++chunks;
             return success();
           }).ok());
  CHECK(chunks == 1);
  CHECK(complete_one(*s, 2, 0).err().code == errc::invalid_argument);
  CHECK(complete_one(*s, 3, 0).ok());
}

TEST_CASE("a damaged manifest leaves the older checkpoint, is reported, and its chunks are not removed") {
  temporary_directory dir;
  auto o = options_in(dir);
  {
    auto s = std::move(*open_job_store(o));
    REQUIRE(s->begin_incarnation().ok());
    REQUIRE(complete_one(*s, 1, 0).ok());
    checkpoint_manifest m;
    m.number = 2;
    m.job_state = "the job's own state";
    REQUIRE(s->complete(m).ok());
  }
  damage(o.directory, "the job's own state");
  auto s = std::move(*open_job_store(o));
  CHECK(s->checkpoints()->at(0).number == 1);
  auto why = *s->newest_damaged();
  REQUIRE(why);
  CHECK(why->message.find("manifest of checkpoint 2") != std::string::npos);
}

TEST_CASE("a damaged base row is an error of the read, not a wrong value") {
  temporary_directory dir;
  auto o = options_in(dir);
  {
    auto s = std::move(*open_job_store(o));
    REQUIRE(s->begin_incarnation().ok());
    REQUIRE(s->stage_delta(task, chunk_of({{"a", "a value of the base"}})).ok());
    REQUIRE(complete_one(*s, 1, 1).ok());
    REQUIRE(complete_one(*s, 2, 1).ok());
    while (s->apply_slice()->more) {
    }
    CHECK(s->apply_slice()->applied_checkpoint == 1);
    auto base = std::move(*s->open_base());
    CHECK(**base->get(value_row_key(1, 0, "a")) == "a value of the base");
  }
  damage(o.directory, "a value of the base");
  auto s = std::move(*open_job_store(o));
  auto base = std::move(*s->open_base());
  auto read = base->get(value_row_key(1, 0, "a"));
  REQUIRE(!read);
  CHECK(read.err().code == errc::store_corrupt);
}

TEST_CASE("a file that is not a store, and another program's LMDB, are recognised") {
  temporary_directory dir;
  auto o = options_in(dir);
  std::filesystem::create_directories(o.directory);
  std::ofstream(o.directory + "/data.mdb") << std::string(8192, 'x');
  auto s = open_job_store(o);
  REQUIRE(!s);
  CHECK(s.err().code == errc::store_corrupt);
}

TEST_CASE("a store at its limit says store_full, changes nothing, and works again once there is room") {
  temporary_directory dir;
  auto o = options_in(dir);
  o.map_size = std::size_t{512} << 10;
  o.max_size = std::size_t{1} << 20;
  auto s = std::move(*open_job_store(o));
  REQUIRE(s->begin_incarnation().ok());
  REQUIRE(s->stage_outbox(task, std::string(300 << 10, 'x')).ok());
  checkpoint_manifest m;
  m.number = 1;
  m.contributions.push_back({task, "", 0, 1, false});
  REQUIRE(s->complete(m).ok()); // Grows the map.
  REQUIRE(s->stage_outbox(task, std::string(700 << 10, 'y')).ok());
  m.number = 2;
  m.contributions[0].outbox_end = 2;
  auto full = s->complete(m);
  REQUIRE(!full);
  CHECK(full.err().code == errc::store_full);
  CHECK(s->checkpoints()->at(0).number == 1);
  REQUIRE(s->set_published({s->lineage(), s->incarnation(), 1, all_records}).ok());
  REQUIRE(s->apply_slice().ok());
  REQUIRE(s->set_fact("a", "b").ok());
  auto bigger = o;
  s.reset();
  bigger.max_size = std::size_t{8} << 20;
  s = std::move(*open_job_store(bigger));
  REQUIRE(s->begin_incarnation().ok());
  REQUIRE(s->stage_outbox(task, std::string(700 << 10, 'y')).ok());
  m.contributions[0].outbox_end = 1;
  CHECK(s->complete(m).ok());
}

TEST_CASE("a reader that holds its snapshot shows in the statistics, and not after it let go") {
  temporary_directory dir;
  auto s = std::move(*open_job_store(options_in(dir)));
  REQUIRE(s->begin_incarnation().ok());
  auto base = std::move(*s->open_base());
  REQUIRE(base->get("nothing").ok());
  for (std::uint64_t k = 1; k <= 5; ++k)
    REQUIRE(complete_one(*s, k, 0).ok());
  CHECK(s->stats()->oldest_reader_lag == 5);
  base->release();
  CHECK(s->stats()->oldest_reader_lag == 0);
  CHECK(s->check_readers().ok());
}

TEST_CASE("a second process is refused, naming the pid and that it is stopped") {
  temporary_directory dir;
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  auto child = ::fork();
  if (child == 0) {
    auto lock = lock_store(dir.path);
    char c = lock.ok() ? '1' : '0';
    if (::write(ready[1], &c, 1) != 1)
      ::_exit(1);
    ::pause();
    ::_exit(0);
  }
  char c = 0;
  REQUIRE(::read(ready[0], &c, 1) == 1);
  REQUIRE(c == '1');
  auto refused = lock_store(dir.path);
  REQUIRE(!refused);
  CHECK(refused.err().code == errc::store_locked);
  CHECK(refused.err().message.find("process " + std::to_string(child) + ", which is running") != std::string::npos);
  ::kill(child, SIGSTOP);
  int status = 0;
  ::waitpid(child, &status, WUNTRACED);
  refused = lock_store(dir.path);
  CHECK(refused.err().message.find("which is stopped") != std::string::npos);
  ::kill(child, SIGKILL);
  ::waitpid(child, &status, 0);
  CHECK(lock_store(dir.path).ok());
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_CASE("a process killed at any time during commits leaves every acknowledged checkpoint whole") {
  std::random_device device;
  auto seed = device();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  temporary_directory dir;
  auto o = options_in(dir);
  std::uint64_t acknowledged = 0;
  for (int round = 0; round < 24; ++round) {
    int acks[2];
    REQUIRE(::pipe(acks) == 0);
    auto child = ::fork();
    if (child == 0) {
      auto s = open_job_store(o);
      if (!s || !(*s)->begin_incarnation())
        ::_exit(2);
      auto list = (*s)->checkpoints();
      auto next = list && !list->empty() ? list->at(0).number + 1 : 1;
      for (std::uint64_t n = 1;; ++n, ++next) {
        if (!(*s)->stage_delta(task, chunk_of({{"count", std::to_string(next)}})) || !complete_one(**s, next, n) ||
            !(*s)->apply_slice() || ::write(acks[1], &next, sizeof next) != sizeof next)
          ::_exit(3);
      }
    }
    ::close(acks[1]);
    auto enough = 1 + random() % 40;
    std::uint64_t number = 0;
    for (unsigned i = 0; i < enough; ++i) {
      REQUIRE(::read(acks[0], &number, sizeof number) == sizeof number);
      acknowledged = number;
    }
    // Anywhere in the work between two acknowledgements.
    auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(random() % 3000);
    while (std::chrono::steady_clock::now() < until) {
    }
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(WIFSIGNALED(status));
    while (::read(acks[0], &number, sizeof number) == sizeof number)
      acknowledged = number;
    ::close(acks[0]);
    auto s = std::move(*open_job_store(o));
    REQUIRE(s->check_readers().ok());
    auto newest = s->checkpoints()->at(0).number;
    CHECK(newest >= acknowledged);
    CHECK(newest <= acknowledged + 1);
    CHECK(!*s->newest_damaged());
    // The base and the deltas on it give the newest count.
    auto base = std::move(*s->open_base());
    auto row = *base->get(value_row_key(1, 0, "count"));
    auto count = row ? std::string(*row) : std::string();
    REQUIRE(s->read_unapplied([&](const participant_id&, std::uint64_t, std::string_view chunk) -> result<> {
               auto r = delta_chunk_reader::open(chunk);
               if (!r || !r->next())
                 return r.err();
               count = r->value();
               return success();
             }).ok());
    CHECK(count == std::to_string(newest));
  }
}
