#pragma once
#include "services/generator/generate.hpp"

namespace weir {

/// The input of inventory and payments: orders of customers named customer-0000, customer-0001, ... for articles named
/// article-000, ..., one per four customers. Before the first order: a delivery of each article and a deposit of each
/// customer. One customer in eight has little money; one article in eight is scarce; about one order in 200 is impossible.
[[nodiscard]] record_generator shop_generator();

} // namespace weir
