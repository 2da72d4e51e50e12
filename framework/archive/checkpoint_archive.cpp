#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <utility>
#include <weir/archive/checkpoint_archive.hpp>
#include <weir/core/clock.hpp>
#include <weir/core/fail_point.hpp>
#include <weir/state/xxh3.hpp>
#include <weir/storage/directories.hpp>

namespace weir {
namespace {

using namespace archive_detail;

/// A snapshot follows when the changes behind the last one have this many bytes, or half of what it has: so all writing to the
/// directory is at most three times that of the changes, and a rebuild reads at most half more than the store.
constexpr std::uint64_t fewest_bytes = std::uint64_t{16} << 20;
/// Or when they are this many files, more where a snapshot costs more.
constexpr std::uint64_t fewest_files = 2000, most_files = 20'000, bytes_per_file = std::uint64_t{32} << 10;

constexpr const char* change_in_work = "changes.tmp";
/// What the first generation goes on from.
constexpr std::string_view no_generation = ".begin";

error replaced(const std::string& path) {
  return {errc::fenced, "another process has taken over the copy of the checkpoints: '" + path + "' is not ours any more"};
}

} // namespace

checkpoint_archive::checkpoint_archive(archive_options o, job_store& store, std::shared_ptr<archive_figures> figures, logger log)
    : options_(std::move(o)), copier_(store.copier()), store_(&store), log_(std::move(log)), figures_(std::move(figures)) {}

checkpoint_archive::~checkpoint_archive() {
  stop_ = true;
  if (beside_.joinable())
    beside_.join();
  if (!named_ && !path_.empty())
    remove_directory(path_);
}

result<std::shared_ptr<checkpoint_archive>> checkpoint_archive::take_over(const archive_options& o, job_store& store,
                                                                          const std::optional<archived>& found,
                                                                          archive_standing standing,
                                                                          std::shared_ptr<archive_figures> figures, logger log) {
  std::shared_ptr<checkpoint_archive> a(new checkpoint_archive(o, store, std::move(figures), std::move(log)));
  auto incarnation = store.incarnation();
  WEIR_ASSIGN(auto random, random_number());
  // Inside of what it goes on from: who comes after us takes that away first, and with it our way to a name.
  const auto from = found ? found->path : o.path() + "/" + std::string(no_generation);
  if (!found)
    WEIR_TRY(storage_detail::make_directories(from));
  auto path = from + "/" + temporary_generation(incarnation, random);
  if (::mkdir(path.c_str(), 0700) != 0)
    return a->unless_replaced(from, file_error(errno, "making '" + path + "'"));
  a->path_ = path;
  WEIR_ASSIGN(a->folder_, open_directory(path));
  if (standing == archive_standing::begin) {
    a->serial_ = std::max(store.copied().serial, found ? found->serial : 0) + 1;
    WEIR_TRY(store.set_copied({a->serial_, 0}));
    WEIR_TRY(a->take_snapshot());
  } else if (auto linked = a->link_chain(*found); !linked) {
    return a->unless_replaced(from, linked.err());
  }
  WEIR_ASSIGN(auto described, store.describe_to(*a));
  WEIR_TRY(a->name_generation(incarnation, found ? found->writer : 0));
  WEIR_TRY(hit(fail_point::copy_taken_over));
  // Only now: a store that knows of a change which nobody finds would have to be made anew.
  WEIR_TRY(store.set_copied(described));
  a->remove_older(incarnation);
  return a;
}

result<> checkpoint_archive::link_chain(const archived& found) {
  WEIR_ASSIGN(auto files, list_files(found.path));
  auto linked = found.snapshot;
  for (const auto& f : files) {
    auto snapshot = f.what == archive_file::kind::snapshot;
    if (snapshot ? f.serial != found.snapshot : f.serial < found.snapshot || f.serial > found.serial)
      continue;
    WEIR_TRY(link_file(found.path + "/" + f.name(), path_ + "/" + f.name()));
    if (snapshot) {
      snapshot_bytes_ = f.size;
      continue;
    }
    if (f.serial > linked + 1)
      return error{errc::store_corrupt,
                   "the copy of the checkpoints in '" + found.path + "' has no change " + std::to_string(linked + 1)};
    linked = f.serial;
    struct stat s {};
    if (f.serial > found.snapshot && ::stat((path_ + "/" + f.name()).c_str(), &s) == 0) {
      since_bytes_ += static_cast<std::uint64_t>(s.st_size);
      ++since_count_;
    }
  }
  if (snapshot_bytes_ == 0 || linked < found.serial)
    return error{errc::store_corrupt, "the copy of the checkpoints in '" + found.path + "' is not whole"};
  serial_ = found.serial;
  return success();
}

error checkpoint_archive::unless_replaced(const std::string& from, error e) const {
  struct stat s {};
  auto gone = ::stat(from.c_str(), &s) != 0 && (errno == ENOENT || errno == ESTALE);
  return gone && ::stat(options_.path().c_str(), &s) == 0 ? replaced(from) : std::move(e);
}

result<> checkpoint_archive::name_generation(std::uint64_t incarnation, std::uint64_t from) {
  auto name = options_.path() + "/" + generation_name(incarnation);
  WEIR_ASSIGN(auto parent, open_directory(options_.path()));
  // Whoever took over since we looked may have published what is not in our chain: we must not hide it behind a higher number,
  // even when we sleep before the rename. He took the name from the folder that ours is in, so that our rename finds nothing.
  WEIR_ASSIGN(auto others, list_generations(options_.path()));
  if (const auto newest = others.empty() ? 0 : others.back(); newest != from || incarnation <= from)
    return replaced(options_.path() + "/" + generation_name(newest));
  WEIR_TRY(hit(fail_point::copy_before_take_over));
  if (std::rename(path_.c_str(), name.c_str()) != 0)
    return unless_replaced(path_, file_error(errno, "naming '" + name + "'"));
  path_ = name;
  named_ = true;
  WEIR_TRY(hit(fail_point::copy_named));
  WEIR_TRY(retire_older(incarnation));
  WEIR_TRY(sync_directory(parent.value(), options_.path()));
  // From here on nobody gets a name from what we went on from. Of two who got one before, the higher goes on; both look only now.
  WEIR_ASSIGN(others, list_generations(options_.path()));
  return !others.empty() && others.back() == incarnation ? success() : replaced(path_);
}

result<> checkpoint_archive::retire_older(std::uint64_t incarnation) const {
  WEIR_ASSIGN(auto names, list_directory(options_.path()));
  WEIR_ASSIGN(auto random, random_number());
  for (const auto& name : names) {
    if (name != no_generation && (name.size() != 16 || name >= generation_name(incarnation)))
      continue;
    auto old = options_.path() + "/" + name;
    auto gone = options_.path() + fmt::format("/.old-{}-{:016x}", name, random);
    if (std::rename(old.c_str(), gone.c_str()) != 0 && errno != ENOENT)
      return file_error(errno, "renaming '" + old + "'");
  }
  return success();
}

void checkpoint_archive::remove_older(std::uint64_t incarnation) {
  auto names = list_directory(options_.path());
  if (!names)
    return;
  auto own = temporary_generation(incarnation, 0).substr(0, 5 + 16);
  for (const auto& name : *names) {
    if (!name.starts_with(".old-") && !(name.starts_with(".new-") && name.substr(0, own.size()) < own))
      continue;
    static_cast<void>(hit(fail_point::copy_deleting));
    remove_directory(options_.path() + "/" + name);
  }
}

result<> checkpoint_archive::check_owned() const {
  struct stat mine {
  }, now{};
  if (::fstat(folder_.value(), &mine) != 0 || ::stat(path_.c_str(), &now) != 0)
    return errno == ENOENT || errno == ESTALE ? replaced(path_) : file_error(errno, "looking at '" + path_ + "'");
  return mine.st_ino == now.st_ino && mine.st_dev == now.st_dev ? success() : replaced(path_);
}

result<> checkpoint_archive::begin(const state& behind) {
  figures_->waiting_since_us = system_clock().monotonic().count();
  return watched(open_change(behind));
}

result<> checkpoint_archive::put(store_part part, std::string_view key, std::string_view value) {
  return watched(writer_.put(part, key, value));
}

result<> checkpoint_archive::remove(store_part part, std::string_view key) { return watched(writer_.remove(part, key)); }

result<copied_change> checkpoint_archive::commit() {
  WEIR_TRY(watched(name_change()));
  figures_->waiting_since_us = 0;
  ++serial_;
  ++figures_->changes;
  figures_->bytes += writer_.bytes();
  {
    std::lock_guard lock(mutex_);
    since_bytes_ += writer_.bytes();
    ++since_count_;
  }
  if (named_ && wants_snapshot())
    snapshot_beside();
  return copied_change{serial_, writer_.sum()};
}

result<> checkpoint_archive::watched(result<> r) {
  if (!r)
    figures_->waiting_since_us = 0;
  return r;
}

result<> checkpoint_archive::open_change(const state& behind) {
  unique_fd file(::openat(folder_.value(), change_in_work, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) {
    auto code = errno;
    WEIR_TRY(check_owned());
    return file_error(code, "making a file in '" + path_ + "'");
  }
  return writer_.begin(std::move(file), {serial_ + 1, behind});
}

result<> checkpoint_archive::name_change() {
  WEIR_TRY(writer_.end());
  WEIR_TRY(hit(fail_point::copy_before_rename));
  archive_file f;
  f.serial = serial_ + 1;
  // A change of this number that failed behind its rename was never made in the store: this one takes its place.
  if (::renameat(folder_.value(), change_in_work, folder_.value(), f.name().c_str()) != 0) {
    auto code = errno;
    WEIR_TRY(check_owned());
    return file_error(code, "naming '" + path_ + "/" + f.name() + "'");
  }
  WEIR_TRY(sync_directory(folder_.value(), path_));
  WEIR_TRY(check_owned());
  return hit(fail_point::copy_after_rename);
}

bool checkpoint_archive::wants_snapshot() {
  std::lock_guard lock(mutex_);
  auto files = std::clamp(fewest_files + snapshot_bytes_ / bytes_per_file, fewest_files, most_files);
  return since_bytes_ >= std::max(fewest_bytes, snapshot_bytes_ / 2) || since_count_ >= files;
}

void checkpoint_archive::snapshot_beside() {
  if (running_.exchange(true))
    return;
  if (beside_.joinable())
    beside_.join();
  beside_ = std::thread([this] {
    // A snapshot that fails is tried again behind the next change; the chain before it is whole.
    if (auto r = take_snapshot(); !r && !stop_)
      log_.warning("no snapshot for the copy of the checkpoints: its chain grows",
                   {{"directory", path_}, {"cause", r.err().message}});
    running_ = false;
  });
}

result<> checkpoint_archive::snapshot_now() {
  if (beside_.joinable())
    beside_.join();
  WEIR_TRY(store_->set_copied({++serial_, 0}));
  WEIR_TRY(take_snapshot());
  WEIR_ASSIGN(auto described, store_->describe_to(*this));
  return store_->set_copied(described);
}

result<> checkpoint_archive::take_snapshot() {
  constexpr const char* name = "snapshot.tmp";
  unique_fd file(::openat(folder_.value(), name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  std::array<int, 2> ends{};
  if (!file || ::pipe2(ends.data(), O_CLOEXEC) != 0)
    return file_error(errno, "making a snapshot in '" + path_ + "'");
  unique_fd from(ends[0]), to(ends[1]);
  // LMDB writes to the pipe, so that the hash is made on the way and an end of the job ends the copy.
  result<> copied = success();
  std::thread source([&copied, &to, copier = copier_] {
    sigset_t broken_pipe;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
    copied = copier(to.value());
    to.reset();
  });
  archive_file f;
  f.what = archive_file::kind::snapshot;
  XXH3_state_t hash;
  XXH3_64bits_reset(&hash);
  std::string buffer(std::size_t{256} << 10, '\0');
  result<> written = success();
  while (written) {
    auto n = ::read(from.value(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      break;
    std::string_view piece(buffer.data(), static_cast<std::size_t>(n));
    XXH3_64bits_update(&hash, piece.data(), piece.size());
    f.size += piece.size();
    written =
        stop_ ? error{errc::cancelled, "the job ends"} : write_all(file.value(), piece, "writing a snapshot in '" + path_ + "'");
  }
  from.reset();
  source.join();
  for (const auto* done : {&written, &copied})
    if (!*done)
      return done->err();
  if (::fsync(file.value()) != 0)
    return file_error(errno, "syncing a snapshot in '" + path_ + "'");
  f.hash = XXH3_64bits_digest(&hash);
  WEIR_ASSIGN(auto holds, copied_in(fmt::format("/proc/self/fd/{}/{}", folder_.value(), name)));
  f.serial = holds.serial;
  WEIR_TRY(hit(fail_point::copy_snapshot_before_rename));
  if (::renameat(folder_.value(), name, folder_.value(), f.name().c_str()) != 0)
    return file_error(errno, "naming '" + path_ + "/" + f.name() + "'");
  WEIR_TRY(sync_directory(folder_.value(), path_));
  WEIR_TRY(hit(fail_point::copy_snapshot_after_rename));
  ++figures_->snapshots;
  figures_->snapshot_bytes += f.size;
  {
    std::lock_guard lock(mutex_);
    snapshot_bytes_ = f.size;
    since_bytes_ = 0;
    since_count_ = 0;
  }
  if (named_)
    forget_before(f.serial);
  return success();
}

void checkpoint_archive::forget_before(std::uint64_t serial) {
  auto files = list_files(path_);
  if (!files)
    return;
  std::uint64_t newest = 0;
  for (const auto& f : *files)
    if (f.what == archive_file::kind::snapshot)
      newest = std::max(newest, f.serial);
  // The newest change stays whatever the snapshot holds: it says which checkpoint the copy is at.
  for (const auto& f : *files)
    if (f.serial < std::min(serial, newest)) {
      ::unlinkat(folder_.value(), f.name().c_str(), 0);
      static_cast<void>(hit(fail_point::copy_deleting));
    }
}

} // namespace weir
