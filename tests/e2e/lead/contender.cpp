#include <unistd.h>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <random>
#include <string>
#include <weir/cluster/kafka/kafka_seat.hpp>

// contender BROKERS NAMESPACE NODE: one seat at a control topic. Says on standard output what becomes of it, and writes a record
// after the other while it leads; ends at the end of its standard input.

namespace {

std::mutex printing;
void say(const std::string& line) {
  std::lock_guard lock(printing);
  std::cout << line << std::endl;
}

void write_next(weir::cluster::running_seat& all, weir::cluster::control_seat& seat, std::uint64_t n) {
  using namespace weir::cluster;
  if (!seat.leads())
    return;
  seat.office().commit(1, {closed_record{"job", n}}, [&all, n](const weir::result<>& r) {
    say(r ? "wrote " + std::to_string(n) : "refused: " + r.err().message);
    if (r)
      all.with([&all, n](control_seat& s) { write_next(all, s, n + 1); });
  });
}

} // namespace

int main(int argc, char** argv) {
  using namespace weir::cluster;
  if (argc != 4)
    return 2;
  kafka_seat_options o;
  o.connection.name = "main";
  o.connection.type = "kafka";
  o.connection.options["brokers"] = argv[1];
  o.name_space = argv[2];
  o.seat.seat.node = argv[3];
  o.seat.seat.start = std::random_device{}();
  std::mutex lock;
  running_seat* seat = nullptr;
  o.seat.seat.entered = [&] {
    say("leads");
    std::lock_guard guard(lock);
    seat->with([&](control_seat& s) { write_next(*seat, s, s.state().next_offset() + 1); });
  };
  o.seat.seat.left = [](const std::string& why) { say("left: " + why); };
  std::string leader;
  bool read = false, replaced = false;
  o.seat.surroundings = [&](weir::duration now) {
    std::lock_guard guard(lock);
    if (seat)
      seat->with([&](control_seat& s) {
        if (s.has_read() && !std::exchange(read, true))
          say("reads");
        if (s.state().leader().node != leader)
          say("knows " + (leader = s.state().leader().node));
        if (s.replaced() && !std::exchange(replaced, true))
          say("replaced");
      });
    control_seat::surroundings s;
    s.directory_answered = now;
    s.peers = 1;
    s.hears_leader = true;
    return s;
  };
  std::unique_lock starting(lock);
  auto opened = open_kafka_seat(std::move(o));
  if (!opened) {
    std::cerr << opened.err().message << "\n";
    return 3;
  }
  seat = opened->get();
  starting.unlock();
  char c = 0;
  while (::read(STDIN_FILENO, &c, 1) > 0) {
  }
  opened->reset();
  say("ended");
  return 0;
}
