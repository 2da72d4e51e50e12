#pragma once
#include <csignal>
#include <thread>
#include "services/weir/seams.hpp"

namespace weir {

/// SIGINT and SIGTERM as requests to stop: the handler writes to a pipe, a thread reads it. One at a time in a process;
/// the former handlers come back at `unwatch`.
class stop_signals : public stop_source {
 public:
  stop_signals() = default;
  ~stop_signals() override;
  stop_signals(const stop_signals&) = delete;
  stop_signals& operator=(const stop_signals&) = delete;
  void watch(std::function<void()> first, std::function<void()> second) override;
  void unwatch() override;

 private:
  int pipe_[2] = {-1, -1};
  std::thread thread_;
  struct sigaction before_int_ {};
  struct sigaction before_term_ {};
};

} // namespace weir
