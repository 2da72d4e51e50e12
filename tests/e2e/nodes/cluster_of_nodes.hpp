#pragma once
#include <boost/json.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/e2e/process.hpp"
#include "tests/e2e/world.hpp"

namespace weir::e2e {

/// Processes of `weir node` that are one cluster on a Kafka broker, over loopback. Everything throws std::runtime_error, with
/// what the nodes said last, when it fails or takes too long.
class cluster_of_nodes {
 public:
  /// Files in `folder`; `environment` is that of each node.
  cluster_of_nodes(std::filesystem::path weir, std::filesystem::path folder, const std::string& brokers, const std::string& name,
                   std::vector<std::string> nodes, std::map<std::string, std::string> environment);

  void start(const std::string& node);
  /// SIGKILL; returns when it is gone.
  void kill(const std::string& node);
  /// SIGTERM; it must end in an orderly way.
  void stop(const std::string& node);
  /// `weir cluster ...`, said to a node that runs, again until it works.
  void order(std::vector<std::string> words) const;
  /// What a node that runs knows; null while none answers.
  [[nodiscard]] boost::json::value status() const;
  [[nodiscard]] boost::json::value status_of(const std::string& node) const;
  /// Asks between services that were answered, by what all running nodes say.
  [[nodiscard]] std::uint64_t answered_asks() const;
  void wait_until(const char* what, const std::function<bool()>& condition) const;

  [[nodiscard]] std::string leader() const;
  /// By service, the node where it is in phase running.
  [[nodiscard]] std::map<std::string, std::string> running() const;
  [[nodiscard]] const std::filesystem::path& shared() const { return shared_; }

 private:
  [[nodiscard]] std::filesystem::path file(const std::string& node) const { return folder_ / (node + ".json"); }
  [[nodiscard]] std::string said() const;
  [[nodiscard]] bool ask_node(const std::string& node, const std::vector<std::string>& words,
                              const std::filesystem::path& output) const;
  [[nodiscard]] bool try_order(const std::vector<std::string>& words, const std::filesystem::path& output) const;

  std::filesystem::path weir_, folder_, shared_;
  std::map<std::string, std::string> environment_;
  std::vector<std::string> names_;
  std::map<std::string, std::unique_ptr<process>> nodes_; ///< Those that run.
};

} // namespace weir::e2e
