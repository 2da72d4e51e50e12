#include <weir/archive/archive_files.hpp>
#include <weir/archive/change_file.hpp>
#include <weir/core/fail_point.hpp>
#include <weir/storage/directories.hpp>

namespace weir {
namespace {

using namespace archive_detail;

/// All changes behind what the store has, in their order.
result<> make_changes(const archived& copy, const std::vector<archive_file>& files, store_rebuild& store,
                      const go_on_function& go_on) {
  auto next = store.copied().serial + 1;
  for (const auto& f : files) {
    if (f.what != archive_file::kind::changes || f.serial < next || f.serial > copy.serial)
      continue;
    if (f.serial != next)
      break;
    if (go_on)
      WEIR_TRY(go_on());
    WEIR_ASSIGN(auto reader, change_reader::open(copy.path + "/" + f.name()));
    WEIR_ASSIGN(auto sum, reader.sum());
    WEIR_TRY(store.change([&reader] { return reader.next(); }, [&] { return copied_change{f.serial, sum}; }));
    WEIR_TRY(hit(fail_point::copy_change_made));
    ++next;
  }
  if (next <= copy.serial)
    return error{errc::store_corrupt, "the copy of the checkpoints in '" + copy.path + "' has no change " + std::to_string(next)};
  return success();
}

/// Merges what came with the changes into the base, when it is more than a start should hold in memory.
result<> merge(const job_store_options& options, const go_on_function& go_on) {
  WEIR_ASSIGN(auto store, open_job_store(options));
  WEIR_ASSIGN(auto stats, store->stats());
  if (stats.unapplied_bytes <= options.apply_bytes)
    return success();
  store->hurry(true);
  for (bool more = true; more;) {
    if (go_on)
      WEIR_TRY(go_on());
    WEIR_ASSIGN(auto progress, store->apply_slice());
    more = progress.more;
  }
  return success();
}

result<> rebuild(const archived& copy, const job_store_options& store, const std::string& work, const go_on_function& go_on) {
  WEIR_ASSIGN(auto files, list_files(copy.path));
  std::optional<archive_file> snapshot;
  for (const auto& f : files)
    if (f.what == archive_file::kind::snapshot && f.serial == copy.snapshot)
      snapshot = f;
  if (!snapshot)
    return error{errc::store_corrupt, "the copy of the checkpoints in '" + copy.path + "' has no snapshot"};
  remove_directory(work);
  WEIR_TRY(storage_detail::make_directories(work));
  WEIR_TRY(fetch_file(copy.path + "/" + snapshot->name(), {snapshot->size, snapshot->hash}, work + "/data.mdb", go_on));
  auto options = store;
  options.directory = work;
  options.unsynced = true;
  {
    WEIR_ASSIGN(auto target, rebuild_store(options));
    if (target->copied().serial != copy.snapshot)
      return error{errc::store_corrupt,
                   "the copy of the store '" + copy.path + "/" + snapshot->name() + "' is another than its name says"};
    WEIR_TRY(make_changes(copy, files, *target, go_on));
  }
  WEIR_TRY(merge(options, go_on));
  WEIR_TRY(hit(fail_point::copy_rebuilt));
  WEIR_TRY(put_in_place(work, store.directory));
  remove_directory(work);
  return hit(fail_point::copy_store_replaced);
}

} // namespace

namespace {

/// Its owner goes on meanwhile and removes what a newer snapshot replaces.
result<> unless_changed(const result<>& done) {
  if (!done && done.err().code == errc::not_found)
    return error{errc::unavailable, "the copy of the checkpoints changed while it was read: " + done.err().message};
  return done;
}

} // namespace

result<> rebuild_from_archive(const archived& copy, const job_store_options& store, const go_on_function& go_on) {
  return unless_changed(rebuild(copy, store, store.directory + ".rebuild", go_on));
}

result<> roll_forward(const archived& copy, const job_store_options& store, const go_on_function& go_on) {
  auto files = list_files(copy.path);
  if (!files)
    return unless_changed(files.err());
  {
    WEIR_ASSIGN(auto target, rebuild_store(store));
    WEIR_TRY(unless_changed(make_changes(copy, *files, *target, go_on)));
  }
  return merge(store, go_on);
}

namespace {

result<std::uint64_t> warm_up_once(const archive_options& o, const job_store_options& store, const go_on_function& go_on) {
  WEIR_ASSIGN(auto found, look_into_archive(o));
  if (!found)
    return std::uint64_t{0};
  standing_facts facts;
  {
    WEIR_ASSIGN(auto open, open_job_store(store));
    WEIR_ASSIGN(facts, look_at_standing(o, *open));
  }
  auto standing = decide_standing(facts);
  if (standing == archive_standing::rebuild)
    WEIR_TRY(rebuild_from_archive(*facts.found, store, go_on));
  if (standing == archive_standing::roll_forward)
    WEIR_TRY(roll_forward(*facts.found, store, go_on));
  auto behind = standing == archive_standing::go_on || standing == archive_standing::begin;
  return behind ? facts.newest.checkpoint : facts.found->newest.checkpoint;
}

} // namespace

result<std::uint64_t> warm_up(const archive_options& o, const job_store_options& store, const go_on_function& go_on) {
  auto done = warm_up_once(o, store, go_on);
  if (!done)
    return unless_changed(done.err()).err();
  return done;
}

} // namespace weir
