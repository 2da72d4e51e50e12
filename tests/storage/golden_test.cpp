#include <cstdlib>
#include <fstream>
#include <sstream>
#include <weir/state/delta_format.hpp>
#include <weir/state/row_key.hpp>
#include <weir/storage/records.hpp>
#include "tests/catch.hpp"

using namespace weir;

namespace {

/// The stored bytes must stay what they are: stores of earlier builds hold them. WEIR_WRITE_GOLDEN=1 writes the files anew
/// after a deliberate change of version.
void same_as_golden(const std::string& name, const std::string& bytes) {
  auto path = std::string(WEIR_SOURCE_DIR) + "/tests/golden/" + name;
  if (std::getenv("WEIR_WRITE_GOLDEN"))
    std::ofstream(path, std::ios::binary) << bytes;
  std::ifstream in(path, std::ios::binary);
  REQUIRE(in);
  std::stringstream stored;
  stored << in.rdbuf();
  CHECK(stored.str() == bytes);
}

} // namespace

TEST_CASE("a delta chunk has the bytes it has always had") {
  delta_chunk_writer w;
  std::string prefix;
  append_group_prefix(prefix, 2, 7);
  w.put(state_kind::value, value_row_key(1, 3, "alpha"), "one");
  w.erase(state_kind::value, value_row_key(1, 3, "alps"));
  w.declare(2, {"totals", "slices", state_kind::ordered, "i64"});
  w.drop_until(prefix, timestamp{-5});
  w.put(state_kind::ordered, ordered_row_key(2, 7, timestamp{1'000'000}, "k"), std::string("\0\1", 2));
  auto bytes = w.finish();
  same_as_golden("delta_chunk.v1", bytes);
  auto r = *delta_chunk_reader::open(bytes);
  CHECK(r.rows() == 5);
  unsigned rows = 0;
  while (*r.next())
    ++rows;
  CHECK(rows == 5);
  CHECK(parse_row_key(state_kind::ordered, r.row_key())->time.us == 1'000'000);
}

TEST_CASE("a delta chunk with any single byte turned is refused") {
  delta_chunk_writer w;
  w.put(state_kind::value, value_row_key(1, 3, "alpha"), "one");
  auto bytes = w.finish();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto damaged = bytes;
    damaged[i] ^= 0x20;
    CHECK_FALSE(delta_chunk_reader::open(damaged).ok());
  }
  for (std::size_t n = 0; n < bytes.size(); ++n)
    CHECK_FALSE(delta_chunk_reader::open(std::string_view(bytes).substr(0, n)).ok());
}

TEST_CASE("a manifest has the bytes it has always had") {
  storage_detail::manifest_record m;
  m.manifest.number = 42;
  m.manifest.incarnation = 3;
  m.manifest.completed_at_us = 1'767'225'600'000'000;
  m.manifest.delta_bytes = 1000;
  m.manifest.outbox_records = 17;
  m.manifest.ended = true;
  m.manifest.plan_fingerprint = "plan";
  m.manifest.contributions.push_back({{"orders", 1}, "offset", 0, 0, true});
  m.manifest.contributions.push_back({{"totals", 0}, "", 5, 2, false});
  m.manifest.job_state = "job";
  m.deltas = {{9, 400}, {11, 600}};
  m.next_sequence = 13;
  auto bytes = storage_detail::encode_manifest(m);
  same_as_golden("manifest.v1", bytes);
  auto payload = *storage_detail::unseal(storage_detail::sealed::manifest, bytes, "golden");
  auto back = *storage_detail::decode_manifest(payload);
  CHECK(back.manifest.contributions.at(1).delta_end == 5);
  CHECK(back.deltas.at(1).sequence == 11);
  CHECK(back.manifest.ended);
}

TEST_CASE("an outbox chunk has the bytes it has always had, null and empty kept apart") {
  std::string chunk;
  encode_outbox({"main", "order-totals", 3, "c-0042", "{}", "h", 1'767'225'659'999}, chunk);
  encode_outbox({"main", "orders.late", 0, std::nullopt, "", "", -1}, chunk);
  same_as_golden("outbox.v1", chunk);
  std::vector<outbox_record> records;
  REQUIRE(decode_outbox(chunk, [&](const outbox_record& r) {
            records.push_back(r);
            return true;
          }).ok());
  REQUIRE(records.size() == 2);
  CHECK(records[0].key == "c-0042");
  CHECK(records[0].partition == 3);
  CHECK(!records[1].key);
  CHECK(records[1].value == "");
  CHECK(records[1].time_ms == -1);
  CHECK(decode_outbox(chunk.substr(0, chunk.size() - 1), [](const outbox_record&) { return true; }).err().code ==
        errc::store_corrupt);
}
