#pragma once
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>
#include <weir/state/keyed_state.hpp>

namespace weir::testing {

/// A keyed_state in sorted maps: no disk, no limits, no checkpoint but a copy. For tests of operators. One thread.
class memory_state final : public keyed_state {
 public:
  /// What the states hold; copy it to take a checkpoint.
  struct table {
    std::map<std::pair<std::uint16_t, std::string>, std::string> values;
    std::map<std::tuple<std::uint16_t, timestamp, std::string>, std::string> ordered;
    std::string schema;
  };
  using contents = std::map<std::string, table>; ///< By `<operator>/<state>`.

  memory_state() = default;
  explicit memory_state(contents restored) : contents_(std::move(restored)) {}

  [[nodiscard]] const contents& all() const { return contents_; }
  /// Entries of all states together.
  [[nodiscard]] std::size_t entries() const;
  /// From the n-th coming read or write on (0: the next) every call fails with store_corrupt.
  void fail_after(std::size_t n) { calls_left_ = n; }

  result<state_handle> declare(const state_declaration& d) override;
  result<std::optional<std::string_view>> get(state_handle h, std::uint16_t group, std::string_view key) override;
  result<> put(state_handle h, std::uint16_t group, std::string_view key, std::string_view value) override;
  result<> erase(state_handle h, std::uint16_t group, std::string_view key) override;
  result<std::optional<std::string_view>> get(state_handle h, std::uint16_t group, timestamp time, std::string_view key) override;
  result<> put(state_handle h, std::uint16_t group, timestamp time, std::string_view key, std::string_view value) override;
  result<> erase(state_handle h, std::uint16_t group, timestamp time, std::string_view key) override;
  result<std::optional<timestamp>> first_time(state_handle h, std::uint16_t group, timestamp from) override;
  result<> scan(state_handle h, std::uint16_t group, timestamp from, std::string_view after_key, timestamp until,
                const std::function<bool(timestamp, std::string_view, std::string_view)>& visit) override;
  result<> drop_until(state_handle h, std::uint16_t group, timestamp until) override;
  result<> for_each(state_handle h, std::uint16_t group,
                    const std::function<bool(std::string_view, std::string_view)>& visit) override;

 private:
  result<> call();
  table& at(state_handle h) { return *declared_[h.index]; }
  contents contents_;
  std::vector<table*> declared_;
  std::optional<std::size_t> calls_left_;
};

} // namespace weir::testing
