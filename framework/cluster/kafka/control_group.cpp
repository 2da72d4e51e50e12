#include <weir/cluster/kafka/control_group.hpp>
#include <weir/connectors/kafka/errors.hpp>

namespace weir::cluster {

namespace {
// librdkafka calls back from inside the poll, with the client's opaque pointer, which is not ours.
thread_local control_group* polling = nullptr;

// By its heartbeat a member hears that another one is gone, and the group waits for all of them: that long is the lead vacant
// beyond the session.
constexpr auto heartbeats_per_session = 12;
constexpr auto leaving_takes = std::chrono::seconds(1);
// Each look waits for a thread of librdkafka.
constexpr auto look_each = std::chrono::milliseconds(250);
constexpr auto own_request_lives = std::chrono::seconds(60);
} // namespace

result<std::unique_ptr<control_group>> control_group::make(options o) {
  std::unique_ptr<control_group> g(new control_group(std::move(o)));
  WEIR_TRY(g->open());
  return g;
}

result<> control_group::open() {
  const auto& c = options_;
  auto session = std::to_string(c.session.count());
  kafka::property_list fixed{{"group.id", c.topic},
                             {"group.instance.id", c.node},
                             {"partition.assignment.strategy", "cooperative-sticky"},
                             {"session.timeout.ms", session},
                             {"max.poll.interval.ms", session},
                             {"heartbeat.interval.ms", std::to_string(c.session.count() / heartbeats_per_session)},
                             {"enable.auto.commit", "false"},
                             {"enable.auto.offset.store", "false"},
                             {"isolation.level", "read_committed"},
                             {"auto.offset.reset", "latest"}};
  WEIR_ASSIGN(auto conf, kafka::make_conf(c.config, {}, fixed));
  rd_kafka_conf_set_rebalance_cb(conf.get(), &control_group::on_rebalance);
  WEIR_ASSIGN(client_, kafka::client::open(RD_KAFKA_CONSUMER, std::move(conf), c.config.name, c.log, {},
                                           kafka::client::consumer_queue::polled));
  member_ = false;
  lost_.reset();
  return success();
}

control_group::~control_group() {
  if (!client_ || standing_ == standing::replaced)
    return;
  give_up();
  auto until = std::chrono::steady_clock::now() + leaving_takes;
  while (is_member() && std::chrono::steady_clock::now() < until)
    poll_once(std::chrono::milliseconds(10));
  poll_once(std::chrono::milliseconds(50)); // The request itself is on its way behind the forgotten id.
}

bool control_group::is_member() const {
  std::unique_ptr<char, void (*)(char*)> id(rd_kafka_memberid(client_->get()), [](char* p) { std::free(p); });
  return id && *id != '\0';
}

void control_group::note_membership() {
  auto now = std::chrono::steady_clock::now();
  if (now < next_look_)
    return;
  next_look_ = now + look_each;
  if (auto member = is_member(); std::exchange(member_, member) && !member && wanted_)
    lost_ = now;
}

bool control_group::may_be_ourselves() const {
  // A request is repeated for a minute at most; whoever comes later is another process.
  return lost_ && std::chrono::steady_clock::now() - *lost_ < own_request_lives;
}

void control_group::subscribe() {
  kafka::list_ptr topics(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(topics.get(), options_.topic.c_str(), RD_KAFKA_PARTITION_UA);
  if (auto err = rd_kafka_subscribe(client_->get(), topics.get()))
    options_.log.warning("cannot join the group of the control topic", {{"why", rd_kafka_err2str(err)}});
  wanted_ = true;
}

void control_group::on_rebalance(rd_kafka_t*, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t* parts, void*) {
  if (polling)
    polling->rebalanced(err, parts);
}

void control_group::rebalanced(rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t* parts) {
  auto* rk = client_->get();
  if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    // Held, not read: the control log reads by itself, on every node.
    for (int i = 0; i < parts->cnt; ++i)
      parts->elems[i].offset = RD_KAFKA_OFFSET_END;
    kafka::error_ptr failed(rd_kafka_incremental_assign(rk, parts));
    rd_kafka_pause_partitions(rk, parts);
    if (parts->cnt > 0 && wanted_)
      standing_ = standing::holds;
    return;
  }
  if (parts->cnt > 0 && standing_ == standing::holds)
    standing_ = standing::out;
  kafka::error_ptr failed(rd_kafka_incremental_unassign(rk, parts));
}

void control_group::poll_once(std::chrono::milliseconds at_most) {
  polling = this;
  kafka::message_ptr message(rd_kafka_consumer_poll(client_->get(), static_cast<int>(at_most.count())));
  polling = nullptr;
}

lead_source::standing control_group::poll() {
  if (standing_ == standing::replaced)
    return standing_;
  poll_once(std::chrono::milliseconds(0));
  auto* rk = client_->get();
  if (standing_ == standing::holds && rd_kafka_assignment_lost(rk))
    standing_ = standing::out;
  note_membership();
  char why[256];
  if (!rd_kafka_fatal_error(rk, why, sizeof why))
    return standing_;
  if (may_be_ourselves()) {
    options_.log.warning(
        "joins the group of the control topic anew: what took this node's place may be a request of its own that "
        "was not answered",
        {{"why", why}});
    standing_ = standing::out;
    wanted_ = false;
    if (auto opened = open(); !opened)
      options_.log.error("cannot join the group of the control topic anew", {{"why", opened.err().message}});
  }
  if (rd_kafka_fatal_error(client_->get(), why, sizeof why)) {
    options_.log.error("another process has joined the cluster in this node's name", {{"why", why}});
    standing_ = standing::replaced;
  }
  return standing_;
}

void control_group::give_up() {
  if (standing_ == standing::holds)
    standing_ = standing::out;
  if (!std::exchange(wanted_, false))
    return;
  rd_kafka_unsubscribe(client_->get());
}

void control_group::rejoin() {
  if (!wanted_)
    subscribe();
}

control_group::metadata_ptr control_group::metadata() const {
  auto* m = rd_kafka_consumer_group_metadata(client_->get());
  if (!m)
    return nullptr;
  return {m, rd_kafka_consumer_group_metadata_destroy};
}

std::string control_group::fingerprint() const {
  auto m = metadata();
  void* bytes = nullptr;
  std::size_t size = 0;
  if (!m)
    return {};
  if (kafka::error_ptr failed(rd_kafka_consumer_group_metadata_write(m.get(), &bytes, &size)); failed)
    return {};
  std::string out(static_cast<char*>(bytes), size);
  rd_kafka_mem_free(client_->get(), bytes);
  return out;
}

} // namespace weir::cluster
