#include <set>
#include <weir/caf.hpp>
#include <weir/core/clock.hpp>

namespace weir {
namespace {

constexpr std::size_t most_in_flight = 1'000'000;
constexpr unsigned most_attempts = 200; ///< A try's number is part of its request's id.

std::optional<std::string> problem_of(const detail::hosted_subscription& s) {
  if (s.in_flight < 1 || s.in_flight > most_in_flight)
    return "in_flight is " + std::to_string(s.in_flight) + " and must be 1 to " + std::to_string(most_in_flight);
  if (s.timeout <= duration{0})
    return "the time-out must be above 0";
  if (s.failures.tries.attempts < 1 || s.failures.tries.attempts > most_attempts)
    return "an event has " + std::to_string(s.failures.tries.attempts) + " tries and must have 1 to " +
           std::to_string(most_attempts);
  return std::nullopt;
}

} // namespace

void detail::hosted_port::threw(std::string text) const {
  std::lock_guard lock(mutex_);
  if (thrown_.empty())
    thrown_ = std::move(text);
}

std::string detail::hosted_port::thrown() const {
  std::lock_guard lock(mutex_);
  return thrown_;
}

std::string caf_context::text_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (...) {
    return current_exception_text();
  }
}

timestamp caf_context::now() { return system_clock().now(); }

caf_service::caf_service(std::string name) : name_(std::move(name)) {}

std::size_t caf_service::add_output(std::string name, topic_ref to, std::int32_t partitions) {
  outputs_.push_back({std::move(name), std::move(to), partitions});
  return outputs_.size() - 1;
}

std::optional<std::size_t> caf_service::letters_of(const std::string& name, const on_error& policy) {
  if (policy.action != error_action::dead_letter)
    return std::nullopt;
  return add_output(name, policy.dead_letters, 0);
}

void caf_service::add(detail::hosted_subscription s, topic_ref from, const caf_subscription& options) {
  s.in_flight = options.in_flight;
  s.timeout = options.timeout;
  s.errors = options.errors;
  s.failures = options.failures;
  s.without_value = options.without_value;
  s.error_letters = letters_of(s.name + ".unreadable", s.errors);
  s.failure_letters = letters_of(s.name + ".refused", s.failures);
  s.topic = std::make_shared<const std::string>(from.topic);
  source_spec source;
  source.topic = std::move(from);
  source.start = start_group{};
  source.gone = options.gone;
  sources_.push_back(std::move(source));
  service_.subscriptions.push_back(std::move(s));
}

caf_service& caf_service::spawns(std::function<caf::actor(const caf_context&)> f) {
  service_.spawn = std::move(f);
  return *this;
}

caf_service& caf_service::message_types(std::function<void(caf::actor_system_config&)> f) {
  service_.message_types.push_back(std::move(f));
  return *this;
}

caf_service& caf_service::asks_to_drain() {
  service_.asked_to_drain = true;
  return *this;
}

result<job_plan> caf_service::plan(const plan_options&) const {
  std::string problems;
  auto problem = [&](const std::string& text) {
    problems += (problems.empty() ? "" : "; ") + ("service '" + name_ + "': " + text);
  };
  if (!service_.spawn)
    problem("nothing says how its actor is spawned: call spawns()");
  if (service_.subscriptions.empty() && outputs_.empty())
    problem("it neither subscribes nor publishes");
  std::set<std::string> names{name_};
  auto unique = [&](const std::string& name) {
    if (!names.insert(name).second)
      problem("the name '" + name + "' is used twice");
  };
  job_plan plan;
  plan.job = name_;
  plan.fingerprint = "caf actor";
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const auto& s = service_.subscriptions[i];
    unique(s.name);
    if (auto wrong = problem_of(s))
      problem("subscription '" + s.name + "': " + *wrong);
    for (std::size_t other = 0; other < i; ++other)
      if (sources_[other].topic.connection == sources_[i].topic.connection &&
          sources_[other].topic.topic == sources_[i].topic.topic)
        problem("subscriptions '" + service_.subscriptions[other].name + "' and '" + s.name +
                "' read the same topic: what is done is kept as one offset per partition, so the actor gets its events once");
    vertex_plan v;
    v.name = s.name;
    v.operators = {s.name};
    v.kind = vertex_kind::source;
    v.source = sources_[i];
    plan.vertices.push_back(std::move(v));
    plan.edges.push_back({.from = i, .to = sources_.size(), .input = i});
  }
  vertex_plan actor;
  actor.name = name_;
  actor.operators = {name_};
  actor.parallelism = 1;
  plan.vertices.push_back(std::move(actor));
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const auto& o = outputs_[i];
    unique(o.name);
    vertex_plan v;
    v.name = o.name;
    v.operators = {o.name};
    v.kind = vertex_kind::sink;
    v.parallelism = 1;
    v.sink.topic = o.to;
    v.sink.guarantee = delivery::at_least_once;
    v.sink.partitions = o.partitions;
    plan.vertices.push_back(std::move(v));
    plan.edges.push_back({.from = sources_.size(), .to = sources_.size() + 1 + i, .port = i});
  }
  if (!problems.empty())
    return error{errc::invalid_graph, problems};
  auto made = std::make_shared<hosted_service>(service_);
  made->outputs = outputs_.size();
  plan.hosted = std::move(made);
  return plan;
}

} // namespace weir
