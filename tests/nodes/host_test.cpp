#include <atomic>
#include <filesystem>
#include <weir/cluster/log/log_control_log.hpp>
#include <weir/cluster/log/log_seat.hpp>
#include "actors/nodes/node_host.hpp"
#include "tests/nodes/idle_runtime.hpp"
#include "tests/nodes/node_world.hpp"

using namespace nodes_test;

namespace {

std::uint16_t free_port() {
  unique_fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof a;
  REQUIRE(::bind(fd.value(), reinterpret_cast<const sockaddr*>(&a), size) == 0);
  REQUIRE(::getsockname(fd.value(), reinterpret_cast<sockaddr*>(&a), &size) == 0);
  return ntohs(a.sin_port);
}

/// Nodes a and b of a cluster on the embedded log, where a leads.
struct pair_of_nodes {
  temporary_directory directory;
  bool runs = false; ///< Services, of names without spaces between them in the file.
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<idle_runtime::control>> started; ///< By service.
  std::uint16_t port_a = free_port(), port_b = free_port();

  bool b_reads = false;               ///< A control topic of its own, which it does not lead.
  std::atomic<bool> b_answered{true}; ///< Its broker answers.
  result<std::unique_ptr<cluster::running_seat>> reading_seat(cluster::running_seat::options o) {
    struct follower final : cluster::lead_source {
      standing poll() override { return standing::out; }
      void give_up() override {}
      void rejoin() override {}
    };
    return cluster::running_seat::open(std::move(o), [this](auto post) -> result<cluster::running_seat::made> {
      WEIR_ASSIGN(auto log, cluster::log_control_log::open(directory.path + "/control-b", "test", std::move(post)));
      cluster::running_seat::made made;
      made.source = std::make_unique<follower>();
      made.log = std::move(log);
      made.answered = [this] { return b_answered ? system_clock().monotonic() : duration{0}; };
      return made;
    });
  }

  void run_services(node_host_options& o) {
    o.list_services = [](const std::string& text) -> result<std::vector<cluster::service_need>> {
      std::vector<cluster::service_need> out;
      for (const auto* s : {"one", "two"})
        if (text.find('"' + std::string(s) + '"') != std::string::npos)
          out.push_back({s, true});
      return out;
    };
    o.start_service = [this](const cluster::services_record&, const std::string& service,
                             const auto& ask_elsewhere) -> result<std::unique_ptr<runtime>> {
      std::lock_guard lock(mutex);
      auto& c = started[service] = std::make_shared<idle_runtime::control>();
      c->ends_when_asked = true;
      c->ask_elsewhere = ask_elsewhere;
      return std::unique_ptr<runtime>(std::make_unique<idle_runtime>(c));
    };
  }
  bool stopped(const std::string& service) {
    std::lock_guard lock(mutex);
    return started.contains(service) && started.at(service)->stop_asked;
  }

  std::unique_ptr<node_host> start(const std::string& name) {
    node_host_options o;
    o.cluster = "shop";
    o.members = {{"a", "127.0.0.1", port_a}, {"b", "127.0.0.1", port_b}};
    o.self = name == "a" ? o.members[0] : o.members[1];
    auto files = files_of(certificates(), name);
    o.ca = files.authority;
    o.certificate = files.certificate;
    o.key = files.key;
    o.directory = directory.path;
    o.appointed_leader = "a";
    o.capacity = name == "a" ? 1 : 3;
    if (name == "b" && b_reads)
      o.open_seat = [this](cluster::running_seat::options seat) { return reading_seat(std::move(seat)); };
    if (name == "a")
      o.open_seat = [this](cluster::running_seat::options seat) {
        return cluster::open_log_seat({directory.path + "/control", "test", std::move(seat)});
      };
    o.check_services = [](const std::string& text) -> result<> {
      return text.find("wrong") == std::string::npos ? success() : result<>(error{errc::invalid_config, "it is wrong"});
    };
    if (runs)
      run_services(o);
    auto host = node_host::start(std::move(o));
    REQUIRE(host);
    return std::move(*host);
  }
};

std::string status_of(node_host& n) { return n.command({node_command::verb::status, "", "", false}).value(); }
bool shows(node_host& n, const std::string& part) {
  return eventually([&] { return status_of(n).find(part) != std::string::npos; });
}

} // namespace

TEST_CASE("an order given to any node is done by the leader, and is on record when that starts again") {
  pair_of_nodes world;
  auto a = world.start("a");
  auto b = world.start("b");
  REQUIRE(shows(*b, R"("able":["a","b"])"));
  REQUIRE(shows(*a, R"("able":["a","b"])"));
  CHECK(shows(*a, R"("capacity":3,"draining":false,"present":true)"));

  const std::string text = R"({"services": [{"name": "one"}]})";
  CHECK(b->command({node_command::verb::apply, "", "wrong", false}).err().code == errc::invalid_config);
  CHECK(b->command({node_command::verb::apply, "", text, false}).value() == "version 1 is in force");
  CHECK(a->command({node_command::verb::remove, "two", "", false}).err().code == errc::not_found);
  CHECK(b->command({node_command::verb::drain, "c", "", false}).err().code == errc::not_found);
  CHECK(b->command({node_command::verb::drain, "b", "", false}).ok());
  CHECK(shows(*a, R"("able":["a"])"));

  a.reset();
  CHECK(shows(*b, R"("able":[])"));
  CHECK(b->command({node_command::verb::fill, "b", "", false}).err().code == errc::unavailable);
  a = world.start("a");
  REQUIRE(shows(*a, R"("nodes":{"a")"));
  CHECK(shows(*a, R"("version":1)"));
  CHECK(shows(*a, R"("capacity":3,"draining":true)"));
  REQUIRE(eventually([&] { return b->command({node_command::verb::fill, "b", "", false}).ok(); }));
  CHECK(shows(*a, R"("able":["a","b"])"));
  CHECK(b->command({node_command::verb::remove, "one", "", false}).value() == "version 2 is in force");
}

TEST_CASE("a services file that is applied runs, what is removed from it stops, and what a node had it has again") {
  pair_of_nodes world;
  world.runs = true;
  auto a = world.start("a");
  auto b = world.start("b");
  REQUIRE(shows(*b, R"("able":["a","b"])"));
  REQUIRE(b->command({node_command::verb::apply, "", R"({"services": [{"name": "one"}, {"name": "two"}]})", false}).ok());
  CHECK(shows(*a, R"("one":{"node":"a","phase":"running")"));
  CHECK(shows(*a, R"("two":{"node":"a","phase":"running")"));
  CHECK_FALSE(world.stopped("two"));
  REQUIRE(a->command({node_command::verb::remove, "two", "", false}).ok());
  REQUIRE(eventually([&] { return world.stopped("two"); }));
  REQUIRE(eventually([&] { return status_of(*a).find(R"("two":{"node")") == std::string::npos; }));
  a.reset();
  CHECK(world.stopped("one"));
  world.started.clear();
  a = world.start("a");
  CHECK(shows(*a, R"("one":{"node":"a","phase":"running")"));
}

TEST_CASE("a node that cannot write to the shared directory is not able, though it can look into it") {
  pair_of_nodes world;
  auto a = world.start("a");
  auto b = world.start("b");
  REQUIRE(shows(*a, R"("able":["a","b"])"));
  // What stands in the way of its file.
  const std::filesystem::path sign = world.directory.path + "/.b.here";
  REQUIRE(eventually([&] { return std::filesystem::exists(sign); }));
  std::error_code ignored;
  REQUIRE(eventually([&] {
    std::filesystem::remove(sign, ignored);
    return std::filesystem::create_directory(sign, ignored);
  }));
  CHECK(shows(*a, R"("able":["a"])"));
  REQUIRE(std::filesystem::remove(sign));
  CHECK(shows(*a, R"("able":["a","b"])"));
}

TEST_CASE("a node whose control topic does not answer is not able, though no look at it has failed") {
  pair_of_nodes world;
  world.b_reads = true;
  auto a = world.start("a");
  auto b = world.start("b");
  REQUIRE(shows(*a, R"("able":["a","b"])"));
  world.b_answered = false;
  CHECK(shows(*a, R"("able":["a"])"));
  world.b_answered = true;
  CHECK(shows(*a, R"("able":["a","b"])"));
}
