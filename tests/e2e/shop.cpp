#include "tests/e2e/shop.hpp"

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

#include "tests/e2e/judging.hpp"

namespace weir::e2e {

namespace json = boost::json;

namespace {

std::string name_of(const char* what, std::int64_t number) {
  char text[32];
  std::snprintf(text, sizeof text, "%s-%03d", what, static_cast<int>(number));
  return text;
}
std::int64_t articles(unsigned customers) { return std::max<std::int64_t>(1, customers / 4); }

} // namespace

input_line shop_order_maker::next() {
  const auto pick = [&](std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  };
  const auto article = name_of("article", pick(0, articles(customers_) - 1));
  auto quantity = pick(1, 5);
  const auto cents = quantity * pick(100, 400);
  if (pick(0, 199) == 0)
    quantity = pick(-1, 0);
  ++made_;
  return {article, "{\"order_id\":" + std::to_string(made_) + ",\"customer\":\"" + name_of("customer", pick(0, customers_ - 1)) +
                       "\",\"article\":\"" + article + "\",\"quantity\":" + std::to_string(quantity) + ",\"amount_cents\":" +
                       std::to_string(cents) + ",\"at\":\"" + format_time(1'767'225'600'000 + made_ * step_ms_) + "\"}"};
}

std::vector<input_line> make_deliveries(unsigned customers) {
  std::vector<input_line> out;
  for (std::int64_t a = 0; a < articles(customers); ++a)
    out.push_back({name_of("article", a), "{\"delivery_id\":" + std::to_string(a + 1) + ",\"article\":\"" +
                                              name_of("article", a) +
                                              "\",\"quantity\":" + std::to_string(a % 4 == 1 ? 300 : 1'000'000) + "}"});
  return out;
}

std::vector<input_line> make_deposits(unsigned customers) {
  std::vector<input_line> out;
  for (std::int64_t c = 0; c < customers; ++c)
    out.push_back({name_of("customer", c), "{\"deposit_id\":" + std::to_string(c + 1) + ",\"customer\":\"" +
                                               name_of("customer", c) +
                                               "\",\"amount_cents\":" + std::to_string(c % 4 == 1 ? 20'000 : 100'000'000) + "}"});
  return out;
}

namespace {

/// A record of any of the topics, read with what it must have.
class reading {
 public:
  reading(const world_facts& facts, judging& j) : facts_(facts), judging_(j) {}

  /// Calls `use(object, record)` for each record of a topic that has all these members; complains about the others.
  template <class F>
  void each(const std::string& topic, const std::vector<const char*>& texts, const std::vector<const char*>& integers, F use) {
    for (const auto& r : facts_.topics.at(topic)) {
      const auto o = object_of(r);
      const auto has = [&](auto of) { return [&, of](const char* f) { return o && of(*o, f).has_value(); }; };
      if (!std::all_of(texts.begin(), texts.end(), has(text_of)) ||
          !std::all_of(integers.begin(), integers.end(), has(integer_of)))
        judging_.complain(topic + " holds what does not belong there at " + place_of(r));
      else
        use(*o, r);
    }
  }
  void check_key(const std::string& topic, const topic_record& r, const std::string& key) {
    if (r.key != key)
      judging_.complain(topic + " has the key " + r.key.value_or("(none)") + " and must have " + key + " at " + place_of(r));
    const auto partitions = facts_.partitions.find(topic);
    if (partitions != facts_.partitions.end() && r.partition != java_partition(key, partitions->second))
      judging_.complain(topic + " " + key + " is in partition " + std::to_string(r.partition) +
                        ", where a Java producer would not put its key");
  }

 private:
  const world_facts& facts_;
  judging& judging_;
};

std::int64_t number(const json::object& o, const char* field) { return *integer_of(o, field); }
std::string text(const json::object& o, const char* field) { return *text_of(o, field); }

/// Everything that the topics say about one order.
struct saga {
  json::object order;
  std::string outcome, reason, payment;
  int results = 0, reservations = 0, payments = 0, refunds = 0, notifications = 0;
  std::vector<std::string> stock, account; ///< Steps in the order of their topics.
};

class shop_judge {
 public:
  explicit shop_judge(const world_facts& facts) : facts_(facts), judging_(facts), read_(facts, judging_) {}

  verdict run() {
    orders();
    stock();
    accounts();
    for (const auto& [topic, count] : {std::pair("shop.reservations", &saga::reservations),
                                       {"shop.payments", &saga::payments},
                                       {"shop.refunds", &saga::refunds}})
      messages(topic, count);
    results();
    notifications();
    for (const auto& [id, s] : sagas_)
      check(id, s);
    for (const auto& [article, s] : stocks_)
      if (s.reserved != 0)
        complain(article + " has " + std::to_string(s.reserved) + " reserved at the end");
    add_up();
    judging_.check_transactions();
    auto& v = judging_.result();
    v.orders = sagas_.size();
    return v;
  }

 private:
  struct amounts {
    std::int64_t delivered = 0, free = 0, reserved = 0, shipped = 0;
  };
  struct account {
    std::int64_t deposited = 0, balance = 0;
  };

  void complain(std::string sentence) { judging_.complain(std::move(sentence)); }

  saga* saga_of(std::int64_t id, const std::string& topic, const topic_record& r) {
    const auto found = sagas_.find(id);
    if (found == sagas_.end())
      complain(topic + " speaks of order " + std::to_string(id) + ", which was never placed, at " + place_of(r));
    return found == sagas_.end() ? nullptr : &found->second;
  }

  void orders() {
    read_.each("shop.orders", {"customer", "article"}, {"order_id", "quantity", "amount_cents"},
               [&](const json::object& o, const topic_record& r) {
                 const auto [at, first] = sagas_.try_emplace(number(o, "order_id"));
                 at->second.order = o;
                 if (!first)
                   complain("the input has an order twice: it cannot be judged, at " + place_of(r));
               });
    read_.each("shop.deliveries", {"article"}, {"delivery_id", "quantity"}, [&](const json::object& o, const topic_record&) {
      deliveries_[number(o, "delivery_id")] = {text(o, "article"), number(o, "quantity")};
    });
    read_.each("shop.deposits", {"customer"}, {"deposit_id", "amount_cents"}, [&](const json::object& o, const topic_record&) {
      deposits_[number(o, "deposit_id")] = {text(o, "customer"), number(o, "amount_cents")};
    });
  }

  void stock() {
    std::set<std::int64_t> seen;
    read_.each("shop.stock", {"article", "step"}, {"id", "quantity", "free", "reserved", "shipped"},
               [&](const json::object& o, const topic_record& r) {
                 const auto article = text(o, "article"), step = text(o, "step");
                 const auto quantity = number(o, "quantity"), id = number(o, "id");
                 read_.check_key("shop.stock", r, article);
                 auto& s = stocks_[article];
                 if (step == "delivered") {
                   s.free += quantity;
                   s.delivered += quantity;
                   check_source("delivery", deliveries_, seen, id, article, quantity, r);
                 } else if (auto* order = saga_of(id, "shop.stock", r)) {
                   s.free += step == "released" ? quantity : step == "reserved" ? -quantity : 0;
                   s.reserved += step == "reserved" ? quantity : -quantity;
                   s.shipped += step == "shipped" ? quantity : 0;
                   order->stock.push_back(step);
                   if (quantity != number(order->order, "quantity") || article != text(order->order, "article"))
                     complain("stock of another order under order " + std::to_string(id) + " at " + place_of(r));
                 }
                 if (s.free < 0 || s.reserved < 0)
                   complain("stock is below zero: " + *r.value + " at " + place_of(r));
                 if (number(o, "free") != s.free || number(o, "reserved") != s.reserved || number(o, "shipped") != s.shipped) {
                   complain("stock does not follow from the line before, by which free is " + std::to_string(s.free) +
                            ", reserved " + std::to_string(s.reserved) + ", shipped " + std::to_string(s.shipped) + ": " +
                            *r.value + " at " + place_of(r));
                   // From here on by this line: one break is one complaint.
                   s.free = number(o, "free");
                   s.reserved = number(o, "reserved");
                   s.shipped = number(o, "shipped");
                 }
               });
    if (seen.size() != deliveries_.size())
      complain(std::to_string(deliveries_.size() - seen.size()) + " deliveries are not in stock");
  }

  void accounts() {
    std::set<std::int64_t> seen;
    read_.each("shop.accounts", {"customer", "step"}, {"id", "amount_cents", "balance_cents"},
               [&](const json::object& o, const topic_record& r) {
                 const auto customer = text(o, "customer"), step = text(o, "step");
                 const auto cents = number(o, "amount_cents"), id = number(o, "id");
                 read_.check_key("shop.accounts", r, customer);
                 auto& a = accounts_[customer];
                 a.balance += step == "taken" ? -cents : cents;
                 if (step == "deposited") {
                   a.deposited += cents;
                   check_source("deposit", deposits_, seen, id, customer, cents, r);
                 } else if (auto* order = saga_of(id, "shop.accounts", r)) {
                   order->account.push_back(step);
                   if (cents != number(order->order, "amount_cents") || customer != text(order->order, "customer"))
                     complain("money of another order under order " + std::to_string(id) + " at " + place_of(r));
                 }
                 if (a.balance < 0)
                   complain("a balance is below zero: " + *r.value + " at " + place_of(r));
                 if (number(o, "balance_cents") != a.balance) {
                   complain("a balance does not follow from the line before, by which it is " + std::to_string(a.balance) + ": " +
                            *r.value + " at " + place_of(r));
                   a.balance = number(o, "balance_cents"); // From here on by this line: one break is one complaint.
                 }
               });
    if (seen.size() != deposits_.size())
      complain(std::to_string(deposits_.size() - seen.size()) + " deposits are on no account");
  }

  void check_source(const std::string& what, const std::map<std::int64_t, std::pair<std::string, std::int64_t>>& all,
                    std::set<std::int64_t>& seen, std::int64_t id, const std::string& key, std::int64_t amount,
                    const topic_record& r) {
    const auto found = all.find(id);
    if (found == all.end() || found->second != std::pair(key, amount))
      complain(what + " " + std::to_string(id) + " was not in the input as it is at " + place_of(r));
    if (!seen.insert(id).second)
      complain(what + " " + std::to_string(id) + " is there twice, again at " + place_of(r));
  }

  void messages(const std::string& topic, int saga::*count) {
    read_.each(topic, {"customer"}, {"order_id", "amount_cents"}, [&](const json::object& o, const topic_record& r) {
      auto* s = saga_of(number(o, "order_id"), topic, r);
      if (s == nullptr)
        return;
      ++(s->*count);
      if (topic == "shop.payments")
        s->payment = text_of(o, "outcome").value_or("");
    });
  }

  void results() {
    read_.each("shop.results", {"customer", "article", "outcome", "reason"}, {"order_id", "quantity", "amount_cents"},
               [&](const json::object& o, const topic_record& r) {
                 auto* s = saga_of(number(o, "order_id"), "shop.results", r);
                 if (s == nullptr)
                   return;
                 read_.check_key("shop.results", r, text(s->order, "customer"));
                 for (const auto* field : {"customer", "article", "quantity", "amount_cents"})
                   if (o.at(field) != s->order.at(field))
                     complain("a result has another " + std::string(field) + " than its order: " + *r.value);
                 ++s->results;
                 s->outcome = text(o, "outcome");
                 s->reason = text(o, "reason");
                 ++judging_.result().totals;
                 judging_.result().late += s->outcome == "cancelled" ? 1 : 0;
               });
  }

  // The plain actor is at least once: copies are right, a result without one is not, nor one without a result.
  void notifications() {
    read_.each("shop.notifications", {"customer", "text"}, {"order_id"}, [&](const json::object& o, const topic_record& r) {
      const auto id = number(o, "order_id");
      auto* s = saga_of(id, "shop.notifications", r);
      if (s == nullptr)
        return;
      ++s->notifications;
      const auto customer = text(s->order, "customer"), said = text(o, "text");
      read_.check_key("shop.notifications", r, customer);
      const bool shipped = said.find("on its way") != std::string::npos, cancelled = said.find("cancelled") != std::string::npos;
      if (text(o, "customer") != customer || said.find("order " + std::to_string(id) + " ") == std::string::npos ||
          shipped != (s->outcome == "shipped") || cancelled != (s->outcome == "cancelled"))
        complain("a notification does not tell of the result of its order: " + *r.value + " at " + place_of(r));
    });
  }

  void check(std::int64_t id, const saga& s) {
    using steps = std::vector<std::string>;
    const auto who = "order " + std::to_string(id) + " ";
    if (s.results != 1) {
      complain(who + "has " + std::to_string(s.results) + " results");
      return;
    }
    if (s.notifications < 1)
      complain(who + "has a result and no notification");
    const bool reserved = !s.stock.empty();
    const auto list = [](const steps& all) {
      std::string out;
      for (const auto& step : all)
        out += step + " ";
      return out;
    };
    const auto want = [&](const char* what, const steps& is, const steps& must) {
      if (is != must)
        complain(who + "is " + s.outcome + " (" + s.reason + ") and its " + what + " says: " + list(is) +
                 "instead of: " + list(must));
    };
    const bool impossible = number(s.order, "quantity") < 1 || number(s.order, "amount_cents") < 1;
    if (impossible != (s.reason == "invalid"))
      complain(who + "is " + s.reason + ", which its order does not say");
    if (s.outcome == "shipped") {
      want("stock", s.stock, {"reserved", "shipped"});
      want("account", s.account, {"taken"});
      if (s.reason != "paid")
        complain(who + "is shipped because of " + s.reason);
    } else if (s.outcome == "refused" && s.reason == "balance_short") {
      want("stock", s.stock, {"reserved", "released"});
      want("account", s.account, {});
    } else if (s.outcome == "refused" && (s.reason == "out_of_stock" || s.reason == "invalid")) {
      want("stock", s.stock, {});
      want("account", s.account, {});
    } else if (s.outcome == "cancelled" && s.reason == "not_paid_in_time") {
      want("stock", s.stock, {"reserved", "released"});
      want("account", s.account, s.payment == "taken" ? steps{"taken", "refunded"} : steps{});
    } else {
      complain(who + "has a result that cannot be: " + s.outcome + " because of " + s.reason);
    }
    const int wanted = reserved ? 1 : 0;
    if (s.reservations != wanted || s.payments != wanted)
      complain(who + "has " + std::to_string(s.reservations) + " reservations and " + std::to_string(s.payments) + " payments");
    if (s.refunds != (s.outcome == "cancelled" && s.payment == "taken" ? 1 : 0))
      complain(who + "has " + std::to_string(s.refunds) + " refunds");
  }

  // By the orders' own figures, not by the lines that were checked above.
  void add_up() {
    std::map<std::string, std::int64_t> shipped, spent;
    for (const auto& [id, s] : sagas_)
      if (s.outcome == "shipped") {
        shipped[text(s.order, "article")] += number(s.order, "quantity");
        spent[text(s.order, "customer")] += number(s.order, "amount_cents");
      }
    for (const auto& [article, s] : stocks_)
      if (s.delivered != s.free + shipped[article])
        complain(article + ": delivered " + std::to_string(s.delivered) + ", but " + std::to_string(s.free) + " are there and " +
                 std::to_string(shipped[article]) + " were shipped");
    for (const auto& [customer, a] : accounts_)
      if (a.deposited != a.balance + spent[customer])
        complain(customer + ": paid in " + std::to_string(a.deposited) + ", but has " + std::to_string(a.balance) +
                 " and spent " + std::to_string(spent[customer]));
  }

  const world_facts& facts_;
  judging judging_;
  reading read_;
  std::map<std::int64_t, saga> sagas_;
  std::map<std::int64_t, std::pair<std::string, std::int64_t>> deliveries_, deposits_;
  std::map<std::string, amounts> stocks_;
  std::map<std::string, account> accounts_;
};

std::size_t count_of(const world_facts& facts, const std::string& topic, const std::string& step) {
  std::size_t n = 0;
  for (const auto& r : facts.topics.at(topic))
    if (const auto o = object_of(r))
      n += text_of(*o, "step") == step ? 1 : 0;
  return n;
}

} // namespace

bool shop_opened(const world_facts& facts) {
  return count_of(facts, "shop.stock", "delivered") >= facts.topics.at("shop.deliveries").size() &&
         count_of(facts, "shop.accounts", "deposited") >= facts.topics.at("shop.deposits").size();
}

bool shop_settled(const world_facts& facts) {
  if (facts.topics.at("shop.results").size() < facts.topics.at("shop.orders").size() ||
      facts.topics.at("shop.payments").size() < facts.topics.at("shop.reservations").size())
    return false;
  std::set<std::int64_t> notified;
  for (const auto& r : facts.topics.at("shop.notifications"))
    if (const auto o = object_of(r))
      notified.insert(integer_of(*o, "order_id").value_or(0));
  for (const auto& r : facts.topics.at("shop.results"))
    if (const auto o = object_of(r); o && !notified.contains(integer_of(*o, "order_id").value_or(0)))
      return false;
  std::set<std::int64_t> not_shipped;
  for (const auto& r : facts.topics.at("shop.results"))
    if (const auto o = object_of(r); o && text_of(*o, "outcome") != "shipped")
      not_shipped.insert(integer_of(*o, "order_id").value_or(0));
  std::size_t to_refund = 0;
  for (const auto& r : facts.topics.at("shop.payments"))
    if (const auto o = object_of(r); o && text_of(*o, "outcome") == "taken")
      to_refund += not_shipped.count(integer_of(*o, "order_id").value_or(0));
  return count_of(facts, "shop.accounts", "refunded") >= to_refund;
}

verdict judge_shop(const world_facts& facts) { return shop_judge(facts).run(); }

} // namespace weir::e2e
