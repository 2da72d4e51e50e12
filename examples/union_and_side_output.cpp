// Payments of two topics in one stream; large ones also go to a topic of their own, broken ones to dead letters.
#include <weir/weir.hpp>
#include "services/weir/program.hpp"

struct payment {
  std::string account;
  std::int64_t cents = 0;
};
BOOST_DESCRIBE_STRUCT(payment, (), (account, cents))

struct balance {
  std::string account;
  std::int64_t cents = 0;
};
BOOST_DESCRIBE_STRUCT(balance, (), (account, cents))

static const weir::output_tag<payment> large{"large"};

struct add_up : weir::process_function<std::string, payment, balance> {
  weir::value_state<std::int64_t> total{*this, "total"};

  void process(const payment& p, context& ctx) {
    auto now = total.get(ctx) + p.cents;
    total.set(ctx, now);
    ctx.emit({p.account, now});
    if (p.cents >= 1'000'000)
      ctx.side(large, p);
  }
};

struct settings {
  weir::topic_ref cards, transfers, balances, large, broken;
};

int main(int argc, char** argv) {
  auto table = weir::settings_of<settings>{}
                   .add("cards", &settings::cards, "Topic of card payments.", {.required = true})
                   .add("transfers", &settings::transfers, "Topic of transfers.", {.required = true})
                   .add("balances", &settings::balances, "Topic of the balances, key: the account.", {.required = true})
                   .add("large", &settings::large, "Topic of the large payments.", {.required = true})
                   .add("broken", &settings::broken, "Topic for what does not parse.", {.required = true});
  auto make = [](const settings& c) {
    weir::job job{"balances"};
    weir::source_options options;
    options.errors = weir::on_error::dead_letter(c.broken);
    auto cards = job.source("cards", weir::topic<payment>{c.cards}, options);
    auto transfers = job.source("transfers", weir::topic<payment>{c.transfers}, options);
    auto balances = cards.union_with(transfers).key_by(&payment::account).process("add-up", add_up{});
    balances.sink("balances", weir::topic<balance>{c.balances}, weir::key{&balance::account});
    balances.side(large).sink("large", weir::topic<payment>{c.large}, weir::key{&payment::account});
    return job;
  };
  return weir::main(argc, argv, {.services = {weir::service("balances", "Balances of two topics.", table, make)}});
}
