#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <algorithm>
#include <boost/json.hpp>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <weir/archive/checkpoint_archive.hpp>
#include <weir/archive/savepoint.hpp>
#include <weir/checkpoint/fact_names.hpp>
#include <weir/core/clock.hpp>
#include <weir/core/fail_point.hpp>
#include <weir/storage/directories.hpp>

namespace weir {
namespace {

using namespace archive_detail;
namespace json = boost::json;

constexpr std::int64_t format = 1;
constexpr const char* description = "savepoint.json";
constexpr const char* store_file = "data.mdb";
constexpr std::size_t longest_name = 64;
/// A copy whose owner works on changes while it is read.
constexpr int tries_of_copy = 10;

result<> check_name(const std::string& name) {
  const auto good = !name.empty() && name.size() <= longest_name && name.front() != '.' &&
                    std::all_of(name.begin(), name.end(),
                                [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.'; });
  return good ? success()
              : error{errc::invalid_argument, "'" + name + "' is no name for a savepoint: 1 to " + std::to_string(longest_name) +
                                                  " of A-Z, a-z, 0-9, '-', '_', '.', not beginning with '.'"};
}

std::string file_of(const std::string& folder, const savepoint_part& p) { return folder + "/" + p.service + "/" + store_file; }

/// The newest complete checkpoint of the running or resting store, as a file of its own.
result<> copy_running(const savepoint_source& s, const std::string& to) {
  unique_fd file(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file)
    return file_error(errno, "making '" + to + "'");
  WEIR_TRY(copy_store(s.store, file.value()));
  return ::fsync(file.value()) == 0 ? success() : file_error(errno, "syncing '" + to + "'");
}

result<> copy_copies(const savepoint_source& s, const std::string& folder) {
  const archive_options at{s.copies, s.name_space, s.service};
  for (int tries = 1;; ++tries) {
    WEIR_ASSIGN(auto found, look_into_archive(at));
    if (!found)
      return error{errc::not_found, "service '" + s.service + "' has no copies of checkpoints in '" + at.path() + "'"};
    auto made = s.store;
    made.directory = folder;
    auto rebuilt = rebuild_from_archive(*found, made);
    if (rebuilt || rebuilt.err().code != errc::unavailable || tries == tries_of_copy)
      return rebuilt;
  }
}

result<savepoint_part> copy_part(const savepoint_source& s, const std::string& folder) {
  const auto own = folder + "/" + s.service;
  WEIR_TRY(storage_detail::make_directories(own));
  const auto file = own + "/" + store_file;
  WEIR_TRY(s.copies.empty() ? copy_running(s, file) : copy_copies(s, own));
  auto look = s.store;
  look.directory = own;
  WEIR_ASSIGN(auto listed, list_store(look));
  if (!listed || listed->checkpoints.empty())
    return error{errc::not_found, "service '" + s.service + "' has no complete checkpoint yet"};
  // What a look into it leaves.
  ::unlink((own + "/lock.mdb").c_str());
  WEIR_ASSIGN(auto sum, sum_file(file));
  WEIR_ASSIGN(auto fd, open_directory(own));
  WEIR_TRY(sync_directory(fd.value(), own));
  const auto& newest = listed->checkpoints.front();
  return savepoint_part{s.service, s.name_space, listed->lineage.text(), newest.number, newest.completed_at_us,
                        sum.size,  sum.hash};
}

result<> write_description(const savepoint& s, const std::string& folder) {
  json::array parts;
  for (const auto& p : s.parts)
    parts.push_back(json::object{{"service", p.service},
                                 {"namespace", p.name_space},
                                 {"lineage", p.lineage},
                                 {"checkpoint", p.checkpoint},
                                 {"completed_at_us", p.completed_at_us},
                                 {"size", p.size},
                                 {"xxh3", fmt::format("{:016x}", p.hash)}});
  const auto text = json::serialize(
      json::object{{"format", format}, {"release", s.release}, {"taken_at_us", s.taken_at_us}, {"services", parts}});
  const auto path = folder + "/" + description;
  unique_fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file)
    return file_error(errno, "making '" + path + "'");
  WEIR_TRY(write_all(file.value(), text + "\n", "writing '" + path + "'"));
  return ::fsync(file.value()) == 0 ? success() : file_error(errno, "syncing '" + path + "'");
}

result<savepoint> make(const std::string& directory, const std::string& name, const std::string& folder,
                       const std::string& release, const std::vector<savepoint_source>& from) {
  savepoint s{name, directory + "/" + name, system_clock().now().us, release, {}};
  for (const auto& source : from) {
    WEIR_ASSIGN(auto part, copy_part(source, folder));
    s.parts.push_back(std::move(part));
  }
  WEIR_TRY(write_description(s, folder));
  WEIR_ASSIGN(auto inside, open_directory(folder));
  WEIR_TRY(sync_directory(inside.value(), folder));
  WEIR_TRY(hit(fail_point::savepoint_before_rename));
  if (std::rename(folder.c_str(), s.path.c_str()) != 0)
    return errno == ENOTEMPTY || errno == EEXIST
               ? error{errc::already_exists, "there is a savepoint '" + name + "' already in '" + directory + "'"}
               : file_error(errno, "naming '" + s.path + "'");
  WEIR_ASSIGN(auto fd, open_directory(directory));
  WEIR_TRY(sync_directory(fd.value(), directory));
  return s;
}

savepoint_part part_of(const json::object& o) {
  savepoint_part p;
  auto text = [&o](const char* name) { return std::string(o.at(name).as_string()); };
  p.service = text("service");
  p.name_space = text("namespace");
  p.lineage = text("lineage");
  p.checkpoint = o.at("checkpoint").to_number<std::uint64_t>();
  p.completed_at_us = o.at("completed_at_us").to_number<std::int64_t>();
  p.size = o.at("size").to_number<std::uint64_t>();
  const auto hash = text("xxh3");
  const auto* end = hash.data() + hash.size();
  if (hash.size() != 16 || std::from_chars(hash.data(), end, p.hash, 16) != std::from_chars_result{end, std::errc{}})
    throw std::invalid_argument("'xxh3' is no 16 hex digits");
  if (!check_name(p.service))
    throw std::invalid_argument("'service' is no name");
  return p;
}

} // namespace

result<savepoint> create_savepoint(const std::string& directory, const std::string& name, const std::string& release,
                                   const std::vector<savepoint_source>& from) {
  WEIR_TRY(check_name(name));
  if (from.empty())
    return error{errc::invalid_argument, "a savepoint of no service"};
  WEIR_TRY(storage_detail::make_directories(directory));
  if (::access((directory + "/" + name).c_str(), F_OK) == 0)
    return error{errc::already_exists, "there is a savepoint '" + name + "' already in '" + directory + "'"};
  WEIR_ASSIGN(auto random, random_number());
  const auto folder = directory + fmt::format("/.new-{}-{:016x}", name, random);
  WEIR_TRY(storage_detail::make_directories(folder));
  auto made = make(directory, name, folder, release, from);
  if (!made)
    remove_directory(folder);
  return made;
}

result<savepoint> read_savepoint(const std::string& directory, const std::string& name) {
  WEIR_TRY(check_name(name));
  savepoint s{name, directory + "/" + name, 0, "", {}};
  const auto path = s.path + "/" + description;
  auto text = read_text(path);
  if (!text && text.err().code == errc::not_found)
    return error{errc::not_found, "there is no savepoint '" + name + "' in '" + directory + "'"};
  if (!text)
    return text.err();
  try {
    const auto all = json::parse(*text);
    const auto& o = all.as_object();
    const auto written = o.at("format").to_number<std::int64_t>();
    if (written != format)
      return error{errc::incompatible, "'" + path + "' has format " + std::to_string(written) + ", this release reads " +
                                           std::to_string(format) + ": use the release that wrote it or a newer one"};
    s.release = std::string(o.at("release").as_string());
    s.taken_at_us = o.at("taken_at_us").to_number<std::int64_t>();
    for (const auto& p : o.at("services").as_array())
      s.parts.push_back(part_of(p.as_object()));
  } catch (const std::exception& e) {
    return error{errc::store_corrupt, "'" + path + "' does not describe a savepoint: " + e.what()};
  }
  return s;
}

result<> verify_savepoint(const savepoint& s) {
  for (const auto& p : s.parts) {
    const auto file = file_of(s.path, p);
    auto sum = sum_file(file);
    if (!sum && sum.err().code == errc::not_found)
      return error{errc::store_corrupt, "'" + file + "' is missing"};
    if (!sum)
      return sum.err();
    if (sum->size != p.size || sum->hash != p.hash)
      return error{errc::store_corrupt, "'" + file + "' is damaged: its size or checksum is not what '" + description + "' says"};
  }
  return success();
}

result<std::vector<std::string>> list_savepoints(const std::string& directory) {
  auto names = list_directory(directory);
  if (!names && names.err().code == errc::not_found)
    return std::vector<std::string>{};
  if (!names)
    return names.err();
  std::erase_if(*names, [&](const std::string& n) {
    return !check_name(n) || ::access((directory + "/" + n + "/" + description).c_str(), F_OK) != 0;
  });
  std::sort(names->begin(), names->end());
  return names;
}

namespace {

/// The store of the savepoint, in a lineage of its own and above every incarnation that the copies know.
result<> renew(job_store& store, const std::optional<archived>& found) {
  const auto lineage = store.lineage();
  WEIR_TRY(store.new_lineage());
  WEIR_TRY(store.set_fact(savepoint_fact, {reinterpret_cast<const char*>(lineage.bytes.data()), lineage.bytes.size()}));
  // Of the store of before: ids under other names than this job's, and who has written markers.
  for (const auto* of_before : {ids_fact, marked_fact, incarnations_fact})
    WEIR_TRY(store.set_fact(of_before, ""));
  do
    WEIR_TRY(store.begin_incarnation());
  while (found && store.incarnation() <= found->writer);
  return success();
}

result<> prepare(const savepoint_target& to, const job_store_options& options, const logger& log) {
  WEIR_ASSIGN(auto store, open_job_store(options));
  const archive_options at{to.copies, to.name_space, to.service};
  std::optional<archived> found;
  if (!to.copies.empty()) {
    WEIR_ASSIGN(found, look_into_archive(at));
  }
  WEIR_TRY(renew(*store, found));
  if (to.copies.empty())
    return success();
  WEIR_ASSIGN(auto copy, checkpoint_archive::take_over(at, *store, found, archive_standing::begin,
                                                       std::make_shared<archive_figures>(), log));
  return success();
}

} // namespace

result<> start_from_savepoint(const savepoint& s, const savepoint_part& part, const savepoint_target& to, const logger& log) {
  const auto here = !to.store.directory.empty();
  WEIR_ASSIGN(auto random, random_number());
  const auto work = here ? to.store.directory + ".savepoint" : to.copies + fmt::format("/.savepoint-{:016x}", random);
  remove_directory(work);
  WEIR_TRY(storage_detail::make_directories(work));
  auto done = [&]() -> result<> {
    WEIR_TRY(fetch_file(file_of(s.path, part), {part.size, part.hash}, work + "/" + store_file));
    auto options = to.store;
    options.directory = work;
    options.job = to.service;
    WEIR_TRY(prepare(to, options, log));
    WEIR_TRY(hit(fail_point::savepoint_store_made));
    return here ? put_in_place(work, to.store.directory) : success();
  }();
  remove_directory(work);
  if (!done)
    return done;
  return hit(fail_point::savepoint_store_replaced);
}

} // namespace weir
