#include "services/shop/generate_shop.hpp"

#include <algorithm>
#include <weir/record/time_text.hpp>

namespace weir {

namespace {

std::uint64_t articles(const generate_options& o) { return std::max<std::uint64_t>(1, o.keys / 4); }
std::string article(std::uint64_t number) { return numbered("article-", number, 3); }
std::string customer(std::uint64_t number) { return numbered("customer-", number, 4); }

std::string text(std::string_view name, std::int64_t number) { return "\"" + std::string(name) + "\":" + std::to_string(number); }
std::string text(std::string_view name, const std::string& value) { return "\"" + std::string(name) + "\":\"" + value + "\""; }

void make_delivery(const generate_options&, std::uint64_t id, timestamp, std::string& key, std::string& value) {
  const auto name = article(id - 1);
  key += name;
  value += "{" + text("delivery_id", static_cast<std::int64_t>(id)) + "," + text("article", name) + "," +
           text("quantity", id % 8 == 3 ? 20 : 100'000) + "}";
}

void make_deposit(const generate_options&, std::uint64_t id, timestamp, std::string& key, std::string& value) {
  const auto name = customer(id - 1);
  key += name;
  value += "{" + text("deposit_id", static_cast<std::int64_t>(id)) + "," + text("customer", name) + "," +
           text("amount_cents", id % 8 == 5 ? 20'000 : 100'000'000) + "}";
}

void make_order(const generate_options& o, std::uint64_t id, timestamp clock, std::string& key, std::string& value) {
  auto random = numbers_of(o, id);
  const auto who = random.below(o.keys);
  const auto what = random.below(random.below(articles(o)) + 1);
  auto quantity = static_cast<std::int64_t>(1 + random.below(5));
  const auto cents = quantity * static_cast<std::int64_t>(199 + 50 * (what % 100));
  if (random.below(200) == 0)
    quantity = 0;
  const auto name = article(what);
  key += name;
  value += "{" + text("order_id", static_cast<std::int64_t>(id)) + "," + text("customer", customer(who)) + "," +
           text("article", name) + "," + text("quantity", quantity) + "," + text("amount_cents", cents) + ",\"at\":\"";
  format_timestamp(make_time(o, random, clock).at, value);
  value += "\"}";
}

} // namespace

record_generator shop_generator() {
  record_generator g{"generate-shop", "inventory", "orders", "customers", "order_id", make_order};
  g.setting = "orders";
  g.opening = {{"inventory", "deliveries", articles, make_delivery},
               {"payments", "deposits", [](const generate_options& o) { return std::uint64_t{o.keys}; }, make_deposit}};
  return g;
}

} // namespace weir
