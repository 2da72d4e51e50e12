#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <weir/archive/change_file.hpp>
#include <weir/core/fail_point.hpp>
#include <weir/record/bytes.hpp>
#include <weir/state/xxh3.hpp>

namespace weir {
namespace {

constexpr std::string_view magic = "WEIRCHG1";
constexpr std::size_t buffer_bytes = std::size_t{1} << 20;
constexpr char put_tag = 1, remove_tag = 2, end_tag = 0;
constexpr std::size_t checksum_bytes = 8;

/// XXH3-64 over bytes that come in pieces.
struct running_hash {
  running_hash() { XXH3_64bits_reset(&state); }
  void add(std::string_view bytes) { XXH3_64bits_update(&state, bytes.data(), bytes.size()); }
  [[nodiscard]] std::uint64_t value() const { return XXH3_64bits_digest(&state); }
  XXH3_state_t state{};
};

} // namespace

struct change_writer::hash : running_hash {};
struct change_reader::hash : running_hash {};

error file_error(int code, const std::string& what) {
  auto kind = errc::unavailable;
  if (code == EEXIST || code == ENOTEMPTY)
    kind = errc::already_exists;
  else if (code == ENOENT || code == ESTALE)
    kind = errc::not_found;
  else if (code == ENOSPC || code == EDQUOT)
    kind = errc::store_full;
  return {kind, what + ": " + std::strerror(code)};
}

result<> write_all(int fd, std::string_view bytes, const std::string& what) {
  while (!bytes.empty()) {
    auto n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return file_error(n < 0 ? errno : EIO, what);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return success();
}

result<> change_writer::begin(unique_fd file, const change_head& head) {
  file_ = std::move(file);
  buffer_.clear();
  bytes_ = 0;
  hash_ = std::make_shared<hash>();
  std::string out(magic);
  byte_writer w(out);
  w.varint(head.serial);
  out.append(reinterpret_cast<const char*>(head.behind.lineage.bytes.data()), head.behind.lineage.bytes.size());
  w.varint(head.behind.checkpoint);
  w.varint(head.behind.incarnation);
  return write(out);
}

result<> change_writer::row(char tag, store_part part, std::string_view key, std::optional<std::string_view> value) {
  std::string out;
  out.push_back(tag);
  out.push_back(static_cast<char>(part));
  byte_writer w(out);
  w.varint(key.size());
  out += key;
  if (value)
    w.varint(value->size());
  WEIR_TRY(write(out));
  return value ? write(*value) : success();
}

result<> change_writer::put(store_part part, std::string_view key, std::string_view value) {
  return row(put_tag, part, key, value);
}

result<> change_writer::remove(store_part part, std::string_view key) { return row(remove_tag, part, key, std::nullopt); }

result<> change_writer::write(std::string_view bytes) {
  hash_->add(bytes);
  bytes_ += bytes.size();
  if (bytes.size() >= buffer_bytes) {
    WEIR_TRY(flush());
    return write_all(file_.value(), bytes, "writing a copy of a checkpoint");
  }
  buffer_ += bytes;
  return buffer_.size() >= buffer_bytes ? flush() : success();
}

result<> change_writer::flush() {
  auto r = write_all(file_.value(), buffer_, "writing a copy of a checkpoint");
  buffer_.clear();
  return r;
}

result<> change_writer::end() {
  WEIR_TRY(write(std::string_view(&end_tag, 1)));
  WEIR_TRY(flush());
  WEIR_TRY(hit(fail_point::copy_writing));
  sum_ = hash_->value();
  byte_writer(buffer_).u64(sum_);
  bytes_ += checksum_bytes;
  WEIR_TRY(flush());
  if (::fsync(file_.value()) != 0)
    return file_error(errno, "syncing a copy of a checkpoint");
  file_.reset();
  return success();
}

error change_reader::corrupt(const std::string& what) const {
  return {errc::store_corrupt, "the copy of a checkpoint '" + path_ + "' is damaged: " + what};
}

result<change_reader> change_reader::open(const std::string& path) {
  change_reader r;
  r.path_ = path;
  r.file_.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat s {};
  if (!r.file_ || ::fstat(r.file_.value(), &s) != 0)
    return file_error(errno, "opening '" + path + "'");
  r.left_ = static_cast<std::uint64_t>(s.st_size);
  r.hash_ = std::make_shared<hash>();
  WEIR_ASSIGN(auto begin, r.bytes(magic.size()));
  if (begin.substr(0, 7) == magic.substr(0, 7) && begin != magic)
    return error{errc::incompatible, "'" + path + "' was written by a newer release"};
  if (begin != magic)
    return r.corrupt("it does not begin as one");
  WEIR_ASSIGN(r.head_.serial, r.varint());
  WEIR_ASSIGN(auto lineage, r.bytes(r.head_.behind.lineage.bytes.size()));
  std::memcpy(r.head_.behind.lineage.bytes.data(), lineage.data(), lineage.size());
  WEIR_ASSIGN(r.head_.behind.checkpoint, r.varint());
  WEIR_ASSIGN(r.head_.behind.incarnation, r.varint());
  return r;
}

result<std::uint64_t> change_reader::sum() const {
  struct stat s {};
  std::array<char, checksum_bytes> bytes{};
  if (::fstat(file_.value(), &s) != 0)
    return file_error(errno, "looking at '" + path_ + "'");
  if (s.st_size < static_cast<off_t>(bytes.size()) ||
      ::pread(file_.value(), bytes.data(), bytes.size(), s.st_size - static_cast<off_t>(bytes.size())) !=
          static_cast<ssize_t>(bytes.size()))
    return corrupt("it ends too early");
  return byte_reader({bytes.data(), bytes.size()}).u64();
}

result<> change_reader::fill(std::size_t at_least) {
  if (buffer_.size() - at_ >= at_least)
    return success();
  buffer_.erase(0, at_);
  at_ = 0;
  while (buffer_.size() < at_least) {
    if (left_ == 0)
      return corrupt("it ends too early");
    auto old = buffer_.size();
    auto want = static_cast<std::size_t>(std::min<std::uint64_t>(std::max(at_least - old, buffer_bytes), left_));
    buffer_.resize(old + want);
    auto n = ::read(file_.value(), buffer_.data() + old, want);
    if (n < 0 && errno != EINTR)
      return file_error(errno, "reading '" + path_ + "'");
    if (n == 0)
      return corrupt("it ends too early");
    auto got = static_cast<std::size_t>(std::max<ssize_t>(n, 0));
    buffer_.resize(old + got);
    left_ -= got;
  }
  return success();
}

result<std::string> change_reader::bytes(std::uint64_t count) {
  // A length beyond the file allocates nothing.
  if (count > left_ + (buffer_.size() - at_))
    return corrupt("it ends too early");
  auto n = static_cast<std::size_t>(count);
  WEIR_TRY(fill(n));
  auto out = buffer_.substr(at_, n);
  at_ += n;
  hash_->add(out);
  return out;
}

result<std::uint64_t> change_reader::varint() {
  std::string out;
  do {
    WEIR_ASSIGN(auto one, bytes(1));
    out += one;
  } while ((static_cast<unsigned char>(out.back()) & 0x80) != 0 && out.size() < 10);
  byte_reader in(out);
  auto n = in.varint();
  if (!in.done())
    return corrupt("a malformed number");
  return n;
}

result<std::optional<store_rebuild::row>> change_reader::next() {
  WEIR_ASSIGN(auto tag, bytes(1));
  if (tag.front() == end_tag) {
    auto expected = hash_->value();
    WEIR_ASSIGN(auto sum, bytes(checksum_bytes));
    if (byte_reader(sum).u64() != expected || left_ != 0 || at_ != buffer_.size())
      return corrupt("its checksum is wrong");
    return std::optional<store_rebuild::row>();
  }
  if (tag.front() != put_tag && tag.front() != remove_tag)
    return corrupt("an unknown kind of row");
  store_rebuild::row r;
  r.removed = tag.front() == remove_tag;
  WEIR_ASSIGN(auto part, bytes(1));
  constexpr std::array parts{store_part::meta,  store_part::fact,  store_part::manifest,
                             store_part::delta, store_part::epoch, store_part::outbox};
  r.part = static_cast<store_part>(part.front());
  if (std::find(parts.begin(), parts.end(), r.part) == parts.end())
    return corrupt("an unknown part of a store");
  WEIR_ASSIGN(auto key_size, varint());
  WEIR_ASSIGN(r.key, bytes(key_size));
  if (!r.removed) {
    WEIR_ASSIGN(auto value_size, varint());
    WEIR_ASSIGN(r.value, bytes(value_size));
  }
  return std::optional(std::move(r));
}

} // namespace weir
