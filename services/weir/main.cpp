#include "services/click-sessions/click_sessions.hpp"
#include "services/click-sessions/generate_clicks.hpp"
#include "services/fraud-detection/fraud_detection.hpp"
#include "services/fraud-detection/generate_charges.hpp"
#include "services/inventory/inventory.hpp"
#include "services/notifier/notifier.hpp"
#include "services/order-totals/order_totals.hpp"
#include "services/orders-generator/generate_orders.hpp"
#include "services/payments/payments.hpp"
#include "services/shop/generate_shop.hpp"
#include "services/weir/generate_command.hpp"
#include "services/weir/program.hpp"
#ifdef WEIR_NODES
#include "services/weir/node_commands.hpp"
#endif

int main(int argc, char** argv) {
  weir::program all;
  all.services = {weir::order_totals_service(),    weir::fraud_detection_service(), weir::click_sessions_service(),
                  weir::shop::inventory_service(), weir::shop::payments_service(),  weir::shop::notifier_service()};
  all.commands = {weir::generate_command(all, weir::orders_generator()), weir::generate_command(all, weir::charges_generator()),
                  weir::generate_command(all, weir::clicks_generator()), weir::generate_command(all, weir::shop_generator())};
#ifdef WEIR_NODES
  all.start_node = weir::start_node;
#endif
  return weir::main(argc, argv, all);
}
