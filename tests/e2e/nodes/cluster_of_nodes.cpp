#include "tests/e2e/nodes/cluster_of_nodes.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <csignal>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

namespace weir::e2e {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using namespace std::chrono_literals;

constexpr auto patience = 120s;

/// A port of loopback that nobody listens on now.
std::uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof a;
  const bool good = fd >= 0 && ::bind(fd, reinterpret_cast<const sockaddr*>(&a), size) == 0 &&
                    ::getsockname(fd, reinterpret_cast<sockaddr*>(&a), &size) == 0;
  ::close(fd);
  if (!good)
    throw std::runtime_error("no port on loopback");
  return ntohs(a.sin_port);
}

} // namespace

fs::path with_shards(const fs::path& file, const scene& s, unsigned shards, const fs::path& to) {
  if (shards == 1)
    return file;
  std::ifstream in(file);
  json::parse_options lenient;
  lenient.allow_comments = lenient.allow_trailing_commas = true;
  auto root = json::parse(std::string(std::istreambuf_iterator<char>(in), {}), {}, lenient);
  auto& services = root.at("services").as_array();
  for (const auto i : s.shardable)
    services.at(i).as_object()["shards"] = shards;
  std::ofstream(to) << json::serialize(root);
  return to;
}

cluster_of_nodes::cluster_of_nodes(fs::path weir, fs::path folder, const std::string& brokers, const std::string& name,
                                   std::vector<std::string> nodes, std::map<std::string, std::string> environment,
                                   const std::map<std::string, place>& places)
    : weir_(std::move(weir)),
      folder_(std::move(folder)),
      shared_(folder_ / "shared"),
      environment_(std::move(environment)),
      names_(std::move(nodes)),
      places_(places) {
  fs::create_directories(shared_);
  json::object members;
  for (const auto& node : names_)
    members[node] = places_[node].address + ":" + std::to_string(places.empty() ? free_port() : 7400);
  if (!places.empty())
    make_certificates();
  for (const auto& node : names_) {
    json::object own{{"name", node},
                     {"cluster", "test"},
                     {"members", members},
                     {"directory", shared_.string()},
                     {"store", (folder_ / node).string()},
                     {"control", "main"}};
    if (places.empty()) {
      own["token"] = (folder_ / "token").string();
    } else {
      own["tls.ca"] = (certificates() / "ca.crt").string();
      own["tls.cert"] = (certificates() / (node + ".crt")).string();
      own["tls.key"] = (certificates() / (node + ".key")).string();
    }
    json::object all{{"version", 1},
                     {"namespace", name},
                     {"connections", {{"main", {{"type", "kafka"}, {"brokers", brokers}}}}},
                     {"node", std::move(own)}};
    std::ofstream(file(node)) << json::serialize(all);
  }
}

void cluster_of_nodes::make_certificates() const {
  process::setup s;
  s.command = {weir_.string(), "node", "certs", certificates().string(), "--cluster", "test"};
  s.command.insert(s.command.end(), names_.begin(), names_.end());
  s.errors = folder_ / "orders.err";
  run_to_end(s, 30s);
}

void cluster_of_nodes::start(const std::string& node, const std::map<std::string, std::string>& more) {
  process::setup s;
  s.command = {weir_.string(), "node", "--config", file(node).string()};
  s.environment = environment_;
  for (const auto& [name, value] : more)
    s.environment[name] = value;
  s.directory = folder_;
  s.errors = log(node);
  s.namespaces = places_.at(node).namespaces;
  nodes_[node] = std::make_unique<process>(s);
}

void cluster_of_nodes::kill(const std::string& node) {
  nodes_.at(node)->signal(SIGKILL);
  const auto end = nodes_.at(node)->wait(patience);
  nodes_.erase(node);
  frozen_.erase(node);
  if (!end || end->signal != SIGKILL)
    throw std::runtime_error("node " + node + " had ended before it was killed\n" + said());
}

void cluster_of_nodes::stop(const std::string& node) {
  nodes_.at(node)->signal(SIGTERM);
  const auto end = nodes_.at(node)->wait(patience);
  nodes_.erase(node);
  if (!end || end->exit_code != 0)
    throw std::runtime_error("node " + node + (end ? " ended with " + end->text() : " does not end") + "\n" + said());
}

void cluster_of_nodes::freeze(const std::string& node) {
  nodes_.at(node)->signal(SIGSTOP);
  frozen_.insert(node);
}

void cluster_of_nodes::thaw(const std::string& node) {
  nodes_.at(node)->signal(SIGCONT);
  frozen_.erase(node);
}

bool cluster_of_nodes::is_stopped(const std::string& node) const {
  std::ifstream in("/proc/" + std::to_string(nodes_.at(node)->pid()) + "/stat");
  const std::string stat(std::istreambuf_iterator<char>(in), {});
  const auto name_end = stat.rfind(')');
  return name_end != std::string::npos && stat.size() > name_end + 2 && stat[name_end + 2] == 'T';
}

std::optional<process_end> cluster_of_nodes::ended(const std::string& node) {
  const auto found = nodes_.find(node);
  if (found == nodes_.end())
    return std::nullopt;
  auto end = found->second->wait(0ms);
  if (end) {
    nodes_.erase(found);
    frozen_.erase(node);
  }
  return end;
}

bool cluster_of_nodes::ask(const std::string& node, const std::vector<std::string>& words, const fs::path& output,
                           std::chrono::milliseconds limit) const {
  process::setup s;
  s.command = {weir_.string(), "cluster", words.front(), "--config", file(node).string()};
  s.command.insert(s.command.end(), words.begin() + 1, words.end());
  s.environment = environment_;
  s.directory = folder_;
  s.output = output;
  s.errors = folder_ / "orders.err";
  process asked(s);
  const auto end = asked.wait(limit);
  return end && end->exit_code == 0;
}

bool cluster_of_nodes::try_order(const std::vector<std::string>& words, const fs::path& output) const {
  return std::any_of(nodes_.begin(), nodes_.end(),
                     [&](const auto& n) { return frozen_.count(n.first) == 0 && ask(n.first, words, output, 30s); });
}

void cluster_of_nodes::order(std::vector<std::string> words) const {
  wait_until(("weir cluster " + words.front()).c_str(), [&] { return try_order(words, {}); });
}

namespace {

json::value json_in(const fs::path& file) {
  std::ifstream in(file);
  return json::parse(std::string(std::istreambuf_iterator<char>(in), {}));
}

} // namespace

json::value cluster_of_nodes::status() const {
  const auto output = folder_ / "status.json";
  fs::remove(output);
  return try_order({"status", "--json"}, output) ? json_in(output) : json::value(nullptr);
}

json::value cluster_of_nodes::status_of(const std::string& node) const {
  const auto output = folder_ / "status.json";
  fs::remove(output);
  return ask(node, {"status", "--json"}, output, 2s) ? json_in(output) : json::value(nullptr);
}

void cluster_of_nodes::wait_until(const char* what, const std::function<bool()>& condition) const {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline)
      throw std::runtime_error(std::string("this does not come: ") + what + "\n" + json::serialize(status()) + "\n" + said());
    for (const auto& [node, running] : nodes_)
      if (const auto end = running->wait(0ms))
        throw std::runtime_error("node " + node + " ended by itself with " + end->text() + "\n" + said());
    std::this_thread::sleep_for(100ms);
  }
}

std::uint64_t cluster_of_nodes::answered_asks() const {
  std::uint64_t all = 0;
  for (const auto& [node, running] : nodes_) {
    const auto now = status_of(node);
    if (!now.is_null())
      all += now.at("asks").at("here").to_number<std::uint64_t>() + now.at("asks").at("elsewhere").to_number<std::uint64_t>();
  }
  return all;
}

std::string cluster_of_nodes::leader() const {
  const auto now = status();
  return now.is_null() ? "" : std::string(now.at("leader").as_string());
}

std::map<std::string, std::string> cluster_of_nodes::running() const {
  std::map<std::string, std::string> out;
  const auto now = status();
  if (now.is_null())
    return out;
  for (const auto& service : now.at("placed").as_object())
    if (service.value().at("phase") == "running")
      out[std::string(service.key())] = service.value().at("node").as_string();
  return out;
}

std::string cluster_of_nodes::said() const {
  std::string out;
  for (const auto& node : names_)
    out += "--- " + node + "\n" + tail(log(node), 25) + "\n";
  return out + "--- orders\n" + tail(folder_ / "orders.err", 5);
}

} // namespace weir::e2e
