#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>
#include <weir/core/result.hpp>
#include <weir/storage/job_store.hpp>

/// Encodings of what a job store keeps beside the base rows; docs/formats/state.md. All checksummed.
namespace weir::storage_detail {

/// Kinds of sealed values. Persisted: never renumber.
enum class sealed : char {
  meta = 'm',
  manifest = 'k',
  epoch = 'e',
  chunk = 'c',
  fact = 'f',
};

/// Payload with kind and version in front and a checksum behind.
std::string seal(sealed kind, std::string_view payload);
/// The payload, a view into `bytes`. Errors: store_corrupt and incompatible (a newer version), naming `what`.
result<std::string_view> unseal(sealed kind, std::string_view bytes, const std::string& what);

/// Keys of the database "meta". Persisted.
inline constexpr std::string_view format_key = "format";
inline constexpr std::string_view lineage_key = "lineage";
inline constexpr std::string_view incarnation_key = "incarnation";
inline constexpr std::string_view used_key = "used";
inline constexpr std::string_view published_key = "published";
inline constexpr std::string_view apply_key = "apply";
inline constexpr std::string_view copied_key = "copied";
/// A number as a sealed value of "meta".
std::string sealed_number(std::uint64_t n);
/// Value of copied_key.
std::string sealed_copied(const copied_change& c);
/// Errors: store_corrupt, naming `what`.
result<copied_change> parse_copied(std::string_view bytes, const std::string& what);

/// Big-endian, so that LMDB's order is the order of numbers.
std::string number_key(std::uint64_t n);
std::uint64_t parse_number_key(std::string_view key);

/// A chunk in the store by its sequence number, counted over all participants.
struct chunk_ref {
  std::uint64_t sequence = 0;
  std::uint64_t bytes = 0;
};

struct manifest_record {
  checkpoint_manifest manifest;
  std::vector<chunk_ref> deltas;   ///< By participant, then by number.
  std::uint64_t next_sequence = 0; ///< Above every chunk when it was written.
};
std::string encode_manifest(const manifest_record& r);
result<manifest_record> decode_manifest(std::string_view payload);

/// The outbox of a complete checkpoint, in publishing order.
struct epoch_record {
  std::vector<chunk_ref> chunks;
};
std::string encode_epoch(const epoch_record& r);
result<epoch_record> decode_epoch(std::string_view payload);

struct chunk_record {
  participant_id who;
  std::uint64_t incarnation = 0;
  std::uint64_t number = 0;
  std::string_view bytes;
};
std::string encode_chunk(const chunk_record& r);
/// A view into `payload`.
result<chunk_record> decode_chunk(std::string_view payload);

/// How far the base has come.
struct apply_state {
  std::uint64_t applied_end = 0; ///< One above the newest checkpoint that the base holds; 0: none.
  std::uint64_t target = 0;      ///< The checkpoint up to which a merge is under way, when `running`.
  bool running = false;
  std::string position; ///< Rows below it are merged.
};
std::string encode_apply(const apply_state& s);
result<apply_state> decode_apply(std::string_view payload);

std::string encode_marker(const marker& m);
result<marker> decode_marker(std::string_view payload);

/// Checksum of a base row, in front of its value: 4 bytes little-endian.
inline constexpr std::size_t base_checksum_size = 4;
std::uint32_t base_checksum(std::string_view row_key, std::string_view value);
/// The value behind a right checksum. Errors: store_corrupt.
result<std::string_view> check_base_row(std::string_view row_key, std::string_view stored);

} // namespace weir::storage_detail
