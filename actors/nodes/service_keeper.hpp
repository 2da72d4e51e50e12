#pragma once
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>
#include <weir/cluster/service_placement.hpp>
#include <weir/core/logger.hpp>
#include <weir/net/control_words.hpp>
#include "actors/nodes/node_board.hpp"
#include "actors/nodes/service_warmer.hpp"
#include "actors/runtime.hpp"

namespace weir {

/// Starts one service of a services file here, in a runtime of its own.
using start_service_function = std::function<result<std::unique_ptr<runtime>>(
    const cluster::services_record& file, const std::string& service, decltype(runtime_options::ask_elsewhere) ask_elsewhere)>;

struct service_keeper_options {
  std::string self;
  std::uint64_t start = 0; ///< Random number of this process.
  std::shared_ptr<node_board> board;
  /// Starts one service of the file in a runtime of its own. By the keeper's thread; may block. The runtime gets `ask_elsewhere`.
  start_service_function start_service;
  warm_up_function warm_up;      ///< See service_warmer_options; empty: nothing is made ready here.
  std::function<void()> changed; ///< What runs here has changed. By the keeper's thread or its owner; may be empty.
  logger log;
  duration look = std::chrono::milliseconds(200);
  /// A service that was fenced here begins again after this, if the control topic still says so: that may have been read before a
  /// freeze, and its new owner should not be fenced in turn.
  duration fenced_pause = std::chrono::seconds(5);
  duration patience = std::chrono::seconds(30); ///< With an owner before that is still at its last checkpoint.
};

/// Runs the services that the control topic gives to this process of the node: starts what is assigned, stops behind a checkpoint
/// what is not any more, or what the services file says other things of now. A thread of its own.
class service_keeper {
 public:
  explicit service_keeper(service_keeper_options o);
  ~service_keeper() { stop(); }
  service_keeper(const service_keeper&) = delete;
  /// Begins; the services ask those of other runtimes by `ask_elsewhere`. By its owner, once.
  void start(decltype(runtime_options::ask_elsewhere) ask_elsewhere);
  /// Stops everything behind a last checkpoint and waits for that; starts nothing more. By its owner; idempotent.
  void stop();

  /// Asks a service that runs here; false: it does not. Any thread; does not block.
  bool ask(const ask_message& m, duration timeout, std::function<void(ask_outcome)> done);
  /// What others run has changed: looks at once. Any thread; does not block.
  void wake();
  /// What runs here, for the others. Any thread.
  [[nodiscard]] std::vector<running_service> report() const;
  /// What is made ready here. Any thread.
  [[nodiscard]] std::vector<warm_service> warm() const { return warmer_ ? warmer_->report() : std::vector<warm_service>{}; }

 private:
  struct kept {
    std::shared_ptr<runtime> jobs; ///< Null: it failed, was fenced, or is at its end.
    std::uint64_t version = 0;     ///< Of the newest services file that says this of it.
    std::uint64_t hash = 0;
    std::uint64_t assignment = 0; ///< Offset of the record that it was started for.
    bool stopping = false;
    duration again_at = duration::max(); ///< Without jobs: not before, unless it is assigned anew.
    running_service last;
  };
  void run();
  void look();
  void read_hashes(const cluster::services_record& file);
  /// Of a file that cannot be read, the version: any other one begins its services anew.
  [[nodiscard]] std::uint64_t hash_of(const std::string& service) const;
  void stop_what_is_not_ours(const std::map<std::string, std::uint64_t>& ours, std::uint64_t version);
  void start_what_is(const node_board::view& seen, const std::map<std::string, std::uint64_t>& ours);
  [[nodiscard]] bool waits_for_another(const node_board::view& seen, const std::string& service);
  void make_ready(const node_board::view& seen, const std::map<std::string, std::uint64_t>& ours);
  void note();
  void note_end(const std::string& name, kept& k, const job_end& end);

  service_keeper_options options_;
  mutable std::mutex mutex_; ///< Guards services_, stop_ and wake_.
  std::condition_variable changed_;
  std::map<std::string, kept> services_;
  bool stop_ = false, wake_ = false;
  std::map<std::string, duration> waits_since_; ///< Of the thread, as are the next.
  std::uint64_t hashed_ = 0;                    ///< Version of the file of `hashes_`.
  std::map<std::string, std::uint64_t> hashes_; ///< Of what the file says of each service.
  decltype(runtime_options::ask_elsewhere) ask_elsewhere_;
  std::unique_ptr<service_warmer> warmer_;
  std::thread thread_;
};

} // namespace weir
