#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <weir/archive/change_file.hpp>
#include "tests/catch.hpp"
#include "tests/storage/temporary_directory.hpp"

using namespace weir;

namespace {

std::string hex(const std::string& bytes) {
  std::string out;
  for (unsigned char c : bytes) {
    out += "0123456789abcdef"[c >> 4];
    out += "0123456789abcdef"[c & 15];
  }
  return out;
}

} // namespace

TEST_CASE("a file of changes has the bytes that its format says, and reads back as it was written") {
  temporary_directory dir;
  auto path = dir.path + "/one";
  change_head head;
  head.serial = 300;
  head.behind.lineage.bytes[15] = 0x11;
  head.behind.checkpoint = 7;
  head.behind.incarnation = 9;
  change_writer w;
  REQUIRE(w.begin(unique_fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), head).ok());
  REQUIRE(w.put(store_part::delta, "k", "value").ok());
  REQUIRE(w.remove(store_part::manifest, "m").ok());
  REQUIRE(w.end().ok());
  std::ifstream in(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  CHECK(bytes.size() == w.bytes());
  // docs/formats/archive.md; a release reads what the one before it wrote.
  CHECK(hex(bytes.substr(0, bytes.size() - 8)) ==
        "5745495243484731"                 // WEIRCHG1
        "ac02"                             // 300
        "00000000000000000000000000000011" // lineage
        "0709"                             // checkpoint, incarnation
        "0164"
        "016b"
        "0576616c7565" // put, delta
        "026b"
        "016d" // remove, manifest
        "00");
  auto r = change_reader::open(path);
  REQUIRE(r.ok());
  CHECK(r->head().serial == 300);
  CHECK(r->head().behind.checkpoint == 7);
  CHECK(r->head().behind.incarnation == 9);
  CHECK(r->head().behind.lineage == head.behind.lineage);
  CHECK(r->sum().value() == w.sum());
  auto put = r->next();
  REQUIRE((put.ok() && *put));
  CHECK((*put)->key == "k");
  CHECK((*put)->value == "value");
  CHECK_FALSE((*put)->removed);
  auto removed = r->next();
  REQUIRE((removed.ok() && *removed));
  CHECK((*removed)->part == store_part::manifest);
  CHECK((*removed)->removed);
  auto end = r->next();
  REQUIRE(end.ok());
  CHECK_FALSE(*end);
}

TEST_CASE("a file of a newer release is told from a damaged one") {
  temporary_directory dir;
  std::ofstream(dir.path + "/newer") << "WEIRCHG2" << std::string(64, 'x');
  CHECK(change_reader::open(dir.path + "/newer").err().code == errc::incompatible);
  std::ofstream(dir.path + "/other") << std::string(64, 'x');
  CHECK(change_reader::open(dir.path + "/other").err().code == errc::store_corrupt);
  CHECK(change_reader::open(dir.path + "/none").err().code == errc::not_found);
}
