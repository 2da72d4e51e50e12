#include "services/weir/running_process.hpp"
#include <boost/json.hpp>
#include <ostream>
#include "services/weir/jobs.hpp"

namespace weir {
namespace {

/// Where to ask and how, from the configuration, from the address given, or from both.
result<http_request> request_of(const health_config& c, const std::string& store, const std::string& address) {
  http_request r;
  r.path = "/api/v1/status";
  r.token = c.token;
  r.certificate = c.tls_cert;
  r.address = address;
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

error refusal_of(const std::string& address, const http_reply& reply) {
  if (reply.code == 401)
    return {errc::unavailable, address + " answers 401: it wants another token"};
  // A sentence of ours is one line; whatever else listens there may say anything.
  auto said = reply.body.substr(0, reply.body.find('\n'));
  auto ours = (reply.code == 404 || reply.code == 503) && !said.empty() && said.size() < 4096;
  return {errc::unavailable, address + " answers " + std::to_string(reply.code) + (ours ? ": " + said : "")};
}

exit_code ask_process(const program& p, const file_options& source, const std::string& address, const program_seams& seams,
                      running_process& out) {
  health_config health;
  std::string store;
  if (source.file.empty()) {
    if (address.empty()) {
      seams.err << "weir: a configuration file or --address is needed\n";
      return exit_code::usage;
    }
    health.token = seams.environment.variable("WEIR_HEALTH_TOKEN").value_or("");
  } else {
    auto types = descriptions_of(p);
    auto loaded = load_config(source.file, types, source.overrides, seams.environment);
    if (!loaded.ok()) {
      print_problems(seams.err, source.file, loaded.problems);
      return exit_code::usage;
    }
    health = loaded.value.health;
    store = loaded.value.store.path;
  }
  auto request = request_of(health, store, address);
  if (!request)
    return report(request.err().code == errc::not_found ? error{errc::unavailable, request.err().message} : request.err(), seams);
  auto reply = http_get(*request);
  if (!reply)
    return report(reply.err(), seams);
  if (reply->code != 200)
    return report(refusal_of(request->address, *reply), seams);
  if (auto place = find_health(store); address.empty() && place && pid_of(reply->body) != place->pid)
    return report({errc::unavailable, "process " + std::to_string(place->pid) + " that ran " + source.file +
                                          " is gone; another one answers at " + request->address},
                  seams);
  out = {std::move(*request), std::move(reply->body)};
  return exit_code::done;
}

} // namespace weir
