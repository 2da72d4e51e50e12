// Ways to bring merged deltas into a base, on the same rows, in transactions of the bounds that the store keeps:
//   in place   the store's own: each changed row is put where it is, in ascending order; twice, the second time into a file
//              with as many free pages as the first left
//   by group   each key group is written anew in order (append the merged rows), its old rows deleted before the next
//   at once    the whole base is written anew in order behind the old one, which is dropped in one unbounded transaction:
//              the least that any rewriting can cost, at the price of a file of twice the size
// Prints time, bytes given to the disk and growth of the file.
//
//   base_bench [rows [percent...]]     rows of the base (default 1,000,000; 20,000,000 are 2.9 GB), changed per cent
#include <fmt/format.h>
#include <sys/stat.h>
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <weir/state/row_key.hpp>
#include <weir/storage/delta_merge.hpp>
#include <weir/storage/job_store.hpp>
#include <weir/storage/lmdb_env.hpp>
#include <weir/storage/records.hpp>

using namespace weir;
using namespace weir::storage_detail;

namespace {

using steady = std::chrono::steady_clock;
constexpr std::uint64_t key_groups = 128;
constexpr std::size_t value_size = 100;
constexpr unsigned checkpoints = 16;
constexpr std::size_t chunk_bytes = std::size_t{4} << 20;
constexpr std::size_t slice_pages = 1024;
constexpr auto slice_time = std::chrono::milliseconds(10);
const participant_id who{"bench", 0};

template <class T>
T must(result<T> r) {
  if (!r) {
    fmt::print(stderr, "{}\n", r.err().message);
    std::exit(1);
  }
  return std::move(*r);
}
void must(const result<>& r) {
  if (!r) {
    fmt::print(stderr, "{}\n", r.err().message);
    std::exit(1);
  }
}
void must(int rc) {
  if (rc != 0)
    must(result<>(lmdb_error(rc, "benchmark")));
}

double seconds_since(steady::time_point t) { return std::chrono::duration<double>(steady::now() - t).count(); }

std::uint64_t bytes_written() {
  std::ifstream io("/proc/self/io");
  std::string name;
  std::uint64_t n = 0;
  while (io >> name >> n)
    if (name == "wchar:")
      return n;
  return 0;
}

/// What a stretch of work cost.
struct meter {
  steady::time_point start = steady::now();
  std::uint64_t written = bytes_written();
  double longest_ms = 0;
  unsigned slices = 0;

  template <class F>
  void slice(F work) {
    auto t = steady::now();
    work();
    longest_ms = std::max(longest_ms, seconds_since(t) * 1e3);
    ++slices;
  }
  void print(const char* name, std::uint64_t changed, double grown_mb) const {
    auto s = seconds_since(start);
    fmt::print(
        "  {:<10} {:>6.2f} s {:>6.2f} M changed rows/s {:>8.0f} MB written {:>7.0f} MB grown {:>6} slices, longest {:.0f} ms\n",
        name, s, static_cast<double>(changed) / s / 1e6, static_cast<double>(bytes_written() - written) / 1e6, grown_mb, slices,
        longest_ms);
    std::fflush(stdout);
  }
};

class world {
 public:
  explicit world(std::uint64_t rows) : rows_(rows) {
    auto pattern = (std::filesystem::temp_directory_path() / "weir-base-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
    options_.directory = root_ + "/job";
    options_.unapplied_limit = std::size_t{1} << 40;
    options_.apply_checkpoints = checkpoints;
    store_ = must(open_job_store(options_));
    must(store_->begin_incarnation());
    // The same directory in the same process is the same environment.
    env_ = must(lmdb_env::open({options_.directory, 0, 0}));
    must(env_->write(commit_kind::durable, [&](MDB_txn* txn) -> result<> {
      base_ = must(lmdb_env::open_dbi(txn, "base", false)).value();
      next_ = must(lmdb_env::open_dbi(txn, "next", true)).value();
      return success();
    }));
  }
  ~world() {
    store_.reset();
    env_.reset();
    std::filesystem::remove_all(root_);
  }
  world(const world&) = delete;

  [[nodiscard]] double file_mb() const {
    struct stat st {};
    ::stat((options_.directory + "/data.mdb").c_str(), &st);
    return static_cast<double>(st.st_size) / 1e6;
  }

  void fill() {
    std::string value(value_size, 'v');
    for (std::uint64_t i = 0; i < rows_;)
      must(env_->write(commit_kind::ordered, [&](MDB_txn* txn) -> result<> {
        for (auto end = std::min(rows_, i + 30'000); i < end; ++i)
          append(txn, base_, key(i), value);
        return success();
      }));
  }

  /// Deltas of `changed` random rows over 16 checkpoints, and one more behind which they may be applied. Returns the distinct
  /// rows.
  std::uint64_t change(std::uint64_t changed, std::mt19937_64& random) {
    std::vector<std::uint64_t> all;
    chunks_.clear();
    for (unsigned c = 0; c < checkpoints; ++c) {
      std::vector<std::uint64_t> mine(changed / checkpoints);
      for (auto& i : mine)
        i = random() % rows_;
      std::sort(mine.begin(), mine.end());
      mine.erase(std::unique(mine.begin(), mine.end()), mine.end());
      delta_chunk_writer w;
      auto flush = [&] {
        chunks_.push_back(w.finish());
        staged_ = must(store_->stage_delta(who, chunks_.back())) + 1;
      };
      for (auto i : mine) {
        w.put(state_kind::value, key(i), std::string(value_size, static_cast<char>('a' + c)));
        if (w.bytes() >= chunk_bytes)
          flush();
      }
      if (w.rows() > 0)
        flush();
      complete();
      all.insert(all.end(), mine.begin(), mine.end());
    }
    complete();
    std::sort(all.begin(), all.end());
    return static_cast<std::uint64_t>(std::unique(all.begin(), all.end()) - all.begin());
  }

  void apply(std::uint64_t changed) {
    auto before = file_mb();
    meter m;
    for (bool more = true; more;)
      m.slice([&] { more = must(store_->apply_slice()).more; });
    m.print("in place", changed, file_mb() - before);
  }

  void rewrite(std::uint64_t changed, bool by_group) {
    auto before = file_mb();
    std::vector<std::string_view> views(chunks_.begin(), chunks_.end());
    auto merge = must(delta_merge::open(views, ""));
    auto row = must(merge.next());
    double appending = 0;
    meter m;
    for (std::uint64_t group = 0; group < key_groups; ++group) {
      std::string prefix, position;
      append_group_prefix(prefix, 1, static_cast<std::uint16_t>(group));
      position = prefix;
      auto start = steady::now();
      for (bool more = true; more;)
        m.slice([&] {
          must(env_->write(commit_kind::ordered, [&](MDB_txn* txn) -> result<> {
            more = append_some(txn, merge, row, prefix, position);
            return success();
          }));
        });
      appending += seconds_since(start);
      for (bool more = by_group; more;)
        m.slice([&] {
          must(env_->write(commit_kind::ordered, [&](MDB_txn* txn) -> result<> {
            more = delete_some(txn, prefix);
            return success();
          }));
        });
    }
    if (!by_group)
      m.slice([&] {
        must(env_->write(commit_kind::ordered, [&](MDB_txn* txn) -> result<> {
          must(mdb_drop(txn, base_, 0));
          return success();
        }));
      });
    m.print(by_group ? "by group" : "at once", changed, file_mb() - before);
    fmt::print("  {:<10} {:>6.2f} s of it appending ({:.1f} M rows/s), the rest deleting the old rows\n", "", appending,
               static_cast<double>(rows_) / appending / 1e6);
  }

 private:
  [[nodiscard]] std::string key(std::uint64_t i) const {
    return value_row_key(1, static_cast<std::uint16_t>(i / (rows_ / key_groups + 1)), fmt::format("customer-{:010}", i));
  }
  void append(MDB_txn* txn, MDB_dbi dbi, std::string_view key, std::string_view value) {
    std::string stored(base_checksum_size, '\0');
    auto sum = base_checksum(key, value);
    std::memcpy(stored.data(), &sum, sizeof sum);
    stored += value;
    auto k = to_val(key), v = to_val(stored);
    must(mdb_put(txn, dbi, &k, &v, MDB_APPEND));
  }
  void complete() {
    checkpoint_manifest m;
    m.number = ++number_;
    m.contributions.push_back({who, "", staged_, 0, false});
    must(store_->complete(m));
  }

  bool append_some(MDB_txn* txn, delta_merge& merge, std::optional<delta_merge::row>& row, const std::string& prefix,
                   std::string& position) {
    MDB_cursor *from = nullptr, *to = nullptr;
    must(mdb_cursor_open(txn, base_, &from));
    must(mdb_cursor_open(txn, next_, &to));
    auto k = to_val(position);
    MDB_val v{};
    int rc = mdb_cursor_get(from, &k, &v, MDB_SET_RANGE);
    std::size_t pages = 0, count = 0;
    std::uintptr_t last = 0;
    auto start = steady::now();
    bool more = false;
    while (rc == 0 && to_view(k).substr(0, prefix.size()) == prefix) {
      if (pages >= slice_pages || (++count % 64 == 0 && steady::now() - start >= slice_time)) {
        position.assign(to_view(k));
        more = true;
        break;
      }
      bool changed = row && row->row_key == to_view(k);
      MDB_val put{changed ? row->value.size() + base_checksum_size : v.mv_size, nullptr};
      must(mdb_cursor_put(to, &k, &put, MDB_RESERVE | MDB_APPEND));
      auto* bytes = static_cast<char*>(put.mv_data);
      if (changed) {
        auto sum = base_checksum(row->row_key, row->value);
        std::memcpy(bytes, &sum, sizeof sum);
        std::memcpy(bytes + base_checksum_size, row->value.data(), row->value.size());
        row = must(merge.next());
      } else {
        std::memcpy(bytes, v.mv_data, v.mv_size);
      }
      auto page = reinterpret_cast<std::uintptr_t>(bytes) / 4096;
      pages += page != last;
      last = page;
      rc = mdb_cursor_get(from, &k, &v, MDB_NEXT);
    }
    mdb_cursor_close(from);
    mdb_cursor_close(to);
    return more;
  }

  bool delete_some(MDB_txn* txn, const std::string& prefix) {
    MDB_cursor* cursor = nullptr;
    must(mdb_cursor_open(txn, base_, &cursor));
    MDB_val k{}, v{};
    std::size_t pages = 0, count = 0;
    std::uintptr_t last = 0;
    auto start = steady::now();
    bool more = false;
    // The group's rows are the first of the old generation.
    while (mdb_cursor_get(cursor, &k, &v, MDB_FIRST) == 0 && to_view(k).substr(0, prefix.size()) == prefix) {
      auto page = reinterpret_cast<std::uintptr_t>(v.mv_data) / 4096;
      pages += page != last;
      last = page;
      if (pages > slice_pages || (++count % 64 == 0 && steady::now() - start >= slice_time)) {
        more = true;
        break;
      }
      must(mdb_cursor_del(cursor, 0));
    }
    mdb_cursor_close(cursor);
    return more;
  }

  std::uint64_t rows_;
  std::string root_;
  job_store_options options_;
  std::unique_ptr<job_store> store_;
  std::shared_ptr<lmdb_env> env_;
  MDB_dbi base_ = 0, next_ = 0;
  std::uint64_t staged_ = 0, number_ = 0;
  std::vector<std::string> chunks_;
};

} // namespace

int main(int argc, char** argv) {
  auto rows = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  std::vector<unsigned> percents;
  for (int i = 2; i < argc; ++i)
    percents.push_back(static_cast<unsigned>(std::strtoul(argv[i], nullptr, 10)));
  if (percents.empty())
    percents = {1, 5, 20, 100};
  if (rows < key_groups) {
    fmt::print(stderr, "base_bench: at least {} rows\n", key_groups);
    return 2;
  }
  for (auto percent : percents)
    for (auto way : {"in place", "by group", "at once"}) {
      // A world for each: the pages that one left free would help the next.
      world w(rows);
      std::mt19937_64 random(percent);
      w.fill();
      auto changed = w.change(rows * percent / 100, random);
      if (way == std::string_view("in place")) {
        fmt::print("{} rows, {:.0f} MB with the deltas, {} rows changed ({:.1f} %)\n", rows, w.file_mb(), changed,
                   100.0 * static_cast<double>(changed) / static_cast<double>(rows));
        w.apply(changed);
        changed = w.change(rows * percent / 100, random);
        w.apply(changed);
      } else {
        w.rewrite(changed, way == std::string_view("by group"));
      }
    }
}
