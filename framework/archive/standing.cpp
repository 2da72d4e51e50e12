#include <weir/archive/standing.hpp>

namespace weir {

archive_standing decide_standing(const standing_facts& f) {
  if (!f.found)
    return archive_standing::begin;
  if (f.found->newest.lineage != f.newest.lineage || !f.same || f.same->sum != f.copied.sum)
    return archive_standing::rebuild;
  if (f.damaged && !f.rebuilt)
    return archive_standing::rebuild;
  auto ahead = f.copied.serial < f.found->serial;
  // The store was written without a copy for a while, or went back on purpose. Where others went on meanwhile, theirs counts.
  if (f.same->behind.checkpoint != f.newest.checkpoint || f.same->behind.incarnation != f.newest.incarnation)
    return ahead ? archive_standing::rebuild : archive_standing::begin;
  return ahead ? archive_standing::roll_forward : archive_standing::go_on;
}

} // namespace weir
