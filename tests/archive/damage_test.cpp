#include <sys/stat.h>
#include <array>
#include <fstream>
#include <weir/core/fail_point.hpp>
#include "tests/archive/copied_job.hpp"
#include "tests/storage/disk_faults.hpp"

using namespace weir;
using namespace weir::test;

namespace {

namespace fs = std::filesystem;

struct world {
  temporary_directory dir;
  std::string shared = dir.path + "/shared";
  std::unique_ptr<copied_job> job;
  world() {
    fs::create_directories(shared);
    job = std::make_unique<copied_job>(dir.path + "/store", shared);
    job->start();
    job->began();
  }
  void work(std::uint64_t from, std::uint64_t to) {
    for (auto k = from; k <= to; ++k) {
      job->put("key" + std::to_string(k % 5), "value" + std::to_string(k));
      job->output("chunk" + std::to_string(k));
      REQUIRE(job->complete(k).ok());
    }
  }
  std::vector<fs::path> files() const {
    std::vector<fs::path> out;
    for (const auto& e : fs::recursive_directory_iterator(shared))
      if (e.is_regular_file() && (e.path().extension() == ".changes" || e.path().extension() == ".snapshot"))
        out.push_back(e.path());
    std::sort(out.begin(), out.end());
    return out;
  }
  result<> rebuild() {
    auto found = look_into_archive(job->archive());
    if (!found)
      return found.err();
    auto o = job->options();
    o.directory = dir.path + "/made";
    fs::remove_all(o.directory);
    return rebuild_from_archive(**found, o);
  }
};

std::string read(const fs::path& p) {
  std::ifstream in(p, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write(const fs::path& p, const std::string& bytes) { std::ofstream(p, std::ios::binary | std::ios::trunc) << bytes; }

} // namespace

TEST_CASE("no byte of a copy can be wrong or missing without being found, by name") {
  world w;
  w.work(1, 6);
  w.job->stop();
  REQUIRE(w.rebuild().ok());
  auto random = std::mt19937_64(7);
  const auto files = w.files();
  for (const auto& file : files) {
    auto good = read(file);
    auto needed = file.extension() == ".snapshot" || file.stem().string() > files.front().stem().string();
    for (int i = 0; i < 24 && needed; ++i) {
      auto bad = good;
      auto at = static_cast<std::size_t>(random() % good.size());
      if (i % 3 == 0)
        bad.resize(at);
      else if (i % 3 == 1)
        bad[at] = static_cast<char>(bad[at] ^ (1 << (random() % 8)));
      else
        bad.insert(at, 1, 'x');
      write(file, bad);
      auto r = w.rebuild();
      INFO(file << ", kind " << i % 3 << " at " << at);
      REQUIRE(!r.ok());
      CHECK((r.err().code == errc::store_corrupt || r.err().code == errc::incompatible));
      CHECK(r.err().message.find(w.shared) != std::string::npos);
    }
    write(file, good);
    fs::rename(file, file.string() + ".away");
    // That the last one was there only the marker in the output says.
    if (needed && file != files.back())
      CHECK(!w.rebuild().ok());
    fs::rename(file.string() + ".away", file);
  }
  CHECK(w.rebuild().ok());
}

TEST_CASE("a damaged newest checkpoint of the store is taken from the copy") {
  world w;
  w.work(1, 4);
  auto before = w.job->content();
  w.job->stop();
  auto data = w.job->directory() + "/data.mdb";
  auto bytes = read(data);
  // The value of the newest manifest, whatever page it lies on.
  for (auto at = bytes.find("totals"); at != std::string::npos; at = bytes.find("totals", at + 1))
    bytes[at] = 'T';
  write(data, bytes);
  CHECK(w.job->start() == archive_standing::rebuild);
  CHECK(w.job->content() == before);
}

TEST_CASE("a directory that is not there is said, and never made: it may not be mounted") {
  temporary_directory dir;
  auto r = look_into_archive({dir.path + "/missing", "test", "job"});
  REQUIRE(!r.ok());
  CHECK(r.err().code == errc::unavailable);
  CHECK(r.err().message.find("is it mounted?") != std::string::npos);
  CHECK(!fs::exists(dir.path + "/missing"));
}

TEST_CASE("a directory that is full or fails closes the checkpoint and nothing else: the next one has what this one had") {
  world w;
  w.work(1, 2);
  w.job->put("key9", "kept");
  w.job->output("kept");
  struct fault {
    disk_faults::call which;
    std::string file;
    int error;
    errc code;
  };
  // The last is the sync of the names, behind the rename: the file is there, and must not count.
  const std::array faults{fault{disk_faults::call::write, "changes.tmp", ENOSPC, errc::store_full},
                          fault{disk_faults::call::sync, "changes.tmp", EIO, errc::unavailable},
                          fault{disk_faults::call::sync, w.files().front().parent_path().filename(), EIO, errc::unavailable}};
  auto f = faults.at(GENERATE(range(std::size_t{0}, std::size_t{3})));
  disk_faults::arm(f.which, f.file, 1, f.error, true);
  auto full = w.job->complete(3);
  CHECK(disk_faults::disarm() > 0);
  REQUIRE(!full.ok());
  CHECK(full.err().code == f.code);
  CHECK(w.job->copy().figures().waiting_since_us == 0);
  REQUIRE(w.job->store().close(3).ok());
  REQUIRE(w.job->complete(4).ok());
  auto content = w.job->content();
  CHECK(content.checkpoint == 4);
  CHECK(content.rows.at(copied_job::row("key9")) == "kept");
  w.job->stop();
  fs::remove_all(w.job->directory());
  CHECK(w.job->start() == archive_standing::rebuild);
  CHECK(w.job->content() == content);
}

TEST_CASE("snapshots replace what is before them, and the copy does not grow beyond the store") {
  world w;
  const std::string large(std::size_t{1} << 20, 'v');
  for (std::uint64_t k = 1; k <= 60; ++k) {
    w.job->put("key" + std::to_string(k % 3), large + std::to_string(k));
    REQUIRE(w.job->complete(k).ok());
    while (w.job->store().apply_slice()->more)
      ;
  }
  auto content = w.job->content();
  CHECK(w.job->copy().figures().snapshots > 1);
  w.job->stop();
  std::uint64_t bytes = 0;
  for (const auto& f : w.files())
    bytes += fs::file_size(f);
  CHECK(bytes < 50 * large.size());
  fs::remove_all(w.job->directory());
  CHECK(w.job->start() == archive_standing::rebuild);
  CHECK(w.job->content() == content);
}

TEST_CASE("a file that cannot be linked is copied") {
  temporary_directory dir;
  write(dir.path + "/from", "what it is");
  REQUIRE(archive_detail::link_file(dir.path + "/from", dir.path + "/to").ok());
  CHECK(fs::hard_link_count(dir.path + "/to") == 2);
  CHECK(archive_detail::link_file(dir.path + "/from", dir.path + "/to").err().code == errc::already_exists);
  // From another file system nothing can be linked.
  auto elsewhere = "/dev/shm/" + fs::path(dir.path).filename().string();
  write(elsewhere, "from elsewhere");
  REQUIRE(archive_detail::link_file(elsewhere, dir.path + "/copied").ok());
  fs::remove(elsewhere);
  CHECK(read(dir.path + "/copied") == "from elsewhere");
  CHECK(archive_detail::link_file(dir.path + "/none", dir.path + "/other").err().code == errc::not_found);
}

TEST_CASE("a change that goes to a folder without its name is not made: somebody else has the copy") {
  auto gone = GENERATE(true, false);
  world w;
  w.work(1, 2);
  auto generation = w.files().front().parent_path();
  w.job->put("key9", "late");
  if (gone)
    fs::remove_all(generation);
  else
    fs::rename(generation, generation.parent_path() / ".old-being-removed"); // Between the two steps of its removal.
  auto late = w.job->complete(3);
  REQUIRE(!late.ok());
  CHECK(late.err().code == errc::fenced);
  CHECK(w.job->store().checkpoints()->front().number == 2);
}
