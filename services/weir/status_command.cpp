#include <boost/json.hpp>
#include <ostream>
#include "services/weir/commands.hpp"
#include "services/weir/health/http_client.hpp"
#include "services/weir/jobs.hpp"
#include "services/weir/status_text.hpp"

namespace weir {
namespace {

/// Where to ask and how, from the configuration, from the address given, or from both.
result<http_request> request_of(const health_config& c, const std::string& store, const status_options& o) {
  http_request r;
  r.path = "/api/v1/status";
  r.token = c.token;
  r.certificate = c.tls_cert;
  r.address = o.address;
  if (r.address.empty()) {
    WEIR_ASSIGN(auto place, find_health(store));
    r.address = place.address;
  }
  return r;
}

/// The pid in an answer; what another process gives out is not what was asked for.
int pid_of(const std::string& body) {
  boost::json::error_code e;
  auto v = boost::json::parse(body, e);
  const auto* object = e ? nullptr : v.if_object();
  const auto* pid = object ? object->if_contains("pid") : nullptr;
  return pid && pid->is_int64() ? static_cast<int>(pid->get_int64()) : 0;
}

} // namespace

exit_code status_command(const program& p, const status_options& o, const program_seams& seams) {
  health_config health;
  std::string store;
  if (o.source.file.empty()) {
    if (o.address.empty()) {
      seams.err << "weir: status needs a configuration file or --address\n";
      return exit_code::usage;
    }
    health.token = seams.environment.variable("WEIR_HEALTH_TOKEN").value_or("");
  } else {
    auto types = descriptions_of(p);
    auto loaded = load_config(o.source.file, types, o.source.overrides, seams.environment);
    if (!loaded.ok()) {
      print_problems(seams.err, o.source.file, loaded.problems);
      return exit_code::usage;
    }
    health = loaded.value.health;
    store = loaded.value.store.path;
  }
  auto request = request_of(health, store, o);
  if (!request)
    return report(request.err().code == errc::not_found ? error{errc::unavailable, request.err().message} : request.err(), seams);
  auto reply = http_get(*request);
  if (!reply)
    return report(reply.err(), seams);
  if (reply->code != 200)
    return report({errc::unavailable, request->address + " answers " + std::to_string(reply->code) +
                                          (reply->code == 401 ? ": it wants another token" : "")},
                  seams);
  if (auto place = find_health(store); o.address.empty() && place && pid_of(reply->body) != place->pid)
    return report({errc::unavailable, "process " + std::to_string(place->pid) + " that ran " + o.source.file +
                                          " is gone; another one answers at " + request->address},
                  seams);
  if (o.json) {
    seams.out << reply->body;
    return exit_code::done;
  }
  auto text = status_text(reply->body);
  if (!text)
    return report(text.err(), seams);
  seams.out << *text;
  return exit_code::done;
}

} // namespace weir
