#include "actors/nodes/service_warmer.hpp"
#include <algorithm>
#include <utility>
#include <weir/core/clock.hpp>
#include "actors/json_words.hpp"

namespace weir {

service_warmer::service_warmer(service_warmer_options o) : options_(std::move(o)), thread_([this] { run(); }) {}

void service_warmer::request_stop() {
  std::lock_guard lock(mutex_);
  stop_ = true;
  changed_.notify_all();
}

void service_warmer::stop() {
  request_stop();
  if (thread_.joinable())
    thread_.join();
}

void service_warmer::want(const cluster::services_record& file, std::set<std::string> services) {
  std::lock_guard lock(mutex_);
  if (file.version != file_.version)
    file_ = file;
  std::erase_if(wanted_, [&](const auto& w) { return !services.contains(w.first); });
  for (const auto& name : services)
    if (auto [at, fresh] = wanted_.emplace(name, wanted{{name, 0, false, ""}}); fresh) {
      options_.log.info("a service is to come here: its store is made ready", {{"service", name}});
      changed_.notify_all();
    }
}

bool service_warmer::lets_go_of(const std::string& service) {
  std::lock_guard lock(mutex_);
  wanted_.erase(service);
  for_start_ = for_start_ || working_at_ == service;
  return working_at_ != service;
}

std::vector<warm_service> service_warmer::report() const {
  std::lock_guard lock(mutex_);
  std::vector<warm_service> out;
  for (const auto& [name, w] : wanted_)
    out.push_back(w.said);
  return out;
}

void service_warmer::run() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    std::vector<std::string> names;
    for (const auto& [name, w] : wanted_)
      names.push_back(name);
    for (const auto& name : names)
      if (!stop_ && wanted_.contains(name))
        pass(lock, name);
    auto before = wanted_.size();
    // What came meanwhile does not wait for the others' next pass.
    auto came = [&] {
      return stop_ || std::any_of(wanted_.begin(), wanted_.end(),
                                  [&](const auto& w) { return std::find(names.begin(), names.end(), w.first) == names.end(); });
    };
    if (before == 0)
      changed_.wait(lock, came);
    else
      changed_.wait_for(lock, options_.pause, came);
  }
}

result<> service_warmer::go_on() const {
  std::lock_guard lock(mutex_);
  if (stop_ || !(for_start_ || wanted_.contains(working_at_)))
    return error{errc::cancelled, "the store is not wanted any more"};
  return success();
}

void service_warmer::pass(std::unique_lock<std::mutex>& lock, const std::string& service) {
  working_at_ = service;
  for_start_ = false;
  auto file = file_;
  lock.unlock();
  auto begun = system_clock().monotonic();
  auto done = options_.warm_up(file, service, [this] { return go_on(); });
  auto took = system_clock().monotonic() - begun;
  lock.lock();
  working_at_.clear();
  auto found = wanted_.find(service);
  if (found == wanted_.end())
    return;
  auto& [w, last] = found->second;
  if (!done) {
    auto said = done.err().message.substr(0, most_words);
    if (said != w.trouble)
      options_.log.warning("a store is not ready for its service yet", {{"service", service}, {"cause", said}});
    w.trouble = std::move(said);
    return;
  }
  w.trouble.clear();
  w.checkpoint = *done;
  // Or it gets no shorter any more: that is the shared directory.
  auto shorter = took < std::exchange(last, took) / 2;
  if (!w.ready && (took <= options_.ready_within || !shorter)) {
    w.ready = true;
    options_.log.info("a store is ready for its service", {{"service", service}, {"checkpoint", w.checkpoint}});
  }
}

} // namespace weir
