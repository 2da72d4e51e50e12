#include "actors/nodes/roster.hpp"

namespace weir {

result<std::shared_ptr<void>> roster::reserve(const node_hello& theirs) {
  std::lock_guard lock(mutex_);
  for (auto purpose : {link_purpose::actors, link_purpose::frames}) {
    auto held = places_.find({theirs.node, purpose});
    if (held != places_.end() && held->second != theirs.process)
      return error{errc::not_authorized, "two processes are called \"" + theirs.node +
                                             "\", and the other one is connected (CAF node " + held->second +
                                             "): give one another name, or wait until the other is gone"};
  }
  if (places_.contains({theirs.node, theirs.purpose}))
    return error{errc::not_authorized,
                 "node \"" + theirs.node + "\" has a connection for " + name_of(theirs.purpose) + " already"};
  if (theirs.purpose == link_purpose::frames && !places_.contains({theirs.node, link_purpose::actors}))
    return error{errc::not_authorized, "node \"" + theirs.node + "\" has no connection for actors: that one comes first"};
  key k{theirs.node, theirs.purpose};
  places_.emplace(k, theirs.process);
  return std::shared_ptr<void>(nullptr, [self = shared_from_this(), k](void*) {
    std::lock_guard again(self->mutex_);
    self->places_.erase(k);
  });
}

} // namespace weir
