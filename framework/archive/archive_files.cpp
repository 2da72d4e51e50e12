#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <weir/archive/archive_files.hpp>
#include <weir/archive/change_file.hpp>
#include <weir/state/xxh3.hpp>
#include <weir/storage/directories.hpp>

namespace weir {
namespace archive_detail {
namespace {

constexpr std::string_view changes_suffix = ".changes", snapshot_suffix = ".snapshot";
constexpr std::size_t digits = 16;

std::optional<std::uint64_t> hex(std::string_view text) {
  std::uint64_t n = 0;
  const auto* end = text.data() + text.size();
  if (text.size() != digits || std::from_chars(text.data(), end, n, 16) != std::from_chars_result{end, std::errc{}})
    return std::nullopt;
  return n;
}

} // namespace

std::string archive_file::name() const {
  auto begin = fmt::format("{:016x}", serial);
  if (what == kind::changes)
    return begin + std::string(changes_suffix);
  return begin + fmt::format("-{:016x}-{:016x}", size, hash) + std::string(snapshot_suffix);
}

std::optional<archive_file> archive_file::parse(std::string_view name) {
  archive_file f;
  auto serial = hex(name.substr(0, digits));
  if (!serial)
    return std::nullopt;
  f.serial = *serial;
  if (name.substr(digits) == changes_suffix)
    return f;
  if (name.size() != 3 * digits + 2 + snapshot_suffix.size() || !name.ends_with(snapshot_suffix))
    return std::nullopt;
  f.what = kind::snapshot;
  auto size = hex(name.substr(digits + 1, digits));
  auto hash = hex(name.substr(2 * digits + 2, digits));
  if (!size || !hash)
    return std::nullopt;
  f.size = *size;
  f.hash = *hash;
  return f;
}

std::string generation_name(std::uint64_t incarnation) { return fmt::format("{:016x}", incarnation); }

std::string temporary_generation(std::uint64_t incarnation, std::uint64_t random) {
  return fmt::format(".new-{:016x}-{:016x}", incarnation, random);
}

result<std::vector<std::string>> list_directory(const std::string& path) {
  auto* d = ::opendir(path.c_str());
  if (d == nullptr)
    return file_error(errno, "opening '" + path + "'");
  std::vector<std::string> out;
  errno = 0;
  while (auto* e = ::readdir(d)) {
    if (std::string_view name = e->d_name; name != "." && name != "..")
      out.emplace_back(name);
    errno = 0;
  }
  auto code = errno;
  ::closedir(d);
  if (code != 0)
    return file_error(code, "listing '" + path + "'");
  return out;
}

result<std::vector<std::uint64_t>> list_generations(const std::string& path) {
  auto names = list_directory(path);
  if (!names)
    return names.err().code == errc::not_found ? result<std::vector<std::uint64_t>>(std::vector<std::uint64_t>{}) : names.err();
  std::vector<std::uint64_t> out;
  for (const auto& name : *names)
    if (auto n = hex(name))
      out.push_back(*n);
  std::sort(out.begin(), out.end());
  return out;
}

result<std::vector<archive_file>> list_files(const std::string& path) {
  WEIR_ASSIGN(auto names, list_directory(path));
  std::vector<archive_file> out;
  for (const auto& name : names)
    if (auto f = archive_file::parse(name))
      out.push_back(*f);
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.serial < b.serial; });
  return out;
}

result<unique_fd> open_directory(const std::string& path) {
  unique_fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd)
    return file_error(errno, "opening '" + path + "'");
  return fd;
}

result<> sync_directory(int fd, const std::string& path) {
  return ::fsync(fd) == 0 ? success() : file_error(errno, "syncing the names in '" + path + "'");
}

result<> link_file(const std::string& from, const std::string& to) {
  if (::link(from.c_str(), to.c_str()) == 0)
    return success();
  if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS && errno != EMLINK && errno != EXDEV)
    return file_error(errno, "linking '" + from + "'");
  std::error_code failed;
  if (!std::filesystem::copy_file(from, to, failed))
    return file_error(failed.value(), "copying '" + from + "'");
  unique_fd copied(::open(to.c_str(), O_RDONLY | O_CLOEXEC));
  if (!copied || ::fsync(copied.value()) != 0)
    return file_error(errno, "syncing '" + to + "'");
  return success();
}

namespace {

/// Gives all of a file in pieces.
result<> read_pieces(const std::string& path, const std::function<result<>(std::string_view)>& take) {
  unique_fd in(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in)
    return file_error(errno, "opening '" + path + "'");
  std::string buffer(std::size_t{1} << 20, '\0');
  for (;;) {
    auto n = ::read(in.value(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return file_error(errno, "reading '" + path + "'");
    if (n == 0)
      return success();
    WEIR_TRY(take({buffer.data(), static_cast<std::size_t>(n)}));
  }
}

result<file_sum> sum_pieces(const std::string& path, const std::function<result<>(std::string_view)>& take) {
  XXH3_state_t hash;
  XXH3_64bits_reset(&hash);
  file_sum sum;
  WEIR_TRY(read_pieces(path, [&](std::string_view piece) {
    XXH3_64bits_update(&hash, piece.data(), piece.size());
    sum.size += piece.size();
    return take(piece);
  }));
  sum.hash = XXH3_64bits_digest(&hash);
  return sum;
}

} // namespace

result<file_sum> sum_file(const std::string& path) {
  return sum_pieces(path, [](std::string_view) { return success(); });
}

result<std::string> read_text(const std::string& path) {
  std::string text;
  WEIR_TRY(read_pieces(path, [&](std::string_view piece) {
    text += piece;
    return success();
  }));
  return text;
}

result<> fetch_file(const std::string& from, const file_sum& expected, const std::string& to, const go_on_function& go_on) {
  unique_fd out(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!out)
    return file_error(errno, "making '" + to + "'");
  WEIR_ASSIGN(auto sum, sum_pieces(from, [&](std::string_view piece) -> result<> {
                if (go_on)
                  WEIR_TRY(go_on());
                return write_all(out.value(), piece, "writing '" + to + "'");
              }));
  if (sum != expected)
    return error{errc::store_corrupt, "the copy of the store '" + from + "' is damaged: its size or checksum is wrong"};
  return success();
}

result<> put_in_place(const std::string& made, const std::string& store) {
  {
    unique_fd file(::open((made + "/data.mdb").c_str(), O_RDONLY | O_CLOEXEC));
    if (!file || ::fsync(file.value()) != 0)
      return file_error(errno, "syncing the new store in '" + made + "'");
  }
  WEIR_TRY(storage_detail::make_directories(store));
  // The readers' table of the store that goes; the new one makes its own.
  if (::unlink((store + "/lock.mdb").c_str()) != 0 && errno != ENOENT)
    return file_error(errno, "removing the lock file of the store '" + store + "'");
  if (std::rename((made + "/data.mdb").c_str(), (store + "/data.mdb").c_str()) != 0)
    return file_error(errno, "putting the new store to '" + store + "'");
  WEIR_ASSIGN(auto fd, open_directory(store));
  return sync_directory(fd.value(), store);
}

void remove_directory(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

result<std::uint64_t> random_number() {
  std::uint64_t n = 0;
  if (::getrandom(&n, sizeof n, 0) != static_cast<ssize_t>(sizeof n))
    return error{errc::unavailable, std::string("no random numbers from the system: ") + std::strerror(errno)};
  return n;
}

} // namespace archive_detail

result<std::optional<standing_facts::change>> look_at_change(const archived& copy, std::uint64_t serial) {
  archive_detail::archive_file f;
  f.serial = serial;
  auto reader = change_reader::open(copy.path + "/" + f.name());
  if (!reader)
    return reader.err().code == errc::not_found ? result<std::optional<standing_facts::change>>(std::nullopt) : reader.err();
  WEIR_ASSIGN(auto sum, reader->sum());
  return std::optional(standing_facts::change{reader->head().behind, sum});
}

result<standing_facts> look_at_standing(const archive_options& o, job_store& store) {
  standing_facts facts;
  WEIR_ASSIGN(facts.found, look_into_archive(o));
  facts.copied = store.copied();
  if (facts.found) {
    WEIR_ASSIGN(facts.same, look_at_change(*facts.found, facts.copied.serial));
  }
  facts.newest.lineage = store.lineage();
  WEIR_ASSIGN(auto checkpoints, store.checkpoints());
  if (!checkpoints.empty()) {
    facts.newest.checkpoint = checkpoints.front().number;
    facts.newest.incarnation = checkpoints.front().incarnation;
  }
  WEIR_ASSIGN(auto damaged, store.newest_damaged());
  facts.damaged = damaged.has_value();
  return facts;
}

result<std::optional<archived>> look_into_archive(const archive_options& o) {
  using namespace archive_detail;
  struct stat s {};
  if (::stat(o.directory.c_str(), &s) != 0 || !S_ISDIR(s.st_mode))
    return error{errc::unavailable,
                 "checkpoint.directory '" + o.directory + "' is not there: is it mounted? It is not made by itself"};
  WEIR_ASSIGN(auto generations, list_generations(o.path()));
  if (generations.empty())
    return std::optional<archived>();
  archived found;
  found.writer = generations.back();
  found.path = o.path() + "/" + generation_name(found.writer);
  WEIR_ASSIGN(auto files, list_files(found.path));
  std::optional<archive_file> last;
  for (const auto& f : files) {
    if (f.what == archive_file::kind::snapshot)
      found.snapshot = f.serial;
    else
      last = f;
  }
  if (!last)
    return error{errc::store_corrupt, "the copy of the checkpoints in '" + found.path + "' has no changes"};
  WEIR_ASSIGN(auto reader, change_reader::open(found.path + "/" + last->name()));
  if (reader.head().serial != last->serial)
    return error{errc::store_corrupt, "'" + found.path + "/" + last->name() + "' is another change than its name says"};
  found.serial = last->serial;
  found.newest = reader.head().behind;
  return std::optional(found);
}

} // namespace weir
