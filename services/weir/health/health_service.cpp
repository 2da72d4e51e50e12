#include "services/weir/health/health_service.hpp"
#include <fcntl.h>
#include <unistd.h>
#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <mutex>
#include <sstream>
#include <weir/core/clock.hpp>
#include <weir/core/logger.hpp>
#include "services/weir/health/http_server.hpp"
#include "services/weir/health/metrics_text.hpp"
#include "services/weir/health/status_json.hpp"

namespace weir {
namespace {

/// Rates are over at least this time: shorter, they jump with each checkpoint.
constexpr duration least_apart = std::chrono::seconds(1);

std::string place_file(const std::string& store_directory) { return store_directory + "/health.json"; }

/// Whole or not at all; readable for the owner only.
result<> write_place(const std::string& path, const health_place& p) {
  auto text = boost::json::serialize(boost::json::object{{"address", p.address}, {"tls", p.tls}, {"pid", p.pid}}) + "\n";
  auto temporary = path + ".tmp";
  ::unlink(temporary.c_str());
  auto file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  auto done = file >= 0 && ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  auto why = errno;
  if (file >= 0)
    ::close(file);
  if (done && ::rename(temporary.c_str(), path.c_str()) == 0)
    return success();
  return error{errc::unavailable, path + ": " + std::strerror(done ? errno : why)};
}

class service final : public health_service {
 public:
  service(std::string directory, served_jobs jobs)
      : directory_(std::move(directory)), jobs_(std::move(jobs)), started_(system_clock().now()) {}

  ~service() override {
    server_.reset();
    if (auto found = find_health(directory_); found && found->pid == ::getpid())
      ::unlink(place_file(directory_).c_str());
  }

  result<> open(const health_config& c, const listen_address& at) {
    http_server_options o;
    o.host = at.host;
    o.port = at.port;
    o.name = c.host;
    o.token = c.token;
    o.tls_cert = c.tls_cert;
    o.tls_key = c.tls_key;
    tls_ = !c.tls_cert.empty();
    o.answer = [this](health_route r) { return answer(r); };
    if (jobs_.release)
      o.order = [this](health_route r, const parked_place& place) {
        return release(r == health_route::parked_skip ? unpark::skip : unpark::retry, place);
      };
    WEIR_ASSIGN(auto server, http_server::start(std::move(o)));
    std::lock_guard guard(lock_);
    server_ = std::move(server);
    return success();
  }

  [[nodiscard]] const std::string& address() const override { return server_->address(); }

  void announce() override {
    if (auto written = write_place(place_file(directory_), {address(), tls_, ::getpid()}); !written)
      logger{}.warning("`weir status FILE` will not find this process; give it --address", {{"cause", written.err().message}});
    logger{}.info("health answers", {{"address", address()}, {"tls", tls_}});
  }

  void note(const std::vector<job_status>& jobs, duration monotonic) override {
    std::lock_guard guard(lock_);
    if (newer_ && monotonic - newer_->monotonic < least_apart)
      return;
    older_ = std::move(newer_);
    newer_ = status_snapshot{jobs, monotonic};
  }

 private:
  http_answer answer(health_route r) {
    static const std::string json = "application/json";
    switch (r) {
      case health_route::live:
        return {200, json, "{\"status\":\"alive\"}\n"};
      case health_route::ready: {
        auto jobs = jobs_.status();
        return {is_ready(jobs) ? 200u : 503u, json, ready_json(jobs)};
      }
      case health_route::metrics: {
        auto process = process_now();
        process.started = started_;
        return {200, "text/plain; version=0.0.4; charset=utf-8", metrics_text(jobs_.status(), process, counts(), WEIR_VERSION)};
      }
      case health_route::status: {
        status_snapshot now{jobs_.status(), system_clock().monotonic()};
        std::lock_guard guard(lock_);
        const auto* before = newer_ && now.monotonic - newer_->monotonic >= least_apart ? &*newer_ : older_ ? &*older_ : nullptr;
        return {200, json, status_json(now, before, system_clock().now(), ::getpid(), WEIR_VERSION)};
      }
      case health_route::parked_retry:
      case health_route::parked_skip:
        break; // Orders take the other way.
    }
    return {404, json, "{}\n"};
  }

  /// The parked key as status shows it; none: it is not parked.
  [[nodiscard]] std::optional<parked_key> parked(const parked_place& place) const {
    for (auto& job : jobs_.status())
      for (auto& key : job.parked)
        if (key.service == place.service && key.encoded_key == place.encoded_key)
          return std::move(key);
    return std::nullopt;
  }

  http_answer release(unpark how, const parked_place& place) const {
    static const std::string plain = "text/plain; charset=utf-8";
    if (jobs_.release(place.service, place.encoded_key, how))
      return {200, "application/json", released_json(place, how)};
    // Not parked, or nobody said so in time: status knows which.
    if (auto still = parked(place))
      return {503, plain,
              "service '" + place.service +
                  "' did not answer: it is restarting or stopped, or a handler keeps its task busy. Key " + still->key +
                  " is still parked; an order on its way may release it later\n"};
    for (const auto& job : jobs_.status())
      if (job.job == place.service)
        return {404, plain, "this key of service '" + place.service + "' is not parked\n"};
    return {404, plain, "no service '" + place.service + "' runs here\n"};
  }

  http_counts counts() {
    std::lock_guard guard(lock_);
    return server_ ? server_->counts() : http_counts{};
  }

  std::string directory_;
  served_jobs jobs_;
  timestamp started_;
  bool tls_ = false;
  std::mutex lock_;
  std::optional<status_snapshot> older_, newer_;
  std::unique_ptr<http_server> server_; ///< Last: its thread uses what is above.
};

} // namespace

result<health_place> find_health(const std::string& store_directory) {
  std::ifstream file(place_file(store_directory), std::ios::binary);
  if (!file)
    return error{errc::not_found, "no running process serves the store " + store_directory + " (there is no " +
                                      place_file(store_directory) + "); start it with `weir run`"};
  std::stringstream text;
  text << file.rdbuf();
  boost::json::error_code e;
  auto read = boost::json::parse(text.str(), e);
  const auto* object = e ? nullptr : read.if_object();
  health_place out;
  const auto* address = object ? object->if_contains("address") : nullptr;
  const auto* tls = object ? object->if_contains("tls") : nullptr;
  const auto* pid = object ? object->if_contains("pid") : nullptr;
  if (!address || !address->is_string() || !tls || !tls->is_bool() || !pid || !pid->is_int64())
    return error{errc::decode_failed, place_file(store_directory) + " is not what `weir run` writes"};
  out.address = std::string(address->get_string());
  out.tls = tls->get_bool();
  out.pid = static_cast<int>(pid->get_int64());
  return out;
}

result<std::unique_ptr<health_service>> start_health(const health_config& c, const std::string& store_directory,
                                                     served_jobs jobs) {
  if (!c.enabled)
    return std::unique_ptr<health_service>();
  WEIR_ASSIGN(auto at, parse_listen_address(c.listen.empty() ? default_health_address : c.listen));
  auto made = std::make_unique<service>(store_directory, std::move(jobs));
  logger log;
  auto opened = made->open(c, at);
  if (!opened && c.listen.empty() && opened.err().code != errc::invalid_config) {
    log.warning("the default address of health cannot be used; another port of loopback is taken",
                {{"cause", opened.err().message}});
    at.port = 0;
    opened = made->open(c, at);
    if (!opened && opened.err().code != errc::invalid_config) {
      log.warning("health does not answer", {{"cause", opened.err().message}});
      return std::unique_ptr<health_service>();
    }
  }
  if (!opened)
    return opened.err().code == errc::invalid_config ? opened.err() : opened.err().in("/health/listen");
  return std::unique_ptr<health_service>(std::move(made));
}

} // namespace weir
