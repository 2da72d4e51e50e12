#pragma once
#include <memory>
#include <weir/connectors/connector.hpp>

namespace weir {

/// Makes a connection by its type. Errors: those of the connector; invalid_config for a type this build does not have.
/// A log is made when it is missing; no broker is asked.
result<std::shared_ptr<connection>> make_connection(const connection_settings& s);

/// Checks settings without touching a broker or a disk. Errors: invalid_config.
result<> check_connection(const connection_settings& s);

} // namespace weir
