#include <unistd.h>
#include <array>
#include <atomic>
#include <charconv>
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <weir/core/fail_point.hpp>
#include <weir/core/fail_point_spec.hpp>
#include <weir/core/suggest.hpp>

namespace weir {
namespace {

constexpr std::size_t point_count = static_cast<std::size_t>(fail_point::count_);

// One element more than there are points, so that the array is never empty; it is not handed out.
constexpr std::array<fail_point_info, point_count + 1> table{{
#define WEIR_FAIL_POINT_DEF(id, name, sentence) {fail_point::id, name, sentence},
#include <weir/core/fail_points.def>
#undef WEIR_FAIL_POINT_DEF
    {fail_point::count_, "", ""},
}};

struct armed_order {
  explicit armed_order(const fail_order& o) : order(o) {}
  fail_order order;
  std::atomic<std::uint64_t> seen{0};
};

struct armed_set {
  std::vector<std::unique_ptr<armed_order>> orders;
};

// Read by every hit(). Sets are never freed: a thread may still be looking at one that was replaced.
std::atomic<const armed_set*> armed{nullptr};

result<std::uint64_t> number_in(std::string_view text, std::string_view entry, std::string_view what, std::uint64_t least) {
  std::uint64_t n = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (ec != std::errc{} || end != text.data() + text.size() || n < least)
    return {errc::invalid_argument, "fail point '" + std::string(entry) + "': the " + std::string(what) + " '" +
                                        std::string(text) + "' is not a whole number from " + std::to_string(least)};
  return n;
}

result<fail_order> parse_entry(std::string_view entry, std::span<const fail_point_info> known) {
  fail_order order;
  auto equals = entry.find('=');
  auto left = entry.substr(0, equals);
  auto colon = left.find(':');
  auto name = left.substr(0, colon);

  bool found = false;
  for (const auto& info : known)
    if (info.name == name) {
      order.point = info.id;
      found = true;
    }
  if (!found) {
    std::vector<std::string_view> names;
    for (const auto& info : known)
      names.push_back(info.name);
    return {errc::invalid_argument, "fail point '" + std::string(name) + "' does not exist" + did_you_mean(name, names) +
                                        " (weir fail-points lists them)"};
  }
  if (colon != std::string_view::npos) {
    WEIR_ASSIGN(order.hit, number_in(left.substr(colon + 1), entry, "hit", 1));
  }
  if (equals == std::string_view::npos)
    return order;
  auto action = entry.substr(equals + 1);
  if (action == "kill") {
    order.action = fail_action::kill;
  } else if (action == "error") {
    order.action = fail_action::error;
  } else if (action == "stop") {
    order.action = fail_action::stop;
  } else if (action.starts_with("delay:")) {
    order.action = fail_action::delay;
    WEIR_ASSIGN(auto ms, number_in(action.substr(6), entry, "delay in milliseconds", 0));
    constexpr std::uint64_t longest = 24ull * 3600 * 1000;
    if (ms > longest)
      return {errc::invalid_argument, "fail point '" + std::string(entry) + "': a delay is at most one day"};
    order.delay = std::chrono::milliseconds(ms);
  } else {
    return {errc::invalid_argument, "fail point '" + std::string(entry) + "': '" + std::string(action) +
                                        "' is none of kill, stop, error, delay:MILLISECONDS"};
  }
  return order;
}

} // namespace

result<std::vector<fail_order>> parse_fail_points(std::string_view specification, std::span<const fail_point_info> known) {
  std::vector<fail_order> orders;
  while (!specification.empty()) {
    auto comma = specification.find(',');
    auto entry = specification.substr(0, comma);
    if (entry.empty() || comma + 1 == specification.size())
      return {errc::invalid_argument, "the list of fail points has an empty entry"};
    WEIR_ASSIGN(auto order, parse_entry(entry, known));
    orders.push_back(order);
    specification = comma == std::string_view::npos ? std::string_view{} : specification.substr(comma + 1);
  }
  return orders;
}

std::span<const fail_point_info> all_fail_points() { return {table.data(), point_count}; }

result<> arm_fail_points(std::string_view specification) {
  WEIR_ASSIGN(auto orders, parse_fail_points(specification, all_fail_points()));
  if (orders.empty()) {
    armed.store(nullptr, std::memory_order_release);
    return success();
  }
  static std::vector<std::unique_ptr<armed_set>> kept;
  auto set = std::make_unique<armed_set>();
  for (const auto& order : orders)
    set->orders.push_back(std::make_unique<armed_order>(order));
  armed.store(set.get(), std::memory_order_release);
  kept.push_back(std::move(set));
  return success();
}

result<> hit(fail_point point) {
  if (armed.load(std::memory_order_relaxed) == nullptr)
    return success();
  const auto* set = armed.load(std::memory_order_acquire);
  if (set == nullptr)
    return success();
  for (const auto& a : set->orders) {
    if (a->order.point != point || a->seen.fetch_add(1) + 1 != a->order.hit)
      continue;
    switch (a->order.action) {
      case fail_action::kill:
        ::kill(::getpid(), SIGKILL);
        ::pause(); // The signal may be delivered to another thread first: this one must not go on.
        break;
      case fail_action::stop:
        std::raise(SIGSTOP); // To this thread: it does not pass the point.
        break;
      case fail_action::delay:
        std::this_thread::sleep_for(a->order.delay);
        break;
      case fail_action::error:
        return {errc::unavailable, "fail point '" + std::string(table[static_cast<std::size_t>(point)].name) + "'"};
    }
  }
  return success();
}

} // namespace weir
