#include <algorithm>
#include <weir/cluster/manifest.hpp>
#include <weir/cluster/slots.hpp>
#include <weir/record/binary.hpp>
#include <weir/record/crc32c.hpp>

namespace weir::cluster {

namespace {

constexpr std::uint8_t version = 1;
constexpr std::size_t checksum_size = 4;

struct ends {
  std::uint64_t delta = 0, outbox = 0;
};

/// Where the chunks of this attempt begin that are not part of the previous checkpoint.
std::map<participant_id, ends> ends_of(const manifest_facts& facts) {
  std::map<participant_id, ends> out;
  if (facts.previous != nullptr && facts.previous->by == facts.by)
    for (const auto& c : facts.previous->contributions)
      out[{c.vertex, c.index}] = {c.delta_end, c.outbox_end};
  return out;
}

using numbered = std::map<std::uint64_t, const prepared_chunk*>;

/// The chunks [from, to) of one participant in order. Errors: unavailable.
result<std::vector<const prepared_chunk*>> stretch(const numbered& known, std::uint64_t from, std::uint64_t to,
                                                   const participant_id& who, const char* what) {
  std::vector<const prepared_chunk*> out;
  for (auto n = from; n < to; ++n) {
    auto found = known.find(n);
    if (found == known.end())
      return error{errc::unavailable, std::string(what) + " chunk " + std::to_string(n) + " of '" + who.vertex + "' " +
                                          std::to_string(who.index) + " was acknowledged, but its file is not known"};
    out.push_back(found->second);
  }
  return out;
}

void put(cluster_manifest& m, const prepared_chunk& c) {
  auto chain = std::find_if(m.chains.begin(), m.chains.end(), [&](const auto& r) { return r.range == c.range; });
  if (chain == m.chains.end())
    chain = m.chains.insert(m.chains.end(), {c.range, {}});
  auto snapshot = c.what == prepared_chunk::kind::snapshot;
  if (snapshot)
    chain->links.clear();
  chain->links.push_back({c.file, m.checkpoint, snapshot});
}

void put_output(cluster_manifest& m, const prepared_chunk& c, std::uint64_t base) {
  auto entry = std::find_if(m.outbox.begin(), m.outbox.end(),
                            [&](const auto& e) { return e.slot == c.slot && e.checkpoint == m.checkpoint; });
  if (entry == m.outbox.end())
    entry = m.outbox.insert(m.outbox.end(), {c.slot, m.checkpoint, base, {}});
  entry->files.push_back(c.file);
}

} // namespace

std::vector<std::string> cluster_manifest::files() const {
  std::vector<std::string> out;
  for (const auto& c : chains)
    for (const auto& link : c.links)
      out.push_back(link.file.name);
  for (const auto& e : outbox)
    for (const auto& f : e.files)
      out.push_back(f.name);
  return out;
}

const range_chain* cluster_manifest::chain_of(const key_range& range) const {
  for (const auto& c : chains)
    if (c.range == range)
      return &c;
  return nullptr;
}

std::string encode_manifest(const cluster_manifest& m) {
  std::string bytes;
  byte_writer out(bytes);
  out.u8(version);
  encode_binary(m, out);
  out.u32(crc32c(bytes));
  return bytes;
}

result<cluster_manifest> decode_manifest(const std::string& name, std::string_view bytes) {
  auto what = "the manifest '" + name + "' ";
  if (!bytes.empty() && static_cast<std::uint8_t>(bytes[0]) > version)
    return error{errc::incompatible, what + "was written by a newer release"};
  if (bytes.size() < 1 + checksum_size || static_cast<std::uint8_t>(bytes[0]) != version)
    return error{errc::store_corrupt, what + "has no version that there ever was"};
  auto covered = bytes.substr(0, bytes.size() - checksum_size);
  if (byte_reader(bytes.substr(covered.size())).u32() != crc32c(covered))
    return error{errc::store_corrupt, what + "does not have its checksum"};
  byte_reader in(covered.substr(1));
  cluster_manifest out;
  decode_binary(in, out);
  if (!in.done())
    return error{errc::store_corrupt, what + "does not have the announced form"};
  return out;
}

result<cluster_manifest> make_manifest(const manifest_facts& facts) {
  cluster_manifest out;
  out.job = facts.job;
  out.lineage = raw_lineage(facts.lineage);
  out.by = facts.by;
  out.checkpoint = facts.checkpoint;
  if (facts.previous != nullptr) {
    if (facts.previous->lineage != out.lineage)
      return error{errc::incompatible, "the newest manifest of job '" + facts.job + "' is of another lineage"};
    out.chains = facts.previous->chains;
    for (const auto& e : facts.previous->outbox)
      if (!entry_published(e, facts.published))
        out.outbox.push_back(e);
  }
  std::map<participant_id, std::pair<numbered, numbered>> known;
  for (const auto& c : facts.chunks) {
    auto& [deltas, outbox] = known[c.who];
    (c.what == prepared_chunk::kind::outbox ? outbox : deltas).insert_or_assign(c.number, &c);
  }
  auto from = ends_of(facts);
  for (const auto& c : facts.contributions) {
    out.contributions.push_back({c.who.vertex, c.who.index, c.inline_state, c.delta_end, c.outbox_end, c.finished});
    const auto& [deltas, outbox] = known[c.who];
    WEIR_ASSIGN(auto changed, stretch(deltas, from[c.who].delta, c.delta_end, c.who, "delta"));
    for (const auto* chunk : changed)
      put(out, *chunk);
    WEIR_ASSIGN(auto sealed, stretch(outbox, from[c.who].outbox, c.outbox_end, c.who, "outbox"));
    for (const auto* chunk : sealed)
      put_output(out, *chunk, facts.base);
  }
  std::stable_sort(out.outbox.begin(), out.outbox.end(),
                   [](const auto& a, const auto& b) { return std::tie(a.checkpoint, a.slot) < std::tie(b.checkpoint, b.slot); });
  return out;
}

} // namespace weir::cluster
