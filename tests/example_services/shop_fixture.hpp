#pragma once
#include <map>
#include <weir/testing/local_run.hpp>
#include <weir/weir.hpp>
#include "services/inventory/inventory.hpp"
#include "services/payments/payments.hpp"
#include "tests/catch.hpp"

namespace weir::shop {

using testing::input_record;
using testing::local_options;
using testing::local_run;

inline inventory_settings inventory_of_test() {
  inventory_settings s;
  s.orders = {"main", "shop.orders"};
  s.deliveries = {"main", "shop.deliveries"};
  s.payments = {"main", "shop.payments"};
  s.reservations = {"main", "shop.reservations"};
  s.refunds = {"main", "shop.refunds"};
  s.results = {"main", "shop.results"};
  s.stock = {"main", "shop.stock"};
  s.commands = {"main", "shop.commands"};
  s.reservation_timeout = std::chrono::seconds(10);
  return s;
}

inline payments_settings payments_of_test() {
  payments_settings s;
  s.reservations = {"main", "shop.reservations"};
  s.refunds = {"main", "shop.refunds"};
  s.deposits = {"main", "shop.deposits"};
  s.payments = {"main", "shop.payments"};
  s.accounts = {"main", "shop.accounts"};
  return s;
}

template <class T>
input_record record_of(const T& value) {
  std::string json;
  REQUIRE(encode_json(value, json).ok());
  return testing::value_record(json);
}

/// One of the two services in a thread; `next` gives what a sink wrote since the last look.
class driven_service {
 public:
  template <class Service>
  explicit driven_service(const Service& service, local_options o = {}) : run_(planned(service), std::move(o)) {
    REQUIRE(run_.open().ok());
  }
  template <class T>
  void feed(const std::string& subscription, const T& event) {
    auto fed = run_.feed(subscription, 0, {record_of(event)});
    INFO((fed ? "" : fed.err().message));
    REQUIRE(fed.ok());
  }
  template <class T>
  std::vector<T> next(const std::string& sink) {
    std::vector<T> out;
    const auto& all = run_.written(sink);
    for (auto& at = seen_[sink]; at < all.size(); ++at)
      REQUIRE(decode_json(*all[at].value, out.emplace_back()).ok());
    return out;
  }
  local_run& run() { return run_; }

 private:
  template <class Service>
  static job_plan planned(const Service& service) {
    auto plan = service.plan({.parallelism = 2});
    INFO((plan ? "" : plan.err().message));
    REQUIRE(plan.ok());
    return std::move(plan).value();
  }
  local_run run_;
  std::map<std::string, std::size_t> seen_;
};

inline order_placed order_of(std::int64_t id, std::int64_t quantity = 2, std::int64_t cents = 500) {
  return {id, "c", "a", quantity, cents, timestamp::from_ms(1'767'225'600'000)};
}

} // namespace weir::shop
