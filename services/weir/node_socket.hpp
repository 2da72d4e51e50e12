#pragma once
#include <functional>
#include <memory>
#include <string>
#include <weir/core/result.hpp>
#include <weir/net/control_words.hpp>

namespace weir {

/// Where a node takes orders from commands on its own machine: a socket in its store, for its owner only. One order at a time.
class node_socket {
 public:
  /// Listens; a socket that a dead process left is replaced: the caller holds the store's lock. `answer` is called by the
  /// socket's thread and may block. Errors: unavailable, invalid_config (the path is too long for a socket).
  static result<std::unique_ptr<node_socket>> open(const std::string& store,
                                                   std::function<result<std::string>(node_command)> answer);
  virtual ~node_socket() = default; ///< Waits for the order under way.
};

/// Asks the node whose store this is. Blocks, 20 s at most. Errors: unavailable (nobody answers there), those of the answer.
result<std::string> ask_node(const std::string& store, const node_command& c);

} // namespace weir
