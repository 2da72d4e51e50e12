#include <weir/cluster/kafka/kafka_control_log.hpp>
#include <weir/cluster/kafka/kafka_seat.hpp>

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
    // NOLINTNEXTLINE(performance-unnecessary-value-param): it is moved from; clang-tidy 14 does not see it in a template.
    made.say = [control](control_entry e) { control->say(std::move(e), [](const result<>&) {}); };
    return made;
  });
}

} // namespace weir::cluster
