#include "actors/nodes/service_keeper.hpp"
#include <algorithm>
#include <weir/config/config.hpp>
#include <weir/core/clock.hpp>
#include "actors/json_words.hpp"

namespace weir {

service_keeper::service_keeper(service_keeper_options o) : options_(std::move(o)) {
  if (options_.warm_up)
    warmer_ = std::make_unique<service_warmer>(service_warmer_options{options_.warm_up, options_.log});
}

void service_keeper::start(decltype(runtime_options::ask_elsewhere) ask_elsewhere) {
  ask_elsewhere_ = std::move(ask_elsewhere);
  thread_ = std::thread([this] { run(); });
}

void service_keeper::stop() {
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(stop_, true))
      return;
    changed_.notify_all();
  }
  if (warmer_)
    warmer_->request_stop();
  if (thread_.joinable())
    thread_.join();
  auto open = [this] {
    std::lock_guard lock(mutex_);
    std::size_t n = 0;
    for (auto& [name, k] : services_) {
      n += k.jobs ? 1 : 0;
      if (k.jobs && !std::exchange(k.stopping, true))
        k.jobs->request_stop();
    }
    return n > 0;
  };
  // Still reported meanwhile: whoever comes next waits for the last checkpoint.
  while (open()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    note();
  }
  if (warmer_)
    warmer_->stop();
}

void service_keeper::run() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    lock.unlock();
    look();
    lock.lock();
    changed_.wait_for(lock, options_.look, [this] { return stop_ || wake_; });
    wake_ = false;
  }
}

void service_keeper::wake() {
  std::lock_guard lock(mutex_);
  wake_ = true;
  changed_.notify_all();
}

void service_keeper::look() {
  note();
  auto seen = options_.board->look();
  if (!seen.control || !seen.control->services())
    return;
  read_hashes(*seen.control->services());
  auto ours = cluster::services_of(*seen.control, options_.self, options_.start);
  stop_what_is_not_ours(ours, seen.control->services()->version);
  make_ready(seen, ours);
  start_what_is(seen, ours);
}

void service_keeper::read_hashes(const cluster::services_record& file) {
  if (file.version == hashed_)
    return;
  hashes_.clear();
  if (auto hashes = service_fingerprints(file.text))
    hashes_ = std::move(*hashes);
  hashed_ = file.version;
}

std::uint64_t service_keeper::hash_of(const std::string& service) const {
  auto found = hashes_.find(service);
  return found == hashes_.end() ? hashed_ : found->second;
}

bool service_keeper::ask(const ask_message& m, duration timeout, std::function<void(ask_outcome)> done) {
  // Held while it is handed over: the runtime must not end in the thread of whoever asks.
  std::lock_guard lock(mutex_);
  auto found = services_.find(m.service);
  if (found == services_.end() || !found->second.jobs)
    return false;
  found->second.jobs->ask(m, timeout, std::move(done));
  return true;
}

void service_keeper::note() {
  std::vector<std::pair<std::string, std::shared_ptr<runtime>>> all;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [name, k] : services_)
      if (k.jobs)
        all.emplace_back(name, k.jobs);
  }
  for (auto& [name, jobs] : all) {
    auto status = jobs->status();
    auto ends = jobs->wait(duration{0});
    std::unique_lock lock(mutex_);
    auto& k = services_.at(name);
    if (!status.empty()) {
      const auto& s = status.front();
      k.last = {name, k.version, to_string(s.phase), s.detail, true, false, s.checkpoint, s.lag};
    }
    if (ends.empty())
      continue;
    note_end(name, k, ends.front());
    lock.unlock();
    if (options_.changed)
      options_.changed();
  }
}

void service_keeper::note_end(const std::string& name, kept& k, const job_end& end) {
  k.jobs.reset();
  k.last.active = false;
  if (end.phase == job_phase::stopped && !end.cause) {
    options_.log.info("a service has stopped here", {{"service", name}});
    services_.erase(name);
    return;
  }
  if (end.cause && end.cause->code == errc::fenced) {
    // Whose it is the control topic says; what is known of that here may be old.
    options_.log.warning("another process has taken over a service; it has ended here",
                         {{"service", name}, {"cause", end.cause->message}});
    k.last.phase = "fenced";
    k.last.detail = end.cause->message;
    k.again_at = system_clock().monotonic() + options_.fenced_pause;
    return;
  }
  k.last.phase = to_string(end.phase);
  k.last.failed = end.phase == job_phase::failed;
  k.last.detail = end.cause ? end.cause->message : "";
}

void service_keeper::stop_what_is_not_ours(const std::map<std::string, std::uint64_t>& ours, std::uint64_t version) {
  auto now = system_clock().monotonic();
  std::erase_if(waits_since_, [&](const auto& w) { return !ours.contains(w.first); });
  std::lock_guard lock(mutex_);
  for (auto it = services_.begin(); it != services_.end();) {
    auto& [name, k] = *it;
    auto mine = ours.find(name);
    // One that failed or is at its end begins again when it is assigned anew, or its file is another.
    auto over = !k.jobs && (mine == ours.end() || mine->second != k.assignment || now >= k.again_at);
    auto stays = mine != ours.end() && k.hash == hash_of(name) && !over;
    if (stays) {
      k.version = k.last.version = version;
      ++it;
      continue;
    }
    if (!k.jobs) {
      it = services_.erase(it);
      continue;
    }
    if (!std::exchange(k.stopping, true)) {
      options_.log.info(mine == ours.end() ? "a service goes to another node: stopping it behind a checkpoint"
                                           : "the services file says another thing of a service: stopping it behind a checkpoint",
                        {{"service", name}});
      k.jobs->request_stop();
    }
    ++it;
  }
}

void service_keeper::make_ready(const node_board::view& seen, const std::map<std::string, std::uint64_t>& ours) {
  if (!warmer_)
    return;
  std::set<std::string> coming;
  if (auto leader = seen.reports.find(seen.control->leader().node); leader != seen.reports.end())
    for (const auto& m : leader->second.moves)
      if (m.to == options_.self && !ours.contains(m.service))
        coming.insert(m.service);
  // One that is still at its end here holds its store: that is said then, as what is in the way.
  warmer_->want(*seen.control->services(), std::move(coming));
}

bool service_keeper::waits_for_another(const node_board::view& seen, const std::string& service) {
  auto runs = [&](const node_report& r) {
    return std::any_of(r.services.begin(), r.services.end(), [&](const auto& s) { return s.name == service && s.active; });
  };
  auto other = std::find_if(seen.reports.begin(), seen.reports.end(),
                            [&](const auto& r) { return r.first != options_.self && runs(r.second); });
  if (other == seen.reports.end()) {
    waits_since_.erase(service);
    return false;
  }
  auto now = system_clock().monotonic();
  auto since = waits_since_.emplace(service, now).first->second;
  return now - since < options_.patience;
}

void service_keeper::start_what_is(const node_board::view& seen, const std::map<std::string, std::uint64_t>& ours) {
  for (const auto& [name, assignment] : ours) {
    {
      std::lock_guard lock(mutex_);
      if (services_.contains(name))
        continue;
    }
    // It is at its last checkpoint there; what it leaves is what we go on from.
    if (waits_for_another(seen, name) || (warmer_ && !warmer_->lets_go_of(name)))
      continue;
    const auto& file = *seen.control->services();
    options_.log.info("a service is this node's", {{"service", name}, {"services_version", file.version}});
    auto started = options_.start_service(file, name, ask_elsewhere_);
    std::lock_guard lock(mutex_);
    auto& k = services_[name];
    k.version = file.version;
    k.hash = hash_of(name);
    k.assignment = assignment;
    k.last = {name, file.version, "starting", "", true, false, 0, -1};
    if (started) {
      k.jobs = std::move(*started);
      continue;
    }
    options_.log.error("a service does not start here", {{"service", name}, {"cause", started.err().message}});
    k.last = {name, file.version, "failed", started.err().message, false, true, 0, -1};
  }
}

std::vector<running_service> service_keeper::report() const {
  std::lock_guard lock(mutex_);
  std::vector<running_service> out;
  for (const auto& [name, k] : services_) {
    out.push_back(k.last);
    // An exception's text must not make the report too long to be sent: the node would count as gone.
    out.back().detail.resize(std::min(out.back().detail.size(), most_words));
  }
  return out;
}

} // namespace weir
