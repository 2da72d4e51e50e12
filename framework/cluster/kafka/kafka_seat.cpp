#include <weir/cluster/kafka/kafka_control_log.hpp>
#include <weir/cluster/kafka/kafka_seat.hpp>
#include <weir/connectors/kafka/admin.hpp>

namespace weir::cluster {

namespace {
constexpr std::chrono::milliseconds read_limit{2000};
} // namespace

result<std::unique_ptr<running_seat>> open_kafka_seat(kafka_seat_options o) {
  WEIR_ASSIGN(auto config, kafka::parse_kafka_config(o.connection));
  auto topic = control_topic_of(o.name_space);
  auto node = o.seat.seat.node;
  return running_seat::open(std::move(o.seat), [&](auto post) -> result<running_seat::made> {
    WEIR_ASSIGN(auto group, control_group::make({config, topic, node, o.session, o.log}));
    auto log = std::make_unique<kafka_control_log>(kafka_control_log::options{config, topic, std::move(post), read_limit, o.log},
                                                   *group);
    auto* control = log.get();
    running_seat::made made;
    made.source = std::move(group);
    made.log = std::move(log);
    made.answered = [control] { return control->answered(); };
    made.say = [control](control_entry e) { control->say(std::move(e), [](const result<>&) {}); };
    return made;
  });
}

result<cluster_state> read_kafka_control(const connection_settings& connection, const std::string& name_space,
                                         std::chrono::milliseconds limit, const logger& log) {
  WEIR_ASSIGN(auto config, kafka::parse_kafka_config(connection));
  auto topic = control_topic_of(name_space);
  WEIR_ASSIGN(auto conf, kafka::make_conf(config, {}, {}));
  WEIR_ASSIGN(auto asker, kafka::client::open(RD_KAFKA_CONSUMER, std::move(conf), config.name, log));
  WEIR_TRY((kafka::admin{*asker, std::min(limit, config.request_timeout)}.describe(topic)));
  control_tail tail(config, topic, log);
  WEIR_ASSIGN(auto entries, tail.read(0, limit, [] {}));
  cluster_state state;
  for (const auto& e : entries)
    WEIR_TRY(state.apply(e));
  return state;
}

} // namespace weir::cluster
