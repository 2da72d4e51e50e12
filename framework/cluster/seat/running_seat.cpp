#include <random>
#include <weir/cluster/seat/running_seat.hpp>
#include <weir/core/clock.hpp>

namespace weir::cluster {

namespace {
/// Between two turns when nothing happens: what a change of the lead may wait for here.
constexpr std::chrono::milliseconds turn_pause{50};
} // namespace

result<std::unique_ptr<running_seat>> running_seat::open(options o, const maker& make) {
  std::unique_ptr<running_seat> s(new running_seat());
  WEIR_ASSIGN(s->parts_, make([loop = &s->loop_](std::function<void()> f) { loop->post(std::move(f)); }));
  o.seat.random = [engine = std::mt19937_64(std::random_device{}())]() mutable { return engine(); };
  o.seat.say = s->parts_.say;
  s->surroundings_ = std::move(o.surroundings);
  s->seat_ = std::make_unique<control_seat>(*s->parts_.source, *s->parts_.log, std::move(o.seat));
  s->loop_.start([seat = s.get()] { seat->turn(); }, turn_pause);
  return s;
}

running_seat::~running_seat() {
  loop_.stop();
  // The loop's thread is gone: everything is this thread's now.
  if (seat_)
    seat_->give_up(system_clock().monotonic(), "this node stops");
  parts_.log.reset();
}

void running_seat::turn() {
  auto now = system_clock().monotonic();
  control_seat::surroundings s;
  s.directory_answered = now;
  if (surroundings_)
    s = surroundings_(now);
  s.log_answered = parts_.answered();
  seat_->turn(now, s);
}

void running_seat::with(std::function<void(control_seat&)> f) {
  loop_.post([this, f = std::move(f)] { f(*seat_); });
}

std::string control_topic_of(const std::string& name_space) { return name_space + ".weir-control"; }

} // namespace weir::cluster
