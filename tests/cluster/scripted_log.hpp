#pragma once
#include <functional>
#include <string>
#include <vector>
#include <weir/cluster/control_log.hpp>

namespace cluster_test {

using namespace weir;
using namespace weir::cluster;

/// A control topic in memory whose answers wait until the test gives them, and whose appends come back as it says.
class scripted_log final : public control_log {
 public:
  std::vector<control_entry_at> topic;
  std::uint64_t next = 0;
  std::vector<std::function<void()>> waiting;
  std::vector<append_outcome> outcomes; ///< Of the next appends; then committed.
  bool unknown_lands = true;
  int takes = 0;

  void put(const control_record& r) { topic.push_back({next++, encode_control(r)}); }
  void take(took done) override {
    ++takes;
    waiting.push_back([done] { done(success()); });
  }
  void append(const std::vector<control_entry>& entries, appended done) override {
    auto outcome = append_outcome::committed;
    if (!outcomes.empty()) {
      outcome = outcomes.front();
      outcomes.erase(outcomes.begin());
    }
    if (outcome == append_outcome::committed || (outcome == append_outcome::unknown && unknown_lands))
      for (const auto& e : entries)
        topic.push_back({next++, e});
    waiting.push_back([done, outcome] { done(outcome); });
  }
  void read(std::uint64_t from, read_back done) override {
    std::vector<control_entry_at> out;
    for (const auto& e : topic)
      if (e.offset >= from)
        out.push_back(e);
    waiting.push_back([done, out] { done(out); });
  }
  void answer() {
    while (!waiting.empty()) {
      auto next_answer = std::move(waiting.front());
      waiting.erase(waiting.begin());
      next_answer();
    }
  }
  [[nodiscard]] std::size_t records(const std::string& key) const {
    std::size_t n = 0;
    for (const auto& e : topic)
      n += e.entry.key == key ? 1 : 0;
    return n;
  }
};

} // namespace cluster_test
