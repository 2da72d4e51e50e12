#include <weir/cluster/kafka/kafka_control_log.hpp>
#include <weir/core/clock.hpp>

namespace weir::cluster {

namespace {
using steady = std::chrono::steady_clock;
/// How long a member that was refused for its generation may take to learn the new one: a rebalance waits for all members.
constexpr auto learning_takes = std::chrono::seconds(10);
} // namespace

kafka_control_log::kafka_control_log(options o, control_group& group)
    : options_(std::move(o)),
      group_(group),
      answered_us_(system_clock().monotonic().count()),
      writer_(options_.config, options_.topic, options_.log),
      voice_(options_.config, options_.topic, options_.log),
      tail_(options_.config, options_.topic, options_.log) {}

kafka_control_log::~kafka_control_log() { *alive_ = false; }

void kafka_control_log::answer(std::function<void()> f) {
  options_.post([alive = alive_, f = std::move(f)] {
    if (*alive)
      f();
  });
}

void kafka_control_log::note_answer() { answered_us_ = system_clock().monotonic().count(); }

void kafka_control_log::take(took done) {
  // One that the group has deposed meanwhile must not fence its successor.
  if (group_.now() != lead_source::standing::holds)
    return answer([done = std::move(done)] { done(error{errc::fenced, "the group has given the lead to another node"}); });
  writing_.give([this, done = std::move(done)] {
    auto r = writer_.take();
    if (r)
      note_answer();
    answer([done, r] { done(r); });
  });
}

void kafka_control_log::append(const std::vector<control_entry>& entries, appended done) {
  if (group_.now() != lead_source::standing::holds)
    return answer([done = std::move(done)] { done(append_outcome::replaced); });
  writing_.give(
      [this, entries, group = group_.metadata(), before = group_.fingerprint(), offset = read_to_, done = std::move(done)] {
        auto o = writer_.append(entries, group, offset);
        if (o.what == append_outcome::committed)
          note_answer();
        else
          options_.log.warning("the control topic did not take what was to be written",
                               {{"why", o.why}, {"stale_generation", o.stale_generation}});
        answer([this, done, o, before] {
          if (o.what == append_outcome::retriable && o.stale_generation)
            return settle_stale(done, before, steady::now() + learning_takes);
          done(o.what);
        });
      });
}

/// The caller's thread polls the group between two of these.
void kafka_control_log::settle_stale(appended done, std::string before, steady::time_point until) {
  if (group_.now() != lead_source::standing::holds)
    return done(append_outcome::replaced);
  if (group_.fingerprint() != before)
    return done(append_outcome::retriable);
  if (steady::now() > until)
    return done(append_outcome::replaced);
  answer([this, done = std::move(done), before = std::move(before), until] { settle_stale(done, before, until); });
}

void kafka_control_log::read(std::uint64_t from, read_back done) {
  reading_.give([this, from, done = std::move(done)] {
    auto r = tail_.read(from, options_.read_limit, [this] { note_answer(); });
    answer([this, done, r = std::move(r)] {
      if (r && !r->empty())
        read_to_ = static_cast<std::int64_t>(r->back().offset + 1);
      done(r);
    });
  });
}

void kafka_control_log::say(control_entry e, std::function<void(result<>)> done) {
  reading_.give([this, e = std::move(e), done = std::move(done)] {
    auto r = voice_.say(e);
    answer([done, r] { done(r); });
  });
}

} // namespace weir::cluster
