#include <fstream>
#include <weir/archive/savepoint.hpp>
#include <weir/core/fail_point.hpp>
#include "tests/archive/copied_job.hpp"

using namespace weir;
using namespace weir::test;

namespace {

namespace fs = std::filesystem;

/// A change, output of its own, and a checkpoint with them.
result<> try_checkpoint(copied_job& job, const std::string& value) {
  job.put("key " + value, value);
  job.output("output of " + value);
  return job.complete(job.store().highest_number() + 1);
}
void checkpoint(copied_job& job, const std::string& value) { REQUIRE(try_checkpoint(job, value).ok()); }

/// A job with some checkpoints, and a directory for savepoints.
struct place {
  temporary_directory folder;
  std::string savepoints = folder.path + "/savepoints";
  std::string copies = folder.path + "/copies";

  place() {
    fs::create_directories(copies);
    copied_job job(folder.path + "/job", copies);
    job.start();
    for (int i = 0; i < 5; ++i)
      checkpoint(job, std::to_string(i));
    content = job.content();
    store = job.options();
  }
  [[nodiscard]] savepoint_source source(bool of_copies = false) const { return {"job", "test", store, of_copies ? copies : ""}; }
  [[nodiscard]] std::string file(const std::string& name) const { return savepoints + "/" + name + "/job/data.mdb"; }
  job_content content;
  job_store_options store;
};

void turn_bit(const std::string& path, std::uintmax_t at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(at));
  const auto byte = static_cast<char>(file.get() ^ 1);
  file.seekp(static_cast<std::streamoff>(at));
  file.put(byte);
}

/// The fail point fires as an error until the end of the block.
struct failing {
  explicit failing(const char* point) { REQUIRE(arm_fail_points(std::string(point) + "=error").ok()); }
  ~failing() { REQUIRE(arm_fail_points("").ok()); }
};

} // namespace

TEST_CASE("a savepoint has the newest checkpoint, from the store and from its copies, and a job goes on with it") {
  place p;
  const auto of_copies = GENERATE(false, true);
  auto made = create_savepoint(p.savepoints, "first", "1.2", {p.source(of_copies)});
  REQUIRE(made.ok());
  REQUIRE(made->parts.size() == 1);
  CHECK(made->parts[0].checkpoint == p.content.checkpoint);
  CHECK(list_savepoints(p.savepoints).value() == std::vector<std::string>{"first"});
  auto read = read_savepoint(p.savepoints, "first");
  REQUIRE(read.ok());
  CHECK(read->release == "1.2");
  CHECK(read->taken_at_us == made->taken_at_us);
  CHECK(read->parts[0].hash == made->parts[0].hash);
  CHECK(read->parts[0].lineage == made->parts[0].lineage);
  CHECK(verify_savepoint(*read).ok());

  // Elsewhere: whoever starts there finds all of it.
  const auto to = p.folder.path + "/other/job";
  fs::create_directories(p.folder.path + "/other copies");
  auto target = p.store;
  target.directory = to;
  REQUIRE(start_from_savepoint(*read, read->parts[0], {"job", "test", target, p.folder.path + "/other copies"}, logger{}).ok());
  CHECK_FALSE(fs::exists(to + ".savepoint"));
  copied_job job(to, p.folder.path + "/other copies");
  CHECK(job.start() == archive_standing::go_on);
  CHECK(job.content() == p.content);
  REQUIRE(list_store(target).value());
  CHECK(list_store(target).value()->lineage.text() != made->parts[0].lineage);
}

TEST_CASE("a start from a savepoint where its job was replaces store and copies: who has them open is told") {
  place p;
  auto made = create_savepoint(p.savepoints, "first", "1", {p.source()});
  REQUIRE(made.ok());
  copied_job running(p.folder.path + "/running", p.copies);
  running.start();
  checkpoint(running, "behind the savepoint");
  REQUIRE(start_from_savepoint(*made, made->parts[0], {"job", "test", p.store, p.copies}, logger{}).ok());
  CHECK_FALSE(try_checkpoint(running, "too late").ok());
  running.stop();
  copied_job job(p.store.directory, p.copies);
  CHECK(job.start() == archive_standing::go_on);
  CHECK(job.content() == p.content);
  job.stop();
  // The other machine's store is made anew from the copies.
  copied_job other(p.folder.path + "/running", p.copies);
  CHECK(other.start() == archive_standing::rebuild);
  CHECK(other.content() == p.content);
}

TEST_CASE("a savepoint without a store of this machine is in the copies, and every node makes its store from them") {
  place p;
  auto made = create_savepoint(p.savepoints, "first", "1", {p.source(true)});
  REQUIRE(made.ok());
  {
    copied_job job(p.store.directory, p.copies);
    job.start();
    checkpoint(job, "behind the savepoint");
  }
  REQUIRE(start_from_savepoint(*made, made->parts[0], {"job", "test", {}, p.copies}, logger{}).ok());
  for (const auto& entry : fs::directory_iterator(p.copies))
    CHECK(entry.path().filename().string() == "test.job");
  copied_job job(p.store.directory, p.copies);
  CHECK(job.start() == archive_standing::rebuild);
  CHECK(job.content() == p.content);
}

TEST_CASE("names that are taken, or no names, and services without a checkpoint make no savepoint") {
  place p;
  REQUIRE(create_savepoint(p.savepoints, "first", "1", {p.source()}).ok());
  CHECK(create_savepoint(p.savepoints, "first", "1", {p.source()}).err().code == errc::already_exists);
  for (const auto* name : {"", ".x", "a/b", "..", "a b"})
    CHECK(create_savepoint(p.savepoints, name, "1", {p.source()}).err().code == errc::invalid_argument);
  CHECK(create_savepoint(p.savepoints, std::string(65, 'x'), "1", {p.source()}).err().code == errc::invalid_argument);
  auto empty = p.source();
  empty.service = "other";
  empty.store.directory = p.folder.path + "/other";
  auto none = create_savepoint(p.savepoints, "second", "1", {p.source(), empty});
  REQUIRE_FALSE(none.ok());
  CHECK(none.err().code == errc::not_found);
  CHECK(list_savepoints(p.savepoints).value() == std::vector<std::string>{"first"});
  CHECK(list_savepoints(p.savepoints + "/none").value().empty());
  CHECK(read_savepoint(p.savepoints, "second").err().code == errc::not_found);
}

TEST_CASE("an end on the way leaves no savepoint, or the store as it was, or as the savepoint is") {
  place p;
  {
    failing f("savepoint.before_rename");
    CHECK_FALSE(create_savepoint(p.savepoints, "first", "1", {p.source()}).ok());
  }
  CHECK(list_savepoints(p.savepoints).value().empty());
  CHECK(fs::is_empty(p.savepoints));
  auto made = create_savepoint(p.savepoints, "first", "1", {p.source()});
  REQUIRE(made.ok());
  copied_job job(p.store.directory, p.copies);
  job.start();
  checkpoint(job, "behind the savepoint");
  const auto now = job.content();
  job.stop();
  const auto copies = GENERATE(true, false);
  failing f("savepoint.store_made");
  CHECK_FALSE(start_from_savepoint(*made, made->parts[0], {"job", "test", p.store, copies ? p.copies : ""}, logger{}).ok());
  CHECK_FALSE(fs::exists(p.store.directory + ".savepoint"));
  copied_job again(p.store.directory, p.copies);
  again.start();
  CHECK(again.content() == (copies ? p.content : now));
}

TEST_CASE("a savepoint that is not whole is refused, says why, and changes nothing") {
  place p;
  auto made = create_savepoint(p.savepoints, "first", "1", {p.source()});
  REQUIRE(made.ok());
  const auto text = p.savepoints + "/first/savepoint.json";
  auto replace = [&](const std::string& from, const std::string& to) {
    std::ifstream in(text);
    std::string all{std::istreambuf_iterator<char>(in), {}};
    in.close();
    auto at = all.find(from);
    REQUIRE(at != std::string::npos);
    std::ofstream(text) << all.replace(at, from.size(), to);
  };
  SECTION("a byte of its file") {
    for (auto at : {std::uintmax_t{0}, fs::file_size(p.file("first")) / 2, fs::file_size(p.file("first")) - 1}) {
      turn_bit(p.file("first"), at);
      CHECK(verify_savepoint(*made).err().code == errc::store_corrupt);
      auto started = start_from_savepoint(*made, made->parts[0], {"job", "test", p.store, p.copies}, logger{});
      REQUIRE_FALSE(started.ok());
      CHECK(started.err().message.find(p.file("first")) != std::string::npos);
      turn_bit(p.file("first"), at);
    }
  }
  SECTION("a file that is too short or gone") {
    fs::resize_file(p.file("first"), fs::file_size(p.file("first")) - 4096);
    CHECK(verify_savepoint(*made).err().code == errc::store_corrupt);
    fs::remove(p.file("first"));
    CHECK(verify_savepoint(*made).err().message.find("is missing") != std::string::npos);
    CHECK_FALSE(start_from_savepoint(*made, made->parts[0], {"job", "test", p.store, p.copies}, logger{}).ok());
  }
  SECTION("a description of another release, or of nothing") {
    replace("\"format\":1", "\"format\":2");
    CHECK(read_savepoint(p.savepoints, "first").err().code == errc::incompatible);
    replace("\"format\":2", "\"format\":\"x\"");
    CHECK(read_savepoint(p.savepoints, "first").err().code == errc::store_corrupt);
    std::ofstream(text) << "{";
    CHECK(read_savepoint(p.savepoints, "first").err().code == errc::store_corrupt);
  }
  SECTION("a description that leads elsewhere") {
    replace("\"service\":\"job\"", "\"service\":\"../job\"");
    CHECK(read_savepoint(p.savepoints, "first").err().code == errc::store_corrupt);
  }
  copied_job job(p.store.directory, p.copies);
  CHECK(job.start() == archive_standing::go_on);
  CHECK(job.content() == p.content);
}
