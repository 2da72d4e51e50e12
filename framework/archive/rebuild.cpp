#include <weir/archive/archive_files.hpp>
#include <weir/archive/change_file.hpp>
#include <weir/core/fail_point.hpp>
#include <weir/storage/directories.hpp>

namespace weir {
namespace {

using namespace archive_detail;

/// What it means that a file is not there which change `serial` needs: damage, or (not_found) that a newer snapshot has replaced
/// it since the copy was looked at.
error missing(const archived& copy, std::uint64_t serial, const std::string& what) {
  auto files = list_files(copy.path);
  if (!files)
    return files.err();
  for (const auto& f : *files)
    if (f.what == archive_file::kind::snapshot && f.serial > copy.snapshot && f.serial >= serial)
      return {errc::not_found, "a newer snapshot has replaced it: " + what};
  return {errc::store_corrupt, what};
}

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
    return missing(copy, next, "the copy of the checkpoints in '" + copy.path + "' has no change " + std::to_string(next));
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

result<> rebuild_in(const std::string& work, const archived& copy, const job_store_options& store, const go_on_function& go_on) {
  WEIR_ASSIGN(auto files, list_files(copy.path));
  std::optional<archive_file> snapshot;
  for (const auto& f : files)
    if (f.what == archive_file::kind::snapshot && f.serial == copy.snapshot)
      snapshot = f;
  if (!snapshot)
    return missing(copy, copy.snapshot, "the copy of the checkpoints in '" + copy.path + "' has no snapshot");
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
  return put_in_place(work, store.directory);
}

result<> rebuild(const archived& copy, const job_store_options& store, const go_on_function& go_on) {
  const auto work = store.directory + ".rebuild";
  auto made = rebuild_in(work, copy, store, go_on);
  remove_directory(work); // As large as the store, and of no use to the next try.
  return made ? hit(fail_point::copy_store_replaced) : made;
}

result<> roll(const archived& copy, const job_store_options& store, const go_on_function& go_on) {
  WEIR_ASSIGN(auto files, list_files(copy.path));
  {
    WEIR_ASSIGN(auto target, rebuild_store(store));
    WEIR_TRY(make_changes(copy, files, *target, go_on));
  }
  return merge(store, go_on);
}

/// Its owner goes on meanwhile and removes what a newer snapshot replaces.
result<> unless_changed(const result<>& done) {
  if (!done && done.err().code == errc::not_found)
    return error{errc::unavailable, "the copy of the checkpoints changed while it was read: " + done.err().message};
  return done;
}

} // namespace

result<> rebuild_from_archive(const archived& copy, const job_store_options& store, const go_on_function& go_on) {
  return unless_changed(rebuild(copy, store, go_on));
}

result<> roll_forward(const archived& copy, const job_store_options& store, const go_on_function& go_on) {
  return unless_changed(roll(copy, store, go_on));
}

namespace {

result<std::uint64_t> warm_up_once(const archive_options& o, const job_store_options& store, warm_up_state& state,
                                   const go_on_function& go_on) {
  WEIR_ASSIGN(auto found, look_into_archive(o));
  if (!found)
    return std::uint64_t{0};
  if (state.done && state.done->path == found->path && state.done->serial == found->serial)
    return found->newest.checkpoint;
  standing_facts facts;
  {
    WEIR_ASSIGN(auto open, open_job_store(store));
    WEIR_ASSIGN(facts, look_at_standing(o, *open));
  }
  facts.rebuilt = state.rebuilt;
  switch (decide_standing(facts)) {
    case archive_standing::begin: // Of use there is nothing in the copy; a start will say so.
      return facts.newest.checkpoint;
    case archive_standing::go_on:
      break;
    case archive_standing::roll_forward:
      WEIR_TRY(roll(*facts.found, store, go_on));
      break;
    case archive_standing::rebuild:
      state.done.reset();
      WEIR_TRY(rebuild(*facts.found, store, go_on));
      state.rebuilt = true;
      break;
  }
  state.done = facts.found;
  return facts.found->newest.checkpoint;
}

} // namespace

result<std::uint64_t> warm_up(const archive_options& o, const job_store_options& store, warm_up_state& state,
                              const go_on_function& go_on) {
  auto done = warm_up_once(o, store, state, go_on);
  if (!done && done.err().code == errc::not_found)
    return std::uint64_t{0};
  return done;
}

} // namespace weir
