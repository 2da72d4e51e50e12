#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <weir/net/hello.hpp>

namespace weir {

/// Which nodes hold which connections to us: one of each purpose per name. Any thread.
class roster : public std::enable_shared_from_this<roster> {
 public:
  /// A place for the connection; it is free again when the last copy of the answer is gone. Errors: not_authorized, with a
  /// sentence for both ends: another process of this name is connected; frames without a connection for actors of the same
  /// process.
  result<std::shared_ptr<void>> reserve(const node_hello& theirs);

 private:
  using key = std::pair<std::string, link_purpose>;
  std::mutex mutex_;
  std::map<key, std::string> places_; ///< To the CAF node id that holds it.
};

} // namespace weir
