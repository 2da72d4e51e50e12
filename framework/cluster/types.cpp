#include <algorithm>
#include <weir/cluster/types.hpp>
#include <weir/record/key.hpp>

namespace weir::cluster {

std::string transactional_id(const std::string& space, const std::string& job, const slot_id& slot) {
  return space + "." + job + "." + slot.connection + "." + std::to_string(slot.index);
}

file_ref describe_file(std::string name, std::string_view bytes) { return {std::move(name), bytes.size(), hash_bytes(bytes)}; }

result<> check_file(const file_ref& expected, std::string_view bytes) {
  if (bytes.size() != expected.size)
    return error{errc::store_corrupt, "the file '" + expected.name + "' has " + std::to_string(bytes.size()) +
                                          " bytes, its manifest says " + std::to_string(expected.size) +
                                          ". Put a copy of it back, or start from an older savepoint."};
  if (hash_bytes(bytes) != expected.hash)
    return error{errc::store_corrupt, "the bytes of the file '" + expected.name +
                                          "' are not those its manifest names (the checksum differs). Put a copy of it back, or "
                                          "start from an older savepoint."};
  return success();
}

std::string raw_lineage(const lineage_id& l) { return {l.bytes.begin(), l.bytes.end()}; }

lineage_id lineage_from(std::string_view raw) {
  lineage_id l;
  if (raw.size() == l.bytes.size())
    std::transform(raw.begin(), raw.end(), l.bytes.begin(), [](char c) { return static_cast<std::uint8_t>(c); });
  return l;
}

} // namespace weir::cluster
