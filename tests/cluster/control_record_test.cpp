#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <weir/cluster/control_record.hpp>
#include <weir/cluster/manifest.hpp>
#include "tests/catch.hpp"

using namespace weir;
using namespace weir::cluster;

namespace {

std::string hex(std::string_view bytes) {
  static const char* digits = "0123456789abcdef";
  std::string out;
  for (unsigned char c : bytes) {
    out += digits[c >> 4];
    out += digits[c & 15];
  }
  return out;
}

std::vector<control_record> samples() {
  assignment_record a;
  a.job = "totals";
  a.lineage = std::string(16, '\1');
  a.fingerprint = "f";
  a.base = 7;
  a.nodes = {{"a", 11}, {"b", 12}};
  a.ranges = {{{0, 63}, "a"}, {{64, 127}, "b"}};
  a.partitions = {{{"orders", 0}, "a"}};
  a.slots = {{{"main", 0}, "a", false}, {{"main", 1}, "b", true}};
  return {
      {{{0, 0}, 0}, term_record{"a", 99}},
      {{{5, 0}, 1}, member_record{"b", "10.0.0.2:7000", 4, 12, true}},
      {{{0, 0}, 0}, alive_record{"b", 12, 3}},
      {{{5, 2}, 2}, a},
      {{{5, 2}, 3}, complete_record{"totals", 8, {"m", 100, 42}, true}},
      {{{5, 2}, 4}, closed_record{"totals", 9}},
      {{{5, 2}, 5}, garbage_record{"totals", 1, {"x", "y"}}},
      {{{5, 0}, 6}, services_record{2, "{}", "{\"old\":1}"}},
  };
}

cluster_manifest sample_manifest() {
  cluster_manifest m;
  m.job = "totals";
  m.lineage = std::string(16, '\1');
  m.by = {5, 2};
  m.checkpoint = 8;
  m.contributions = {{"orders", 0, "17", 0, 0, false}, {"totals", 1, "", 3, 1, true}};
  m.chains = {{{0, 63}, {{{"s", 10, 1}, 6, true}, {{"d", 20, 2}, 8, false}}}};
  m.outbox = {{{"main", 0}, 8, 7, {{"o", 30, 3}}}};
  return m;
}

/// What this release writes, under the names of the golden file.
std::map<std::string, std::string> written() {
  std::map<std::string, std::string> out;
  for (const auto& r : samples()) {
    auto e = encode_control(r);
    out[e.key] = hex(*e.value);
  }
  out["manifest"] = hex(encode_manifest(sample_manifest()));
  return out;
}

} // namespace

// WEIR_WRITE_GOLDEN=1 appends what is missing, after a record was added.
TEST_CASE("control records and manifests have the bytes they have always had") {
  const auto* path = WEIR_SOURCE_DIR "/tests/golden/control.txt";
  if (std::getenv("WEIR_WRITE_GOLDEN") != nullptr) {
    std::ifstream before(path);
    std::string text((std::istreambuf_iterator<char>(before)), {});
    std::ofstream more(path, std::ios::app);
    for (const auto& [name, bytes] : written())
      if (text.find("\n" + name + " ") == std::string::npos)
        more << name << ' ' << bytes << '\n';
  }
  std::ifstream in(path);
  REQUIRE(in);
  std::map<std::string, std::string> golden;
  for (std::string line; std::getline(in, line);)
    if (!line.empty() && line[0] != '#')
      golden[line.substr(0, line.find(' '))] = line.substr(line.find(' ') + 1);
  for (const auto& [name, bytes] : written()) {
    INFO(name << ' ' << bytes);
    CHECK(golden[name] == bytes);
  }
  CHECK(golden.size() == written().size());
}

TEST_CASE("every kind of control record is read back as it was written") {
  for (const auto& r : samples()) {
    auto e = encode_control(r);
    auto back = decode_control(e.key, *e.value);
    REQUIRE(back.ok());
    CHECK(back->body.index() == r.body.index());
    CHECK(back->mark.by == r.mark.by);
    CHECK(back->mark.serial == r.mark.serial);
    CHECK(*encode_control(*back).value == *e.value);
  }
}

TEST_CASE("a control record with any byte changed, cut off or added is refused") {
  for (const auto& r : samples()) {
    auto e = encode_control(r);
    for (std::size_t i = 0; i < e.value->size(); ++i) {
      auto damaged = *e.value;
      damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
      CHECK(!decode_control(e.key, damaged).ok());
      CHECK(!decode_control(e.key, std::string_view(*e.value).substr(0, i)).ok());
    }
    CHECK(!decode_control(e.key, *e.value + "x").ok());
  }
}

TEST_CASE("a record under a key that is not its own is damage, a newer version is named as such") {
  auto e = encode_control(samples()[4]);
  CHECK(decode_control("complete/other", *e.value).err().code == errc::store_corrupt);
  auto newer = *e.value;
  newer[0] = 2;
  CHECK(decode_control(e.key, newer).err().code == errc::incompatible);
}

TEST_CASE("a manifest is read back as it was written, and refused with any byte changed") {
  auto bytes = encode_manifest(sample_manifest());
  auto back = decode_manifest("m", bytes);
  REQUIRE(back.ok());
  CHECK(encode_manifest(*back) == bytes);
  CHECK(back->files() == std::vector<std::string>{"s", "d", "o"});
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    CHECK(!decode_manifest("m", damaged).ok());
  }
}
