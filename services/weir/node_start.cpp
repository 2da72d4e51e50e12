#include <weir/cluster/log/log_seat.hpp>
#include "services/weir/node_commands.hpp"
#ifdef WEIR_KAFKA
#include <weir/cluster/kafka/kafka_seat.hpp>
#endif

namespace weir {

result<std::unique_ptr<node_host>> start_node(node_start s) {
  if (s.seat)
    s.host.open_seat = [&s](cluster::running_seat::options o) -> result<std::unique_ptr<cluster::running_seat>> {
      if (s.control.type == "log")
        return cluster::open_log_seat({s.store + "/control", s.name_space, std::move(o)});
#ifdef WEIR_KAFKA
      cluster::kafka_seat_options k;
      k.connection = s.control;
      k.name_space = s.name_space;
      k.session = std::chrono::duration_cast<std::chrono::milliseconds>(s.session);
      k.log = o.seat.log;
      k.seat = std::move(o);
      return cluster::open_kafka_seat(std::move(k));
#else
      return error{errc::invalid_config, "this build has no connector of type '" + s.control.type + "'"};
#endif
    };
  return node_host::start(std::move(s.host));
}

} // namespace weir
