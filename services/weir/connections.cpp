#include "services/weir/connections.hpp"
#ifdef WEIR_KAFKA
#include <weir/connectors/kafka/kafka_config.hpp>
#endif

namespace weir {

result<std::shared_ptr<connection>> make_connection(const connection_settings& s) {
  if (s.type == "log") {
    WEIR_ASSIGN(auto made, make_log_connection(s));
    return std::shared_ptr<connection>(std::move(made));
  }
#ifdef WEIR_KAFKA
  if (s.type == "kafka") {
    WEIR_ASSIGN(auto made, make_kafka_connection(s));
    return std::shared_ptr<connection>(std::move(made));
  }
#endif
  return error{errc::invalid_config, "this build has no connector of type '" + s.type + "'"};
}

result<> check_connection(const connection_settings& s) {
#ifdef WEIR_KAFKA
  if (s.type == "kafka") {
    WEIR_TRY(kafka::parse_kafka_config(s));
    return success();
  }
#endif
  if (s.type == "log")
    return success();
  return {errc::invalid_config, "this build has no connector of type '" + s.type + "'"};
}

} // namespace weir
