// Every system call of every transaction of the store fails once: the outcome is unknown for good, nothing is torn.
#include "tests/storage/disk_faults.hpp"
#include <cerrno>
#include <cstring>
#include <functional>
#include <weir/state/delta_format.hpp>
#include <weir/state/row_key.hpp>
#include <weir/storage/job_store.hpp>
#include "tests/catch.hpp"
#include "tests/storage/temporary_directory.hpp"

using namespace weir;
using disk_faults::call;

namespace {

const participant_id task{"totals", 0};
const std::string data_file = "/job/data.mdb";

job_store_options options_in(const temporary_directory& dir) {
  job_store_options o;
  o.directory = dir.path + "/job";
  o.map_size = std::size_t{64} << 20;
  o.retained = 2;
  o.apply_checkpoints = 1;
  return o;
}

std::string counts(std::uint64_t n) {
  delta_chunk_writer w;
  // Several pages, so that a transaction takes several writes.
  for (int i = 0; i < 40; ++i)
    w.put(state_kind::value, value_row_key(1, static_cast<std::uint16_t>(i), "key"), std::to_string(n) + std::string(300, ' '));
  return w.finish();
}

result<> complete(job_store& s, std::uint64_t number) {
  WEIR_ASSIGN(auto chunk, s.stage_delta(task, counts(number)));
  WEIR_ASSIGN(auto output, s.stage_outbox(task, "output of " + std::to_string(number)));
  checkpoint_manifest m;
  m.number = number;
  m.contributions.push_back({task, "", chunk + 1, output + 1, false});
  return s.complete(m);
}

/// Three checkpoints, of which the first can be merged.
std::unique_ptr<job_store> prepared(const job_store_options& o) {
  auto s = open_job_store(o);
  REQUIRE(s.ok());
  REQUIRE((*s)->begin_incarnation().ok());
  for (std::uint64_t n = 1; n <= 3; ++n)
    REQUIRE(complete(**s, n).ok());
  return std::move(*s);
}

/// What every row counts: of the base and the deltas on it. Fails when two rows disagree.
std::string state_of(job_store& s) {
  std::map<std::string, std::string> rows;
  auto base = std::move(*s.open_base());
  REQUIRE(base->scan("",
                     [&](std::string_view k, std::string_view v) {
                       rows[std::string(k)] = v;
                       return true;
                     })
              .ok());
  base->release();
  REQUIRE(s.read_unapplied([&](const participant_id&, std::uint64_t, std::string_view chunk) -> result<> {
             WEIR_ASSIGN(auto r, delta_chunk_reader::open(chunk));
             for (;;) {
               WEIR_ASSIGN(auto more, r.next());
               if (!more)
                 return success();
               rows[std::string(r.row_key())] = r.value();
             }
           }).ok());
  REQUIRE(rows.size() == 40);
  for (auto& [k, v] : rows)
    REQUIRE(v == rows.begin()->second);
  return rows.begin()->second.substr(0, rows.begin()->second.find(' '));
}

struct operation {
  const char* name;
  std::function<result<>(job_store&)> run;
  bool completes = false; ///< Checkpoint 4.
  bool goes_back = false; ///< To checkpoint 2.
};

const operation operations[] = {
    {"complete", [](job_store& s) { return complete(s, 4); }, true},
    {"flush_staged",
     [](job_store& s) -> result<> {
       WEIR_TRY(s.stage_delta(task, counts(9)));
       return s.flush_staged();
     }},
    {"close",
     [](job_store& s) -> result<> {
       WEIR_TRY(s.close(4));
       return success();
     }},
    {"begin_incarnation",
     [](job_store& s) -> result<> {
       WEIR_TRY(s.begin_incarnation());
       return success();
     }},
    {"new_lineage", [](job_store& s) { return s.new_lineage(); }},
    {"fall_back", [](job_store& s) { return s.fall_back(2); }, false, true},
    {"set_fact", [](job_store& s) { return s.set_fact("name", "value"); }},
    {"apply_slice",
     [](job_store& s) -> result<> {
       WEIR_TRY(s.apply_slice());
       return success();
     }},
    {"apply_slice of what is published",
     [](job_store& s) -> result<> {
       WEIR_TRY(s.set_published({s.lineage(), s.incarnation(), 3, all_records}));
       WEIR_TRY(s.apply_slice());
       return success();
     }},
};

} // namespace

TEST_CASE("a write or sync that fails in a commit is an unknown outcome for good, and the store is whole when opened again") {
  struct fault {
    call which;
    int error;
  };
  auto f = GENERATE(fault{call::write, ENOSPC}, fault{call::write, EIO}, fault{call::sync, EIO}, fault{call::sync, ENOSPC});
  for (const auto& op : operations) {
    unsigned nth = 1;
    for (;; ++nth) {
      temporary_directory dir;
      auto o = options_in(dir);
      auto s = prepared(o);
      disk_faults::arm(f.which, data_file, nth, f.error);
      auto r = op.run(*s);
      auto failed = disk_faults::disarm();
      INFO(op.name << ", " << (f.which == call::write ? "write " : "sync ") << nth << " fails: " << std::strerror(f.error));
      if (failed == 0) {
        CHECK(r.ok());
        break;
      }
      REQUIRE(!r);
      CHECK(r.err().code == errc::unknown_outcome);
      CHECK(r.err().message.find(o.directory) != std::string::npos);
      CHECK(r.err().message.find(std::strerror(f.error)) != std::string::npos);
      // The disk works again, and still: whoever wants to know must begin anew.
      for (const auto& later : operations) {
        auto refused = later.run(*s);
        INFO(later.name);
        REQUIRE(!refused);
        CHECK(refused.err().code == errc::unknown_outcome);
      }
      // Those who only read say the same, or read what was there before: never that the store is damaged.
      auto base = s->open_base();
      auto read = base ? (*base)->scan("", [](auto, auto) { return true; }) : result<>(base.err());
      CHECK((read.ok() || read.err().code == errc::unknown_outcome));
      base = error{errc::cancelled, "done"};
      s.reset();
      s = std::move(*open_job_store(o));
      REQUIRE(s->begin_incarnation().ok());
      CHECK(!*s->newest_damaged());
      auto list = *s->checkpoints();
      REQUIRE(list.size() == 2);
      auto newest = list[0].number;
      CHECK((newest == 3 || (newest == 4 && op.completes) || (newest == 2 && op.goes_back)));
      CHECK(state_of(*s) == std::to_string(newest));
      CHECK(complete(*s, 5).ok());
    }
    // Else nothing was injected at all.
    INFO(op.name);
    CHECK(nth > 1);
  }
}

TEST_CASE("a disk that stays full is an unknown outcome at the first commit, and with room again nothing is lost") {
  temporary_directory dir;
  auto o = options_in(dir);
  auto s = prepared(o);
  disk_faults::arm(call::write, data_file, 1, ENOSPC, true);
  auto full = complete(*s, 4);
  CHECK(disk_faults::disarm() > 0);
  REQUIRE(!full);
  CHECK(full.err().code == errc::unknown_outcome);
  s.reset();
  s = std::move(*open_job_store(o));
  REQUIRE(s->begin_incarnation().ok());
  CHECK(s->checkpoints()->at(0).number == 3);
  CHECK(complete(*s, 4).ok());
  CHECK(state_of(*s) == "4");
}

TEST_CASE("a store that cannot be made for want of room says so and can be made later") {
  temporary_directory dir;
  auto o = options_in(dir);
  disk_faults::arm(call::write, data_file, 1, ENOSPC, true);
  auto s = open_job_store(o);
  CHECK(disk_faults::disarm() > 0);
  REQUIRE(!s);
  CHECK((s.err().code == errc::store_full || s.err().code == errc::unknown_outcome));
  CHECK(s.err().message.find(std::strerror(ENOSPC)) != std::string::npos);
  s = open_job_store(o);
  REQUIRE(s.ok());
  CHECK((*s)->begin_incarnation().ok());
}
