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

cluster_of_nodes::cluster_of_nodes(fs::path weir, fs::path folder, const std::string& brokers, const std::string& name,
                                   std::vector<std::string> nodes, std::map<std::string, std::string> environment)
    : weir_(std::move(weir)),
      folder_(std::move(folder)),
      shared_(folder_ / "shared"),
      environment_(std::move(environment)),
      names_(std::move(nodes)) {
  fs::create_directories(shared_);
  json::object members;
  for (const auto& node : names_)
    members[node] = "127.0.0.1:" + std::to_string(free_port());
  for (const auto& node : names_) {
    json::object own{{"name", node},
                     {"cluster", "test"},
                     {"members", members},
                     {"token", (folder_ / "token").string()},
                     {"directory", shared_.string()},
                     {"store", (folder_ / node).string()},
                     {"control", "main"}};
    json::object all{{"version", 1},
                     {"namespace", name},
                     {"connections", {{"main", {{"type", "kafka"}, {"brokers", brokers}}}}},
                     {"node", std::move(own)}};
    std::ofstream(file(node)) << json::serialize(all);
  }
}

void cluster_of_nodes::start(const std::string& node) {
  process::setup s;
  s.command = {weir_.string(), "node", "--config", file(node).string()};
  s.environment = environment_;
  s.directory = folder_;
  s.errors = folder_ / (node + ".err");
  nodes_[node] = std::make_unique<process>(s);
}

void cluster_of_nodes::kill(const std::string& node) {
  nodes_.at(node)->signal(SIGKILL);
  const auto end = nodes_.at(node)->wait(patience);
  nodes_.erase(node);
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

bool cluster_of_nodes::ask_node(const std::string& node, const std::vector<std::string>& words, const fs::path& output) const {
  process::setup s;
  s.command = {weir_.string(), "cluster", words.front(), "--config", file(node).string()};
  s.command.insert(s.command.end(), words.begin() + 1, words.end());
  s.environment = environment_;
  s.directory = folder_;
  s.output = output;
  s.errors = folder_ / "orders.err";
  process asked(s);
  const auto end = asked.wait(30s);
  return end && end->exit_code == 0;
}

bool cluster_of_nodes::try_order(const std::vector<std::string>& words, const fs::path& output) const {
  return std::any_of(nodes_.begin(), nodes_.end(), [&](const auto& n) { return ask_node(n.first, words, output); });
}

void cluster_of_nodes::order(std::vector<std::string> words) const {
  wait_until(("weir cluster " + words.front()).c_str(), [&] { return try_order(words, {}); });
}

json::value cluster_of_nodes::status_of(const std::string& node) const {
  const auto output = folder_ / "status.json";
  fs::remove(output);
  if (!ask_node(node, {"status", "--json"}, output))
    return nullptr;
  std::ifstream in(output);
  return json::parse(std::string(std::istreambuf_iterator<char>(in), {}));
}

json::value cluster_of_nodes::status() const {
  json::value out;
  std::any_of(nodes_.begin(), nodes_.end(), [&](const auto& n) { return !(out = status_of(n.first)).is_null(); });
  return out;
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
    out += "--- " + node + "\n" + tail(folder_ / (node + ".err"), 25) + "\n";
  return out + "--- orders\n" + tail(folder_ / "orders.err", 5);
}

} // namespace weir::e2e
