#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <weir/core/unique_fd.hpp>
#include <weir/storage/job_store.hpp>

/// A file with one change of a job store: docs/formats/archive.md.
namespace weir {

/// What stands in front of the rows.
struct change_head {
  std::uint64_t serial = 0;
  change_sink::state behind;
};

/// Writes a change to a descriptor, through a buffer. One thread; may block. Errors: store_full, unavailable.
class change_writer {
 public:
  result<> begin(unique_fd file, const change_head& head);
  result<> put(store_part part, std::string_view key, std::string_view value);
  result<> remove(store_part part, std::string_view key);
  /// Writes the end and makes the file's content durable.
  result<> end();
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  /// Behind end().
  [[nodiscard]] std::uint64_t sum() const { return sum_; }

 private:
  result<> row(char tag, store_part part, std::string_view key, std::optional<std::string_view> value);
  result<> write(std::string_view bytes);
  result<> flush();
  unique_fd file_;
  std::string buffer_;
  std::uint64_t bytes_ = 0, sum_ = 0;
  struct hash;
  std::shared_ptr<hash> hash_;
};

/// Reads one. What it gave means nothing before the end was reached without an error: only there its checksum stands.
class change_reader {
 public:
  /// Errors: not_found, unavailable, store_corrupt (no such file), incompatible.
  static result<change_reader> open(const std::string& path);
  [[nodiscard]] const change_head& head() const { return head_; }
  /// The checksum that stands at the file's end, as it stands there. Errors: store_corrupt, unavailable.
  [[nodiscard]] result<std::uint64_t> sum() const;
  /// None at the end. Errors: store_corrupt, unavailable.
  result<std::optional<store_rebuild::row>> next();

 private:
  change_reader() = default;
  result<> fill(std::size_t at_least);
  result<std::string> bytes(std::uint64_t count);
  result<std::uint64_t> varint();
  [[nodiscard]] error corrupt(const std::string& what) const;
  std::string path_;
  unique_fd file_;
  std::uint64_t left_ = 0; ///< Of the file behind the buffer.
  std::string buffer_;
  std::size_t at_ = 0;
  struct hash;
  std::shared_ptr<hash> hash_;
  change_head head_;
};

/// A descriptor's bytes, all of them. Errors: store_full, unavailable.
result<> write_all(int fd, std::string_view bytes, const std::string& what);
/// A code of the system on a file of the archive. Errors made: store_full, not_found, already_exists, unavailable.
error file_error(int code, const std::string& what);

} // namespace weir
