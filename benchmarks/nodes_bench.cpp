// Two nodes in one process over loopback: channel frames and requests through our transport, with TLS and without, and requests
// through CAF's remoting as it ships; asks of a service of the other node, which answers at once (what a service does itself is
// in service_bench), alone and beside frames as fast as they go.
//   nodes_bench [SECONDS of each measurement]
#include <sys/resource.h>
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <iostream>
#include <mutex>
#include "actors/nodes/certificates.hpp"
#include "actors/nodes/node_speaker.hpp"
#include "actors/nodes/node_transport.hpp"

namespace {

using namespace weir;
using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

double cpu_seconds() {
  rusage u{};
  ::getrusage(RUSAGE_SELF, &u);
  auto s = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6; };
  return s(u.ru_utime) + s(u.ru_stime);
}

struct node_config : caf::actor_system_config {
  node_config() {
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", std::size_t{2});
    set("logger.verbosity", caf::atom("quiet"));
    load_middleman(*this);
  }
};

struct bare_config : caf::actor_system_config {
  bare_config() {
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", std::size_t{2});
    set("logger.verbosity", caf::atom("quiet"));
    add_message_type<node_message>("weir.node_message");
    load<caf::io::middleman>();
  }
};

caf::behavior echo(caf::event_based_actor*, int /*CAF wants an argument*/) {
  return {[](const node_message& m) { return m; }, [](const msg::peer_up&) {}};
}

/// Speaks for a node that runs the service "s" if it is node b.
speaker_options speaks_for(const std::string& name, const std::shared_ptr<node_board>& board) {
  speaker_options s;
  s.self = s.report.node = name;
  s.board = board;
  // As if control topic and directory answered: else nobody would ask it.
  s.seated = false;
  s.appointed_leader = name == "a" ? "b" : "a";
  board->change([](auto& v) { v.directory_answered = system_clock().monotonic() + std::chrono::hours(1); });
  s.tick = [](const auto&) {};
  s.status = [] { return std::string(); };
  if (name != "b")
    return s;
  s.services = [] { return std::vector<running_service>{{"s", 1, "running", "", true, false, 0, 0}}; };
  s.ask_here = [](const ask_message& m, duration, const std::function<void(ask_outcome)>& done) {
    done(m.payload);
    return true;
  };
  return s;
}

/// One node of two.
struct bench_node {
  node_config config;
  caf::actor_system system{config};
  std::shared_ptr<node_board> board = std::make_shared<node_board>(system_clock().monotonic());
  caf::actor speaker;
  std::unique_ptr<node_transport> transport;
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<peer_link> link;

  void start(const std::string& name, std::uint16_t other_port, const std::string& directory, bool tls, bool speaks = false) {
    speaker = speaks ? system.spawn(node_speaker, speaks_for(name, board)) : system.spawn(echo, 0);
    node_transport_options o;
    o.cluster = "bench";
    o.self = {name, "127.0.0.1", 0};
    o.members = {{"a", "127.0.0.1", 0}, {"b", "127.0.0.1", other_port}};
    auto p = node_paths(directory, name);
    if (tls)
      o.tls = tls_files{authority_paths(directory).certificate, p.certificate, p.key};
    else
      o.token_file = directory + "/token";
    o.speaker = speaker;
    o.up = [this](const peer_link& l) {
      std::lock_guard lock(mutex);
      link = l;
      changed.notify_all();
      caf::anon_send(speaker, msg::peer_up{l}); // The echo drops it.
    };
    o.down = [](const std::string&, const std::string&) {};
    auto t = node_transport::start(system, std::move(o));
    if (!t) {
      std::cerr << t.err().message << "\n";
      std::exit(3);
    }
    transport = std::move(*t);
  }
  peer_link peer() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return link.has_value(); });
    return *link;
  }
  ~bench_node() {
    transport.reset();
    caf::anon_send_exit(speaker, caf::exit_reason::kill);
  }
};

void round_trips(const char* what, caf::actor_system& system, const caf::actor& other, clock_type::duration length) {
  caf::scoped_actor self(system);
  std::vector<double> us;
  auto begin = clock_type::now();
  for (auto at = begin; at - begin < length;) {
    self->request(other, 10s, node_message{1, node_message::kind::payload, std::string(100, 'x')})
        .receive([](const node_message&) {}, [](const caf::error&) { std::exit(3); });
    auto now = clock_type::now();
    us.push_back(std::chrono::duration<double, std::micro>(now - at).count());
    at = now;
  }
  std::sort(us.begin(), us.end());
  std::printf("%-40s %8zu requests  p50 %6.0f us  p99 %6.0f us\n", what, us.size(), us[us.size() / 2], us[us.size() * 99 / 100]);
}

/// From a thread of node a, one after the other.
void asks(const char* what, bench_node& a, clock_type::duration length) {
  std::vector<double> us;
  auto ask = [&] {
    std::promise<ask_outcome> answer;
    ask_message m;
    m.service = "s";
    m.payload.assign(100, 'x');
    caf::anon_send(a.speaker, msg::ask_elsewhere{m, system_clock().monotonic() + std::chrono::seconds(10),
                                                 [&](ask_outcome o) { answer.set_value(std::move(o)); }});
    return answer.get_future().get().ok();
  };
  while (!a.board->look().reports.contains("b"))
    std::this_thread::sleep_for(1ms);
  auto begin = clock_type::now();
  for (auto at = begin; at - begin < length;) {
    if (!ask())
      std::exit(3);
    auto now = clock_type::now();
    us.push_back(std::chrono::duration<double, std::micro>(now - at).count());
    at = now;
  }
  std::sort(us.begin(), us.end());
  std::printf("%-40s %8zu asks      p50 %6.0f us  p99 %6.0f us\n", what, us.size(), us[us.size() / 2], us[us.size() * 99 / 100]);
}

struct producer_state {
  std::map<std::uint32_t, std::int64_t> credit;
  caf::actor remote;
};

caf::behavior producer(caf::stateful_actor<producer_state>* self, std::shared_ptr<packet> p,
                       std::shared_ptr<std::atomic<bool>> stop) {
  auto pump = [self, p, stop](std::uint32_t channel) {
    auto& credit = self->state.credit[channel];
    while (credit > 0 && !*stop) {
      credit -= static_cast<std::int64_t>(p->encoded.size());
      self->send(self->state.remote, msg::frames{channel, p});
    }
  };
  return {
      [self, pump](const caf::actor& remote) {
        self->state.remote = remote;
        for (std::uint32_t channel = 0; channel < 4; ++channel) {
          self->state.credit[channel] = std::int64_t{1} << 20;
          pump(channel);
        }
      },
      [self, pump](const msg::credit& m) {
        self->state.credit[m.channel] += static_cast<std::int64_t>(m.bytes);
        pump(m.channel);
      },
  };
}

struct consumer_state {
  caf::actor remote;
};

caf::behavior consumer(caf::stateful_actor<consumer_state>* self, std::shared_ptr<std::atomic<std::uint64_t>> count) {
  return {
      [self](const caf::actor& remote) { self->state.remote = remote; },
      [self, count](const msg::frames& m) {
        ++*count;
        self->send(self->state.remote, msg::credit{m.channel, m.what->encoded.size()});
      },
  };
}

void frames(bench_node& a, bench_node& b, const char* tls, std::size_t size, clock_type::duration length) {
  attempt_id of{1, 1, size};
  auto p = std::make_shared<packet>();
  p->encoded.assign(size, 'x');
  auto stop = std::make_shared<std::atomic<bool>>(false);
  auto count = std::make_shared<std::atomic<std::uint64_t>>(0);
  auto from = a.system.spawn(producer, p, stop);
  auto to = b.system.spawn(consumer, count);
  auto out = a.system.spawn(remote_tasks, a.peer().frames, of);
  auto in = b.system.spawn(remote_tasks, b.peer().frames, of);
  caf::anon_send(to, in);
  std::map<std::uint32_t, caf::actor> receivers, senders;
  for (std::uint32_t channel = 0; channel < 4; ++channel) {
    receivers[channel] = to;
    senders[channel] = from;
  }
  auto open = [](caf::actor_system& system, const caf::actor& link, msg::open_attempt m) {
    caf::scoped_actor self(system);
    self->request(link, 10s, std::move(m)).receive([] {}, [](const caf::error&) { std::exit(3); });
  };
  open(b.system, b.peer().frames, {of, receivers, {}, b.speaker});
  open(a.system, a.peer().frames, {of, {}, senders, a.speaker});
  caf::anon_send(from, out);
  auto measure = [&] { return std::tuple(clock_type::now(), cpu_seconds(), count->load()); };
  std::this_thread::sleep_for(length / 5);
  auto [begin, cpu, first] = measure();
  std::this_thread::sleep_for(length);
  auto [end, cpu_end, last] = measure();
  auto seconds = std::chrono::duration<double>(end - begin).count();
  auto n = static_cast<double>(last - first);
  std::printf("frames %-5s %7zu bytes %16.0f frames/s %8.0f MB/s %8.2f CPU s/GB\n", tls, size, n / seconds,
              n * static_cast<double>(size) / seconds / 1e6, (cpu_end - cpu) / (n * static_cast<double>(size) / 1e9));
  *stop = true;
  for (auto* link : {&a, &b})
    caf::anon_send(link->peer().frames, msg::close_attempt{of});
  for (const auto& x : {from, to, out, in})
    caf::anon_send_exit(x, caf::exit_reason::kill);
}

void bare(clock_type::duration length) {
  bare_config config_a, config_b;
  caf::actor_system a(config_a), b(config_b);
  auto speaker = b.spawn(echo, 0);
  auto port = b.middleman().publish(speaker, 0, "127.0.0.1");
  auto other = port ? a.middleman().remote_actor("127.0.0.1", *port) : caf::expected<caf::actor>{port.error()};
  if (!other)
    std::exit(3);
  round_trips("request, bare CAF remoting", a, *other, length);
  caf::anon_send_exit(speaker, caf::exit_reason::kill);
}

} // namespace

int main(int argc, char** argv) {
  auto length =
      std::chrono::duration_cast<clock_type::duration>(std::chrono::duration<double>(argc > 1 ? std::atof(argv[1]) : 3.0));
  auto directory = (std::filesystem::temp_directory_path() / "weir-nodes-bench-XXXXXX").string();
  if (::mkdtemp(directory.data()) == nullptr || !make_certificates(directory, "bench", {"a", "b"}))
    return 3;
  configure_logging(log_level::error, log_format::text);
  bare(length);
  for (auto tls : {false, true}) {
    bench_node a, b;
    b.start("b", 0, directory, tls);
    a.start("a", b.transport->port(), directory, tls);
    const auto* how = tls ? "TLS" : "plain";
    round_trips(tls ? "request, our transport with TLS" : "request, our transport without TLS", a.system, a.peer().peer, length);
    b.peer();
    for (std::size_t size : {1024, 32768, 262144})
      frames(a, b, how, size, length);
  }
  bench_node a, b;
  b.start("b", 0, directory, true, true);
  a.start("a", b.transport->port(), directory, true, true);
  a.peer();
  b.peer();
  asks("ask, with TLS, idle", a, length);
  std::thread beside([&] { frames(a, b, "TLS", 262144, length); });
  asks("ask, with TLS, beside frames", a, length);
  beside.join();
  std::filesystem::remove_all(directory);
  return 0;
}
