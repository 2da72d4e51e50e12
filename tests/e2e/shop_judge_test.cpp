#include "tests/catch.hpp"

#include <functional>

#include "tests/e2e/shop.hpp"

// A right run of the shop passes; each kind of damage is named.

using namespace weir::e2e;

namespace {

topic_record record(const std::string& key, const std::string& value) {
  topic_record r;
  r.key = key;
  r.value = value;
  return r;
}

std::string order(int id, int quantity, int cents) {
  return "{\"order_id\":" + std::to_string(id) + R"(,"customer":"c","article":"a","quantity":)" + std::to_string(quantity) +
         ",\"amount_cents\":" + std::to_string(cents);
}

// Order 1 is shipped, 2 is cancelled and was paid for too late, 3 is more than there is, 4 costs too much, 5 is impossible.
world_facts shop() {
  world_facts f;
  f.input_topic = "shop.orders";
  auto add = [&](const char* topic, const std::string& key, const std::string& value) {
    auto& all = f.topics[topic];
    all.push_back(record(key, value));
    all.back().offset = static_cast<std::int64_t>(all.size()) - 1;
  };
  const std::vector<std::string> orders = {order(1, 2, 100), order(2, 3, 200), order(3, 50, 10), order(4, 1, 5'000),
                                           order(5, 0, 10)};
  for (const auto& o : orders)
    add("shop.orders", "a", o + R"(,"at":"2026-01-01T00:00:00Z"})");
  add("shop.deliveries", "a", R"({"delivery_id":1,"article":"a","quantity":10})");
  add("shop.deposits", "c", R"({"deposit_id":1,"customer":"c","amount_cents":1000})");
  auto stock = [&](const char* step, int id, int quantity, int free, int reserved, int shipped) {
    add("shop.stock", "a",
        std::string(R"({"article":"a","step":")") + step + "\",\"id\":" + std::to_string(id) +
            ",\"quantity\":" + std::to_string(quantity) + ",\"free\":" + std::to_string(free) +
            ",\"reserved\":" + std::to_string(reserved) + ",\"shipped\":" + std::to_string(shipped) + "}");
  };
  stock("delivered", 1, 10, 10, 0, 0);
  stock("reserved", 1, 2, 8, 2, 0);
  stock("reserved", 2, 3, 5, 5, 0);
  stock("reserved", 4, 1, 4, 6, 0);
  stock("shipped", 1, 2, 4, 4, 2);
  stock("released", 2, 3, 7, 1, 2);
  stock("released", 4, 1, 8, 0, 2);
  auto account = [&](const char* step, int id, int cents, int balance) {
    add("shop.accounts", "c",
        std::string(R"({"customer":"c","step":")") + step + "\",\"id\":" + std::to_string(id) +
            ",\"amount_cents\":" + std::to_string(cents) + ",\"balance_cents\":" + std::to_string(balance) + "}");
  };
  account("deposited", 1, 1000, 1000);
  account("taken", 1, 100, 900);
  account("taken", 2, 200, 700);
  account("refunded", 2, 200, 900);
  for (int id : {1, 2, 4}) {
    const auto cents = id == 1 ? "100" : id == 2 ? "200" : "5000";
    const auto message = "{\"order_id\":" + std::to_string(id) + R"(,"article":"a","customer":"c","amount_cents":)" + cents;
    add("shop.reservations", "c", message + "}");
    add("shop.payments", "a", message + R"(,"outcome":")" + (id == 4 ? "balance_short" : "taken") + "\"}");
  }
  add("shop.refunds", "c", R"({"order_id":2,"customer":"c","amount_cents":200})");
  const std::vector<std::pair<const char*, const char*>> ends = {{"shipped", "paid"},
                                                                 {"cancelled", "not_paid_in_time"},
                                                                 {"refused", "out_of_stock"},
                                                                 {"refused", "balance_short"},
                                                                 {"refused", "invalid"}};
  for (std::size_t i = 0; i < ends.size(); ++i)
    add("shop.results", "c", orders[i] + ",\"outcome\":\"" + ends[i].first + "\",\"reason\":\"" + ends[i].second + "\"}");
  for (int id = 1; id <= 5; ++id)
    add("shop.notifications", "c",
        "{\"order_id\":" + std::to_string(id) + R"(,"customer":"c","text":"Your order )" + std::to_string(id) +
            (id == 1   ? " is on its way."
             : id == 2 ? " was cancelled."
                       : " is not possible.") +
            "\"}");
  // At least once: a copy is no damage.
  f.topics["shop.notifications"].push_back(f.topics["shop.notifications"].front());
  for (const auto* t : {"shop.results", "shop.stock", "shop.accounts", "shop.notifications"})
    f.partitions[t] = 1;
  return f;
}

std::string all(const verdict& v) {
  std::string out;
  for (const auto& c : v.complaints)
    out += c + "\n";
  return out;
}

void replace(topic_record& r, const std::string& from, const std::string& to) {
  const auto where = r.value->find(from);
  REQUIRE(where != std::string::npos);
  r.value->replace(where, from.size(), to);
}

using records = std::vector<topic_record>;
struct damage {
  const char* sentence;
  const char* topic;
  std::function<void(records&)> change;
};

} // namespace

TEST_CASE("a right run of the shop passes, has begun and has come to its end") {
  const auto f = shop();
  CHECK(all(judge_shop(f)) == "");
  CHECK(judge_shop(f).orders == 5);
  CHECK(judge_shop(f).totals == 5);
  CHECK(judge_shop(f).late == 1);
  CHECK(shop_opened(f));
  CHECK(shop_settled(f));
}

TEST_CASE("the shop has not come to its end while a result, an answer, a refund or a notification is missing") {
  for (const auto* topic : {"shop.results", "shop.payments", "shop.accounts"}) {
    auto f = shop();
    f.topics[topic].pop_back();
    CHECK_FALSE(shop_settled(f));
  }
  auto f = shop();
  f.topics["shop.notifications"].erase(f.topics["shop.notifications"].begin() + 2);
  CHECK_FALSE(shop_settled(f));
  f = shop();
  f.topics["shop.stock"].erase(f.topics["shop.stock"].begin());
  CHECK_FALSE(shop_opened(f));
}

TEST_CASE("the judge of the shop names each damage") {
  const std::vector<damage> damages = {
      {"order 5 has 0 results", "shop.results", [](records& r) { r.pop_back(); }},
      {"order 5 has 2 results", "shop.results", [](records& r) { r.push_back(r.back()); }},
      {"stock does not follow", "shop.stock", [](records& r) { r.push_back(r.back()); }},
      {"and its stock says: reserved", "shop.stock", [](records& r) { r.pop_back(); }},
      {"has 1 reserved at the end", "shop.stock", [](records& r) { r.pop_back(); }},
      {"stock does not follow", "shop.stock", [](records& r) { replace(r[4], "\"free\":4", "\"free\":5"); }},
      {"stock is below zero", "shop.stock", [](records& r) { r.erase(r.begin()); }},
      {"deliveries are not in stock", "shop.stock", [](records& r) { r.erase(r.begin()); }},
      {"delivery 1 is there twice", "shop.stock", [](records& r) { r.push_back(r.front()); }},
      {"delivery 1 was not in the input", "shop.stock", [](records& r) { replace(r[0], "\"quantity\":10", "\"quantity\":11"); }},
      {"stock of another order", "shop.stock", [](records& r) { replace(r[1], "\"quantity\":2", "\"quantity\":1"); }},
      {"never placed", "shop.stock", [](records& r) { replace(r[1], "\"id\":1", "\"id\":77"); }},
      {"a balance does not follow", "shop.accounts", [](records& r) { r.push_back(r.back()); }},
      {"and its account says: taken refunded refunded", "shop.accounts", [](records& r) { r.push_back(r.back()); }},
      {"its account says: taken instead of: taken refunded", "shop.accounts", [](records& r) { r.pop_back(); }},
      {"a: delivered 10, but 8 are there and 0", "shop.results", [](records& r) { replace(r[0], "shipped", "cancelled"); }},
      {"c: paid in 1000, but has 700 and spent 100", "shop.accounts", [](records& r) { r.pop_back(); }},
      {"money of another order", "shop.accounts",
       [](records& r) { replace(r[1], "\"amount_cents\":100", "\"amount_cents\":99"); }},
      {"deposits are on no account", "shop.accounts", [](records& r) { r.erase(r.begin()); }},
      {"is out_of_stock, which", "shop.results", [](records& r) { replace(r[4], "invalid", "out_of_stock"); }},
      {"a result that cannot be", "shop.results", [](records& r) { replace(r[1], "not_paid_in_time", "paid"); }},
      {"another quantity than its order", "shop.results", [](records& r) { replace(r[0], "\"quantity\":2", "\"quantity\":3"); }},
      {"has 1 reservations and 2 payments", "shop.payments", [](records& r) { r.push_back(r.back()); }},
      {"order 3 has a result and no notification", "shop.notifications", [](records& r) { r.erase(r.begin() + 2); }},
      {"shop.notifications speaks of order 9", "shop.notifications",
       [](records& r) { replace(r[4], "\"order_id\":5", "\"order_id\":9"); }},
      {"a notification does not tell", "shop.notifications", [](records& r) { replace(r[0], "on its way", "cancelled"); }},
      {"a notification does not tell", "shop.notifications", [](records& r) { replace(r[1], "order 2 ", "order 1 "); }},
      {"shop.notifications has the key d", "shop.notifications", [](records& r) { r[0].key = "d"; }},
      {"has 0 refunds", "shop.refunds", [](records& r) { r.clear(); }},
      {"must have c", "shop.results", [](records& r) { r[0].key = "d"; }},
      {"Java producer", "shop.stock", [](records& r) { r[0].partition = 1; }},
      {"does not belong there", "shop.payments", [](records& r) { r[0].value = "{}"; }},
      {"twice: it cannot be judged", "shop.orders", [](records& r) { r.push_back(r[0]); }},
  };
  for (const auto& d : damages) {
    auto f = shop();
    d.change(f.topics[d.topic]);
    const auto said = all(judge_shop(f));
    INFO(d.sentence << "\n" << said);
    CHECK(said.find(d.sentence) != std::string::npos);
  }
  auto f = shop();
  f.open_transactions.push_back("shop.results/0");
  CHECK(all(judge_shop(f)).find("a transaction is open") != std::string::npos);
}
