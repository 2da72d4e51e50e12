#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>
#include <weir/config/config.hpp>
#include "actors/runtime.hpp"

namespace weir {

/// Answers for the jobs of this process over HTTP while it lives.
class health_service {
 public:
  virtual ~health_service() = default; ///< Removes the file of the address; no call of `served_jobs` is running behind it.
  /// Lets `weir status FILE` find it; the store's directory exists by now. Not to be able to is only logged.
  virtual void announce() = 0;
  /// Where it listens, host:port.
  [[nodiscard]] virtual const std::string& address() const = 0;
  /// A snapshot, about each second: rates are against one of these. Any thread.
  virtual void note(const std::vector<job_status>& jobs, duration monotonic) = 0;
};

/// What `weir status` has to know of a running process; in `<store>/health.json`, mode 0600, no secret in it.
struct health_place {
  std::string address;
  bool tls = false;
  int pid = 0;
};
/// Errors: not_found (nobody serves this store), decode_failed. Blocks on the disk.
result<health_place> find_health(const std::string& store_directory);

/// What health asks of the jobs. Both are called from other threads, also at the same time, until the service is destroyed.
struct served_jobs {
  std::function<std::vector<job_status>()> status;
  /// As runtime::release. May block; empty: there are no orders.
  std::function<bool(const std::string& service, const std::string& encoded_key, unpark how)> release = {};
};

/// Starts to answer as the configuration says; a null pointer when it is off, or when the default address and every other
/// port of loopback failed, which is logged.
/// Errors: unavailable or not_authorized (the address that was asked for is taken or not ours), invalid_config (certificate).
result<std::unique_ptr<health_service>> start_health(const health_config& c, const std::string& store_directory,
                                                     served_jobs jobs);

} // namespace weir
