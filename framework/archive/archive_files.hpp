#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>
#include <weir/archive/standing.hpp>
#include <weir/core/unique_fd.hpp>

namespace weir {

/// Asked now and then on a long way: an error ends it there, and is what comes of it. May be empty.
using go_on_function = std::function<result<>()>;

} // namespace weir

/// Names and steps on the directory of an archive; docs/formats/archive.md. Every call may block.
namespace weir::archive_detail {

/// A file of a generation.
struct archive_file {
  enum class kind : std::uint8_t { changes, snapshot };
  kind what = kind::changes;
  std::uint64_t serial = 0;
  std::uint64_t size = 0; ///< Of a snapshot: in its name, as is the hash.
  std::uint64_t hash = 0;
  [[nodiscard]] std::string name() const;
  static std::optional<archive_file> parse(std::string_view name);
};

/// `<16 hex digits>`, the incarnation.
[[nodiscard]] std::string generation_name(std::uint64_t incarnation);
/// Hidden until it is whole: `.new-<incarnation>-<random>`.
[[nodiscard]] std::string temporary_generation(std::uint64_t incarnation, std::uint64_t random);

/// Names in a directory, but `.` and `..`. Errors: as file_error.
result<std::vector<std::string>> list_directory(const std::string& path);
/// The incarnations that have a generation in the directory of a job, ascending; none when the directory is not there.
result<std::vector<std::uint64_t>> list_generations(const std::string& path);
/// The files of a generation, ascending by serial; what is no file of ours is left out.
result<std::vector<archive_file>> list_files(const std::string& path);
/// Opens a directory to sync and to name files in. Errors: as file_error.
result<unique_fd> open_directory(const std::string& path);
/// The names in it are durable from here on; after an error perhaps. Errors: as file_error.
result<> sync_directory(int fd, const std::string& path);
/// Gives `to` the content of `from`: a link, or where the file system has none, a copy. Errors: as file_error.
result<> link_file(const std::string& from, const std::string& to);
/// Size and XXH3-64 of a file's content.
struct file_sum {
  std::uint64_t size = 0, hash = 0;
  friend bool operator==(const file_sum&, const file_sum&) = default;
};
/// Errors: as file_error.
result<file_sum> sum_file(const std::string& path);
/// The content of a small file. Errors: as file_error.
result<std::string> read_text(const std::string& path);
/// Copies a file to a new one and checks it on the way. The copy is not synced. Errors: store_corrupt (it is another), those of
/// `go_on`, which is asked for each piece, and as file_error.
result<> fetch_file(const std::string& from, const file_sum& expected, const std::string& to, const go_on_function& go_on = {});
/// Puts the store file of the directory `made` into that of `store`, made if it is missing, in place of what is there: durable,
/// in one step. Nobody may have either open.
result<> put_in_place(const std::string& made, const std::string& store);
/// Removes a directory and what is in it. What cannot be removed stays; nobody reads it.
void remove_directory(const std::string& path);
/// Errors: unavailable.
result<std::uint64_t> random_number();

} // namespace weir::archive_detail

namespace weir {

/// Where the copies of one job lie: `<directory>/<name_space>.<job>`.
struct archive_options {
  std::string directory; ///< Must be there: a directory that is missing may be one that is not mounted.
  std::string name_space;
  std::string job;
  [[nodiscard]] std::string path() const { return directory + "/" + name_space + "." + job; }
};

/// The newest generation; none: there is no copy. Errors: unavailable (the directory is not there or does not answer),
/// store_corrupt, incompatible.
result<std::optional<archived>> look_into_archive(const archive_options& o);

/// The change of that generation with this number; none: it has none, or not any more. Errors: unavailable, store_corrupt.
result<std::optional<standing_facts::change>> look_at_change(const archived& copy, std::uint64_t serial);

/// All that decides what a store may do about its copy, but `rebuilt`. Errors: of look_into_archive, look_at_change and the
/// store.
result<standing_facts> look_at_standing(const archive_options& o, job_store& store);

/// Makes the changes that a store has not made yet, which is on the chain of the copy (roll_forward). Nobody may have it open.
/// Errors: as rebuild_from_archive; what was made stays, and the rest can be made again.
result<> roll_forward(const archived& copy, const job_store_options& store, const go_on_function& go_on = {});

/// Makes the store of a job from its copy, in place of the one in `store.directory`, if any: whole or not at all. Nobody may have
/// that one open. Errors: store_corrupt (naming the file), unavailable (also when the copy changed meanwhile), store_full, and
/// those of `go_on`.
result<> rebuild_from_archive(const archived& copy, const job_store_options& store, const go_on_function& go_on = {});

/// What is known of a store from one pass of warm_up to the next.
struct warm_up_state {
  bool rebuilt = false;         ///< It was made from its copy here: what is damaged in it is damaged there.
  std::optional<archived> done; ///< The copy as it was when the store was brought up to it.
};

/// Brings the store of a job up to its copy on a machine where the job does not run, while its owner goes on elsewhere, so that
/// a start there has little to read (warm-up replicas, KIP-441). One pass; the newest complete checkpoint that is in the store
/// then, 0: there is no copy yet, or its owner was faster than the pass. `state` is of this store, at first as it is made; a
/// pass over a copy without news costs a look. The caller holds the store_lock. Blocks as long as reading takes. Errors: as
/// rebuild_from_archive; the store is whole behind an error, and the next pass goes on from there.
result<std::uint64_t> warm_up(const archive_options& o, const job_store_options& store, warm_up_state& state,
                              const go_on_function& go_on = {});

} // namespace weir
