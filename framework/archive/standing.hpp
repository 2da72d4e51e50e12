#pragma once
#include <cstdint>
#include <optional>
#include <set>
#include <weir/storage/job_store.hpp>

namespace weir {

/// The newest generation that lies in an archive.
struct archived {
  std::string path;
  std::uint64_t writer = 0;   ///< The incarnation it belongs to.
  std::uint64_t serial = 0;   ///< Of its newest change.
  std::uint64_t snapshot = 0; ///< Serial of its newest snapshot.
  change_sink::state newest;  ///< Behind its newest change.
};

/// What a store may do about the copy that it finds.
enum class archive_standing : std::uint8_t {
  begin,        ///< Nothing of use there: a new copy of the whole store.
  go_on,        ///< The copy is what the store is: go on behind it.
  roll_forward, ///< The store is what the copy was: the changes that followed are to be made in it.
  rebuild,      ///< The copy is another's than this store: the store is to be made from it.
};

struct standing_facts {
  std::optional<archived> found;
  /// A change of that generation with the serial number of the store's newest copied one; none: it has no such change.
  struct change {
    change_sink::state behind;
    std::uint64_t sum = 0;
  };
  std::optional<change> same;
  copied_change copied;      ///< job_store::copied.
  change_sink::state newest; ///< Of the store; checkpoint 0: none.
  bool damaged = false;      ///< The store's newest checkpoint cannot be read.
  bool rebuilt = false;      ///< The store was made from this copy just now: what is damaged then is so in the copy.
};
/// Pure. A store is on the copy's chain when the newest change it knows of is one of the chain, bit for bit, and it has not been
/// changed otherwise since.
archive_standing decide_standing(const standing_facts& f);

} // namespace weir
