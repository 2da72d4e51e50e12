#pragma once
#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <weir/caf.hpp>
#include "tests/actors/job_checks.hpp"

// Ordinary CAF actors as services, for tests: what they saw, and answers that come when a test says so.

namespace caf_test {

using namespace job_test;

using text_event = weir::caf_event<std::string>;

/// Answers the held event of a partition: with success, or with an error.
struct let_go {
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  bool good = true;
};

/// What the actors of a test tell it. Any thread.
class probe {
 public:
  void saw(const text_event& e) {
    std::lock_guard lock(mutex_);
    seen_.push_back(e);
  }
  [[nodiscard]] std::vector<text_event> seen() const {
    std::lock_guard lock(mutex_);
    return seen_;
  }
  [[nodiscard]] std::size_t count() const { return seen().size(); }
  /// The values that came, sorted, each once.
  [[nodiscard]] std::set<std::string> values() const {
    std::set<std::string> out;
    for (const auto& e : seen())
      out.insert(e.value);
    return out;
  }
  [[nodiscard]] std::size_t times(const std::string& value) const {
    std::size_t n = 0;
    for (const auto& e : seen())
      n += e.value == value ? 1 : 0;
    return n;
  }
  void started(const weir::caf_context& ctx, const caf::actor& a) {
    std::lock_guard lock(mutex_);
    actor_ = a;
    tokens_.push_back(ctx.fencing_token());
  }
  [[nodiscard]] caf::actor actor() const {
    std::lock_guard lock(mutex_);
    return actor_;
  }
  [[nodiscard]] std::vector<std::uint64_t> tokens() const {
    std::lock_guard lock(mutex_);
    return tokens_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<text_event> seen_;
  caf::actor actor_;
  std::vector<std::uint64_t> tokens_;
};
using probe_ptr = std::shared_ptr<probe>;

/// Answers at once.
inline caf::behavior answers(caf::event_based_actor*, probe_ptr p) {
  return {[p](const text_event& e) { p->saw(e); }};
}

/// Answers when it is told to.
inline caf::behavior holds(caf::event_based_actor* self, probe_ptr p) {
  using place = std::pair<std::int32_t, std::int64_t>;
  auto held = std::make_shared<std::multimap<place, caf::response_promise>>();
  return {[=](const text_event& e) -> caf::result<void> {
            auto promise = self->make_response_promise();
            held->emplace(place(e.partition, e.offset), promise);
            p->saw(e);
            return promise;
          },
          [=](const let_go& m) {
            auto at = held->find(place(m.partition, m.offset));
            if (at == held->end())
              return;
            if (m.good)
              at->second.deliver(caf::unit);
            else
              at->second.deliver(caf::make_error(caf::sec::runtime_error, std::string("told to fail")));
            held->erase(at);
          }};
}

/// A service named `name` that reads the topic `in` with an actor of a function (self, probe).
template <class F>
weir::caf_service service_of(const std::string& name, const std::string& in, probe_ptr p, F f, weir::caf_subscription o = {}) {
  weir::caf_service s{name};
  s.subscribe(in, weir::topic<std::string>{{"main", in}}, std::move(o));
  s.spawns([p, f](const weir::caf_context& ctx) {
    auto a = ctx.spawn(f, p);
    p->started(ctx, a);
    return a;
  });
  return s;
}

inline weir::job_spec spec_of(world& w, const weir::caf_service& s) {
  auto spec = w.empty_spec();
  spec.plan = must(s.plan({}));
  return spec;
}

/// Where the consumer group of a service stands; -1: nowhere.
inline std::int64_t committed(world& w, const std::string& service, const std::string& topic, std::int32_t partition = 0) {
  return must(w.log().group_offset("test." + service, must(w.log().topic(topic)), partition)).value_or(-1);
}

/// Looks again and again.
inline bool soon(const std::function<bool()>& condition) {
  auto end = weir::system_clock().monotonic() + patience;
  while (weir::system_clock().monotonic() < end) {
    if (condition())
      return true;
    std::this_thread::sleep_for(2ms);
  }
  return false;
}

inline std::uint64_t counter(const weir::job_status& s, const std::string& name) {
  for (const auto& [known, n] : s.counters)
    if (known == name)
      return n;
  return 0;
}

/// n values "0", "1", …
inline std::vector<std::string> numbers(int n) {
  std::vector<std::string> out;
  for (int i = 0; i < n; ++i)
    out.push_back(std::to_string(i));
  return out;
}

} // namespace caf_test
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(caf_test::let_go)
