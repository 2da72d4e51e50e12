#pragma once
#include <atomic>
#include <memory>
#include <optional>
#include "actors/runtime.hpp"

namespace nodes_test {

using namespace weir;

/// A job that does nothing and ends as it is told.
class idle_runtime final : public runtime {
 public:
  struct control {
    std::atomic<bool> stop_asked{false}, ended{false};
    bool ends_when_asked = false;
    job_phase phase = job_phase::stopped; ///< At its end, without a cause.
    std::optional<error> cause;
    decltype(runtime_options::ask_elsewhere) ask_elsewhere{};
  };
  explicit idle_runtime(std::shared_ptr<control> c) : control_(std::move(c)) {}
  [[nodiscard]] std::vector<job_status> status() const override {
    job_status s;
    s.job = "s1";
    s.phase = control_->stop_asked ? job_phase::stopping : job_phase::running;
    s.checkpoint = 7;
    return {s};
  }
  void request_stop() override { control_->stop_asked = true; }
  std::vector<job_end> wait(duration) override {
    if (!control_->ended && !(control_->ends_when_asked && control_->stop_asked))
      return {};
    job_end e;
    e.job = "s1";
    e.phase = control_->cause ? job_phase::failed : control_->phase;
    e.cause = control_->cause;
    return {e};
  }
  void ask(ask_message, duration, std::function<void(ask_outcome)> done) override { done(std::string("here")); }
  bool release(const std::string&, const std::string&, unpark) override { return false; }

 private:
  std::shared_ptr<control> control_;
};

} // namespace nodes_test
