#include <atomic>
#include <chrono>
#include <condition_variable>
#include <thread>
#include <weir/connectors/kafka/client.hpp>
#include <weir/connectors/kafka/errors.hpp>
#include <weir/connectors/kafka/main_thread.hpp>

namespace weir::kafka {
namespace {

thread_local client::queue_error* trapped = nullptr;

// librdkafka says when it lost the cluster, and again at each attempt (every 10 s at most), but not when it is back.
constexpr auto trouble_lasts = std::chrono::seconds(15);

} // namespace

client::queue_error_trap::queue_error_trap(queue_error& into) { trapped = &into; }
client::queue_error_trap::~queue_error_trap() { trapped = nullptr; }

struct client::shared {
  std::string connection;
  logger log;
  std::mutex hook_mutex; // Held while a hook runs: so that setting hooks waits for the running one.
  hooks hook;
  mutable std::mutex mutex;
  std::optional<error> trouble;
  std::chrono::steady_clock::time_point trouble_at{};
  std::atomic<bool> in_trouble{false};
  std::string last_line;
  std::chrono::steady_clock::time_point last_line_at{};
};

result<std::shared_ptr<client>> client::open(rd_kafka_type_t type, conf_ptr conf, const std::string& connection,
                                             const logger& log, hooks h, consumer_queue queue) {
  auto s = std::make_shared<shared>();
  s->connection = connection;
  s->log = log;
  s->hook = std::move(h);
  spare_main_thread(conf.get());
  rd_kafka_conf_set_opaque(conf.get(), s.get());
  rd_kafka_conf_set_log_cb(conf.get(), &client::on_log);
  rd_kafka_conf_set_error_cb(conf.get(), &client::on_error);
  rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
  rd_kafka_conf_set_background_event_cb(conf.get(), &client::on_event);
  char text[512];
  auto* rk = rd_kafka_new(type, conf.get(), text, sizeof text);
  if (!rk)
    return {errc::invalid_config, "connection '" + connection + "': " + text};
  (void)conf.release(); // librdkafka owns it from here on.
  queue_ptr background(rd_kafka_queue_get_background(rk));
  queue_ptr main(rd_kafka_queue_get_main(rk));
  rd_kafka_queue_forward(main.get(), background.get());
  auto forwarded = type == RD_KAFKA_CONSUMER && queue == consumer_queue::served;
  if (queue_ptr consumer(forwarded ? rd_kafka_queue_get_consumer(rk) : nullptr); consumer)
    rd_kafka_queue_forward(consumer.get(), background.get());
  return std::shared_ptr<client>(new client(rk, std::move(s)));
}

client::~client() {
  set_hooks({});
  struct waiting {
    std::mutex mutex;
    std::condition_variable done;
    bool ended = false;
  };
  auto w = std::make_shared<waiting>();
  std::thread([w, rk = rk_, keep = shared_] {
    rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    std::lock_guard lock(w->mutex);
    w->ended = true;
    w->done.notify_all();
  }).detach();
  std::unique_lock lock(w->mutex);
  if (!w->done.wait_for(lock, std::chrono::seconds(5), [&] { return w->ended; }))
    shared_->log.warning("a Kafka client did not end within 5 s and is left to itself", {{"connection", shared_->connection}});
}

void client::set_hooks(hooks h) {
  std::lock_guard lock(shared_->hook_mutex);
  shared_->hook = std::move(h);
}

std::optional<error> client::trouble() const {
  if (!shared_->in_trouble.load(std::memory_order_relaxed))
    return std::nullopt;
  std::lock_guard lock(shared_->mutex);
  if (std::chrono::steady_clock::now() - shared_->trouble_at > trouble_lasts)
    return std::nullopt;
  return shared_->trouble;
}

void client::clear_trouble() {
  if (!shared_->in_trouble.load(std::memory_order_relaxed))
    return;
  std::lock_guard lock(shared_->mutex);
  shared_->trouble.reset();
  shared_->in_trouble = false;
}

error client::unavailable(const std::string& what) const {
  auto t = trouble();
  std::string text = "connection '" + shared_->connection + "': " + what;
  if (t)
    text += " (last reported: " + t->message + ")";
  return {t && t->code == errc::not_authorized ? errc::not_authorized : errc::unavailable, text};
}

void client::on_event(rd_kafka_t* rk, rd_kafka_event_t* event, void* opaque) {
  event_ptr owner(event);
  auto& s = *static_cast<shared*>(opaque);
  switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_DR: {
      std::lock_guard lock(s.hook_mutex);
      if (s.hook.delivered)
        s.hook.delivered(event);
      break;
    }
    case RD_KAFKA_EVENT_ERROR: {
      auto err = rd_kafka_event_error(event);
      std::string text = rd_kafka_event_error_string(event);
      if (err == RD_KAFKA_RESP_ERR__FATAL) {
        char fatal[512];
        err = rd_kafka_fatal_error(rk, fatal, sizeof fatal);
        text = fatal;
      }
      note_trouble(s, err, text);
      std::lock_guard lock(s.hook_mutex);
      if (s.hook.trouble)
        s.hook.trouble();
      break;
    }
    default:
      break;
  }
}

void client::note_trouble(shared& s, rd_kafka_resp_err_t err, const std::string& text) {
  std::lock_guard lock(s.mutex);
  // "All brokers down" says less than the reason that came before it.
  if (err != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || !s.trouble)
    s.trouble = make_error(err, "connection '" + s.connection + "'", text);
  s.trouble_at = std::chrono::steady_clock::now();
  s.in_trouble = true;
}

void client::on_error(rd_kafka_t*, int err, const char* text, void* opaque) {
  auto code = static_cast<rd_kafka_resp_err_t>(err);
  if (trapped)
    *trapped = {code, text};
  else
    note_trouble(*static_cast<shared*>(opaque), code, text);
}

void client::on_log(const rd_kafka_t* rk, int level, const char* facility, const char* text) {
  auto* s = static_cast<shared*>(rd_kafka_opaque(rk));
  if (!s)
    return;
  {
    // A broker that is down makes a line per attempt and broker: one a second of a kind is enough.
    std::lock_guard lock(s->mutex);
    auto now = std::chrono::steady_clock::now();
    if (s->last_line == facility && now - s->last_line_at < std::chrono::seconds(1))
      return;
    s->last_line = facility;
    s->last_line_at = now;
  }
  // librdkafka warns of every consumer property on a producer and the reverse; properties here belong to both.
  auto l = std::string_view(facility) == "CONFWARN" || level >= 7 ? log_level::debug
           : level <= 4                                           ? log_level::warning
                                                                  : log_level::info;
  s->log.log(l, text, {{"connection", s->connection}, {"librdkafka", facility}});
}

} // namespace weir::kafka
