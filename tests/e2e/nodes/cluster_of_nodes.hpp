#pragma once
#include <boost/json.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/e2e/process.hpp"
#include "tests/e2e/scene.hpp"
#include "tests/e2e/world.hpp"

namespace weir::e2e {

/// A copy `to` of a services file, in which the services of the scene that can be divided have so many shards; with one, the
/// file.
std::filesystem::path with_shards(const std::filesystem::path& file, const scene& s, unsigned shards,
                                  const std::filesystem::path& to);

/// Processes of `weir node` that are one cluster on a Kafka broker. Everything throws std::runtime_error, with
/// what the nodes said last, when it fails or takes too long.
class cluster_of_nodes {
 public:
  /// Where a node is: not on loopback it has a certificate.
  struct place {
    std::string address = "127.0.0.1";
    std::vector<int> namespaces = {}; ///< Of its processes.
  };

  /// Files in `folder`; `environment` is that of each node.
  cluster_of_nodes(std::filesystem::path weir, std::filesystem::path folder, const std::string& brokers, const std::string& name,
                   std::vector<std::string> nodes, std::map<std::string, std::string> environment,
                   const std::map<std::string, place>& places = {});

  /// With these added to its environment.
  void start(const std::string& node, const std::map<std::string, std::string>& more = {});
  /// SIGKILL; returns when it is gone.
  void kill(const std::string& node);
  /// SIGTERM; it must end in an orderly way.
  void stop(const std::string& node);
  /// SIGSTOP and SIGCONT. A frozen node is asked nothing.
  void freeze(const std::string& node);
  void thaw(const std::string& node);
  /// Whether it is stopped, by whatever.
  [[nodiscard]] bool is_stopped(const std::string& node) const;
  /// How a process ended that nobody ended from here; the node counts as not running from then on.
  [[nodiscard]] std::optional<process_end> ended(const std::string& node);
  [[nodiscard]] bool runs(const std::string& node) const { return nodes_.count(node) > 0; }
  /// `weir cluster ...`, said to a node that runs, again until it works.
  void order(std::vector<std::string> words) const;
  /// What a node that runs knows; null while none answers.
  [[nodiscard]] boost::json::value status() const;
  /// What that node knows; null if it does not say within two seconds.
  [[nodiscard]] boost::json::value status_of(const std::string& node) const;
  /// Asks between services that were answered, by what all running nodes say.
  [[nodiscard]] std::uint64_t answered_asks() const;
  void wait_until(const char* what, const std::function<bool()>& condition) const;

  [[nodiscard]] std::string leader() const;
  /// By service, the node where it is in phase running.
  [[nodiscard]] std::map<std::string, std::string> running() const;
  [[nodiscard]] const std::filesystem::path& shared() const { return shared_; }
  [[nodiscard]] std::filesystem::path store(const std::string& node) const { return folder_ / node; }
  /// What all processes of a node said.
  [[nodiscard]] std::filesystem::path log(const std::string& node) const { return folder_ / (node + ".err"); }

 private:
  [[nodiscard]] std::filesystem::path certificates() const { return folder_ / "certificates"; }
  [[nodiscard]] std::filesystem::path file(const std::string& node) const { return folder_ / (node + ".json"); }
  [[nodiscard]] std::string said() const;
  [[nodiscard]] bool try_order(const std::vector<std::string>& words, const std::filesystem::path& output) const;
  [[nodiscard]] bool ask(const std::string& node, const std::vector<std::string>& words, const std::filesystem::path& output,
                         std::chrono::milliseconds limit) const;
  void make_certificates() const;

  std::filesystem::path weir_, folder_, shared_;
  std::map<std::string, std::string> environment_;
  std::vector<std::string> names_;
  std::map<std::string, place> places_;
  std::set<std::string> frozen_;
  std::map<std::string, std::unique_ptr<process>> nodes_; ///< Those that run.
};

} // namespace weir::e2e
