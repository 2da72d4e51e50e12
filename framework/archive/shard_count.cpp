#include <weir/archive/shard_count.hpp>

#include <filesystem>
#include <fstream>

namespace weir {
namespace {

namespace fs = std::filesystem;

error divided(const std::string& service, const std::string& was, const std::string& is, const std::string& folder) {
  return {errc::incompatible,
          "service '" + service + "' has state " + was + " in '" + folder + "', but is to run " + is +
              ": a state cannot be divided anew. Put the number of shards back, give the service another name, or, "
              "to begin from nothing, remove what is there of it"};
}

std::string in_shards(std::uint32_t n) { return n == 1 ? "as a whole" : "in " + std::to_string(n) + " shards"; }

} // namespace

result<> check_shard_count(const std::string& folder, const std::string& prefix, const std::string& job,
                           const service_shard& shard) {
  const auto& service = shard.whole() ? job : shard.service;
  const auto note = fs::path(folder) / (".shards." + prefix + service);
  std::uint32_t noted = 0;
  if (std::ifstream in(note); in >> noted && noted != shard.of)
    return divided(service, in_shards(noted), in_shards(shard.of), folder);
  if (shard.whole() || noted == shard.of)
    return success();
  std::error_code failed;
  if (!fs::is_directory(folder, failed))
    return success();
  if (fs::exists(fs::path(folder) / (prefix + service), failed))
    return divided(service, in_shards(1), in_shards(shard.of), folder);
  // All shards write the same; whoever reads sees all of it.
  const auto made = fs::path(folder) / (".shards." + prefix + job);
  std::ofstream out(made);
  out << shard.of << "\n";
  if (!out.flush())
    return error{errc::unavailable, "'" + made.string() + "' cannot be written"};
  fs::rename(made, note, failed);
  return failed ? result<>(error{errc::unavailable, "'" + note.string() + "' cannot be made: " + failed.message()}) : success();
}

} // namespace weir
