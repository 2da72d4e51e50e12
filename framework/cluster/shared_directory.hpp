#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include <weir/cluster/cluster_state.hpp>
#include <weir/cluster/manifest.hpp>

namespace weir::cluster {

/// A directory that all nodes see, as the protocol needs it. Every call may block; a node's directory thread makes them.
/// Errors: unavailable (ask again), already_exists, not_found, store_full, unknown_outcome (of a sync: the file counts as
/// not written, under its name nothing may be written again).
class shared_directory {
 public:
  virtual ~shared_directory() = default;
  virtual result<> create(const std::string& name, std::string_view bytes) = 0; ///< O_EXCL. Not durable.
  virtual result<> sync_file(const std::string& name) = 0;
  virtual result<> rename(const std::string& from, const std::string& to) = 0; ///< Never replaces. Not durable.
  virtual result<> sync_directory() = 0;                                       ///< Names are durable from here on.
  virtual result<std::string> read(const std::string& name) = 0;
  virtual result<std::vector<std::string>> list() = 0;
  virtual result<> remove(const std::string& name) = 0; ///< not_found counts as success of an earlier call.
};

/// What a file is for.
enum class file_kind : char { delta = 'd', snapshot = 's', outbox = 'o', manifest = 'm' };

/// Everything that is in the name of a file. A sleeping process that wakes writes only names of its own: the fence, its
/// start and the random part are in them.
struct file_name {
  std::string job;
  fence by;
  std::uint64_t checkpoint = 0; ///< The attempt it was written for.
  file_kind kind = file_kind::delta;
  key_range range;          ///< Of deltas and snapshots; else zero.
  std::uint64_t start = 0;  ///< Of the writing process.
  std::uint64_t random = 0; ///< New for every file.
  friend bool operator==(const file_name&, const file_name&) = default;
};
/// `job.t5.a2.k7.d.0-15.00ab….00cd…`; the job's name is the only part of free form.
[[nodiscard]] std::string format(const file_name& n);
/// None: not a name of ours, to be left alone.
[[nodiscard]] std::optional<file_name> parse_file_name(std::string_view text);
/// Where a file lies until it is whole. It is never read.
[[nodiscard]] std::string temporary_name(const std::string& name);
[[nodiscard]] bool is_temporary(std::string_view name);

/// The steps of writing a file so that it exists whole or not at all. Pure: says what to do next.
enum class write_step : std::uint8_t { create, sync_file, rename, sync_directory, done };
[[nodiscard]] write_step next_step(write_step s);
/// One step. Errors: of the directory; then the name is given up and another one taken.
result<> do_step(shared_directory& d, write_step s, const std::string& name, std::string_view bytes);
/// All steps. May block.
result<> write_file(shared_directory& d, const std::string& name, std::string_view bytes);
/// Reads a file that a manifest or record names. Errors: not_found, store_corrupt, unavailable.
result<std::string> read_file(shared_directory& d, const file_ref& f);

/// What may be listed as garbage. Pure. Only files of attempts at or below `current` that the newest complete checkpoint does
/// not need and no later one can: those of older attempts, and of the current attempt what lies behind the newest
/// complete checkpoint. A file of a newer attempt (we are replaced and do not know it yet) is never touched.
struct garbage_facts {
  std::string job;
  fence current;               ///< The attempt that this leader runs.
  std::string newest_manifest; ///< Its file; empty: no complete checkpoint.
  const cluster_manifest* newest = nullptr;
  std::map<slot_id, marker> published; ///< Read from the marker topic; it may be behind.
  std::vector<std::string> names;      ///< As listed in the directory.
};
[[nodiscard]] std::vector<std::string> decide_garbage(const garbage_facts& facts);
/// What may be deleted: what a committed record lists. Pure.
[[nodiscard]] std::vector<std::string> deletable(const job_state& read);

} // namespace weir::cluster
