#include "services/order-totals/order_totals.hpp"
#include "services/weir/generate_command.hpp"
#include "services/weir/program.hpp"

int main(int argc, char** argv) {
  weir::program all;
  all.services = {weir::order_totals_service()};
  all.commands = {weir::generate_command(all)};
  return weir::main(argc, argv, all);
}
