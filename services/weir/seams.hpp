#pragma once
#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <weir/config/config.hpp>
#include <weir/connectors/connector.hpp>
#include "actors/runtime.hpp"
#include "services/weir/health/health_service.hpp"

namespace weir {

/// Requests to stop, from signals or from a test.
class stop_source {
 public:
  virtual ~stop_source() = default;
  /// Calls `first` at the first request and `second` at the second, from a thread of its own; returns at once.
  virtual void watch(std::function<void()> first, std::function<void()> second) = 0;
  /// No call after it returns. Idempotent.
  virtual void unwatch() = 0;
};

/// What the program needs of the world; tests bring their own.
struct program_seams {
  std::ostream& out;     ///< Data.
  std::ostream& err;     ///< Messages.
  bool terminal = false; ///< `err` is a terminal: a live line instead of periodic log lines.
  config_environment environment;
  std::function<result<std::shared_ptr<connection>>(const connection_settings&)> connect;
  /// Checks settings without touching a broker or disk.
  std::function<result<>(const connection_settings&)> check_connection;
  std::function<result<std::unique_ptr<runtime>>(const runtime_options&, std::vector<job_spec>)> start;
  stop_source& stop;
  std::function<void(int)> exit_now; ///< Ends the process at once.
  /// Between two log lines of figures, and between two live lines.
  duration log_period = std::chrono::seconds(10);
  duration live_period = std::chrono::milliseconds(250);
  /// Answers over HTTP (start_health); empty: nobody does.
  std::function<result<std::unique_ptr<health_service>>(const health_config&, const std::string& store_directory, served_jobs)>
      serve_health = {};
};

} // namespace weir
