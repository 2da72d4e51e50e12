#pragma once
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>
#include <weir/archive/archive_files.hpp>
#include <weir/cluster/control_record.hpp>
#include <weir/core/logger.hpp>
#include <weir/core/timestamp.hpp>
#include <weir/net/control_words.hpp>

namespace weir {

/// Brings this node's store of a service of the file, which does not run here, up to the copy of its checkpoints. The newest
/// checkpoint in it then, 0: there is no copy yet. May block for as long as the shared directory does; ends when `go_on` says no.
using warm_up_function = std::function<result<std::uint64_t>(const cluster::services_record& file, const std::string& service,
                                                             const go_on_function& go_on)>;

struct service_warmer_options {
  warm_up_function warm_up;
  logger log;
  duration pause = std::chrono::milliseconds(500); ///< Between two passes over what is wanted.
  /// A service is ready when a pass over its copy took no longer: its start takes that once more.
  duration ready_within = std::chrono::seconds(1);
};

/// Makes stores ready for services that are to come to this node and still run elsewhere: pass by pass behind their copies, on a
/// thread of its own. All functions: any thread; none waits for a pass, but stop.
class service_warmer {
 public:
  explicit service_warmer(service_warmer_options o);
  ~service_warmer() { stop(); }
  service_warmer(const service_warmer&) = delete;
  /// These from now on, and no others: a pass over another one ends. What was made of it stays on the disk.
  void want(const cluster::services_record& file, std::set<std::string> services);
  /// Nothing is done for the service, which is to start here, from now on. False: a pass, which its start would have to make
  /// otherwise, goes on to its end; ask again.
  bool lets_go_of(const std::string& service);
  /// How far each wanted one is.
  [[nodiscard]] std::vector<warm_service> report() const;
  /// Begins nothing more; a pass ends when it asks. Does not wait.
  void request_stop();
  /// The same, and waits for the end of a pass. Idempotent.
  void stop();

 private:
  struct wanted {
    warm_service said;
    duration last = duration::max(); ///< What the newest pass took.
  };
  void run();
  [[nodiscard]] result<> go_on() const;
  void pass(std::unique_lock<std::mutex>& lock, const std::string& service);

  service_warmer_options options_;
  mutable std::mutex mutex_; ///< Guards all below but thread_.
  std::condition_variable changed_;
  cluster::services_record file_;
  std::map<std::string, wanted> wanted_;
  std::string working_at_;
  bool for_start_ = false; ///< The service that is worked at is to start here.
  bool stop_ = false;
  std::thread thread_;
};

} // namespace weir
