#include "actors/nodes/node_host.hpp"
#include <fcntl.h>
#include <unistd.h>
#include <atomic>
#include <condition_variable>
#include <future>
#include <random>
#include <string_view>
#include <thread>
#include <weir/cluster/orders.hpp>
#include <weir/config/config.hpp>
#include <weir/core/clock.hpp>
#include "actors/nodes/node_speaker.hpp"
#include "actors/nodes/node_transport.hpp"
#include "actors/nodes/service_keeper.hpp"
#include "actors/nodes/service_placer.hpp"

namespace weir {
namespace {

constexpr auto command_time = std::chrono::seconds(15);

class host_config final : public caf::actor_system_config {
 public:
  host_config() {
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", std::size_t{2});
    set("logger.verbosity", caf::atom("quiet"));
    load_middleman(*this);
  }
};

/// Writes a few bytes into a file each interval, on a thread of its own: it may hang for as long as it likes.
class directory_watch {
 public:
  directory_watch(std::string file, std::shared_ptr<node_board> board) : state_(std::make_shared<state>()) {
    std::thread([s = state_, file = std::move(file), board = std::move(board)] {
      std::unique_lock lock(s->mutex);
      while (!s->stop) {
        lock.unlock();
        if (writes(file))
          board->change([](auto& v) { v.directory_answered = system_clock().monotonic(); });
        lock.lock();
        s->changed.wait_for(lock, std::chrono::milliseconds(500), [&] { return s->stop; });
      }
    }).detach();
  }
  ~directory_watch() {
    std::lock_guard lock(state_->mutex);
    state_->stop = true;
    state_->changed.notify_all();
  }
  directory_watch(const directory_watch&) = delete;

 private:
  struct state {
    std::mutex mutex;
    std::condition_variable changed;
    bool stop = false;
  };
  static bool writes(const std::string& file) {
    const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
      return false;
    constexpr std::string_view text = "here\n";
    auto good = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    // Over a network this is where a write fails.
    return ::close(fd) == 0 && good;
  }
  std::shared_ptr<state> state_;
};

class host final : public node_host {
 public:
  explicit host(node_host_options o) : options_(std::move(o)), system_(config_) {}
  ~host() override {
    // What runs ends first, while the others can still be told: they take it over behind its last checkpoint.
    if (keeper_) {
      // Who was replaced has nothing to give: it is fenced, or will be.
      if (!board_->look().replaced)
        give_away();
      board_->change([](auto& v) { v.ends = true; });
      keeper_->stop();
    }
    transport_.reset();
    // Its callbacks use the board and, through the speaker's, the seat: first the speaker ends, then the seat.
    if (speaker_) {
      caf::scoped_actor self(system_);
      self->send_exit(speaker_, caf::exit_reason::user_shutdown);
      self->wait_for(speaker_);
      speaker_ = nullptr;
    }
    seat_.reset();
  }

  result<> begin() {
    start_ = std::random_device{}() | std::uint64_t{std::random_device{}()} << 32;
    WEIR_TRY(open_seat());
    if (options_.start_service) {
      service_keeper_options k;
      k.self = options_.self.name;
      k.start = start_;
      k.board = board_;
      k.start_service = options_.start_service;
      k.warm_up = options_.warm_up;
      k.changed = [this] { caf::anon_send(speaker_, msg::speak_now{}); };
      k.log = log_;
      keeper_ = std::make_shared<service_keeper>(std::move(k));
    }
    WEIR_TRY(connect());
    if (keeper_)
      keeper_->start([speaker = speaker_](ask_message m, duration timeout, std::function<void(ask_outcome)> done) {
        caf::anon_send(speaker, msg::ask_elsewhere{std::move(m), system_clock().monotonic() + timeout, std::move(done)});
      });
    watch_ = std::make_unique<directory_watch>(options_.directory + "/." + options_.self.name + ".here", board_);
    return success();
  }

  result<std::string> command(node_command c) override {
    auto promised = std::make_shared<std::promise<node_answer>>();
    auto answer = promised->get_future();
    caf::anon_send(speaker_, msg::order{std::move(c), [promised](node_answer a) { promised->set_value(std::move(a)); }});
    if (answer.wait_for(command_time) != std::future_status::ready)
      return error{errc::unavailable, "no answer in time: look at `weir cluster status` whether it was done"};
    return result_of(answer.get());
  }
  [[nodiscard]] std::uint16_t port() const override { return transport_->port(); }
  [[nodiscard]] bool replaced() const override { return board_->look().replaced; }

 private:
  /// What runs here goes on until others are ready for it, as far as the leader has some that could be.
  void give_away() {
    board_->change([](auto& v) { v.leaving = true; });
    const auto began = system_clock().monotonic();
    while (gives_away(board_->look(), keeper_->report(), system_clock().monotonic() - began))
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }

  result<> open_seat() {
    if (!options_.open_seat)
      return success();
    cluster::running_seat::options o;
    o.seat.node = options_.self.name;
    o.seat.start = start_;
    o.seat.log = log_;
    o.surroundings = [board = board_, self = options_.self.name](duration) { return board->surroundings(self); };
    WEIR_ASSIGN(seat_, options_.open_seat(std::move(o)));
    return success();
  }

  result<> connect() {
    node_transport_options t;
    t.cluster = options_.cluster;
    t.self = {options_.self.name, options_.self.host, options_.self.port};
    for (const auto& m : options_.members)
      t.members.push_back({m.name, m.host, m.port});
    if (!options_.ca.empty())
      t.tls = tls_files{options_.ca, options_.certificate, options_.key};
    t.token_file = options_.token;
    speaker_options s;
    s.self = options_.self.name;
    s.appointed_leader = options_.appointed_leader;
    s.seated = seat_ != nullptr;
    for (const auto& m : options_.members) {
      if (m.name == s.self)
        s.report.address = m.host + ":" + std::to_string(m.port);
      else
        board_->change([&](auto& v) { v.links[m.name] = {false, "not connected yet"}; });
    }
    s.report.node = s.self;
    s.report.start = start_;
    s.report.capacity = options_.capacity;
    s.board = board_;
    s.lead = [this](node_command c, std::function<void(node_answer)> done) { lead(std::move(c), std::move(done)); };
    s.tick = [this](const std::map<std::string, node_report>& reports) { each_interval(reports); };
    if (keeper_) {
      s.services = [keeper = keeper_] { return keeper->report(); };
      s.others_changed = [keeper = keeper_] { keeper->wake(); };
      s.warm = [keeper = keeper_] { return keeper->warm(); };
      s.ask_here = [keeper = keeper_](const ask_message& m, duration timeout, std::function<void(ask_outcome)> done) {
        return keeper->ask(m, timeout, std::move(done));
      };
    }
    s.status = [this] {
      return board_json(board_->look(), options_.cluster, options_.self.name, board_->leader(options_.appointed_leader));
    };
    speaker_ = system_.spawn(node_speaker, std::move(s));
    t.speaker = speaker_;
    t.up = [to = speaker_](const peer_link& l) { caf::anon_send(to, msg::peer_up{l}); };
    t.down = [to = speaker_](const std::string& node, const std::string& why) { caf::anon_send(to, msg::peer_down{node, why}); };
    auto transport = node_transport::start(system_, std::move(t));
    if (!transport)
      return transport.err();
    transport_ = std::move(*transport);
    return success();
  }

  /// By the speaker.
  void each_interval(const std::map<std::string, node_report>& reports) {
    if (!seat_)
      return;
    std::vector<cluster::member_record> members;
    members.reserve(reports.size());
    for (const auto& [name, r] : reports)
      members.push_back({name, r.address, r.capacity, r.start, false});
    list_services();
    seat_->with([this, members = std::move(members), reports, needs = needs_](cluster::control_seat& seat) {
      board_->note(seat);
      placer_.hears(reports);
      if (!seat.leads())
        placer_.stand_down();
      else if (needs)
        placer_.turn(seat, reports, *needs, system_clock().monotonic());
      board_->change([this](auto& v) { v.moves = placer_.moves(); });
      if (!seat.leads())
        return;
      if (registering_)
        return;
      auto bodies = cluster::decide_members(seat.state(), members);
      if (bodies.empty())
        return;
      registering_ = true;
      seat.office().commit(0, std::move(bodies), [this](const result<>&) { registering_ = false; });
    });
  }

  /// What the services file in force has; user code plans its jobs, so that is done once for each.
  void list_services() {
    auto seen = board_->look();
    if (!options_.list_services || !seen.control || !seen.control->services() || seen.control->services()->version == listed_)
      return;
    const auto& file = *seen.control->services();
    listed_ = file.version;
    needs_.reset();
    if (file.text.empty()) {
      needs_.emplace();
      return note_shards();
    }
    auto listed = options_.list_services(file.text);
    // What cannot be listed here may run elsewhere, and is asked as before.
    if (listed) {
      needs_ = std::move(*listed);
      note_shards();
    } else
      log_.error("the services file in force cannot be read by this node: it places nothing", {{"cause", listed.err().message}});
  }

  /// Asks of a service are for one of them.
  void note_shards() {
    std::map<std::string, std::uint32_t> shards;
    for (const auto& need : needs_.value_or(std::vector<cluster::service_need>{}))
      if (!need.shard.whole())
        shards[need.shard.service] = need.shard.of;
    board_->change([&](auto& v) { v.shards = std::move(shards); });
  }

  /// By the speaker; on to the seat's thread.
  void lead(node_command c, std::function<void(node_answer)> done) {
    seat_->with([this, c = std::move(c), done = std::move(done)](cluster::control_seat& seat) {
      if (!seat.leads())
        return done(answer_of(error{errc::unavailable, "node '" + options_.self.name + "' does not lead any more; try again"}));
      auto what = decide(c, seat.state());
      if (!what)
        return done(answer_of(what.err()));
      if (what->bodies.empty())
        return done({0, what->said});
      seat.office().commit(0, std::move(what->bodies), [done, said = what->said](const result<>& r) {
        done(r ? node_answer{0, said}
               : answer_of(error{errc::unavailable, "the lead was lost on the way (" + r.err().message +
                                                        "): look at `weir cluster status` whether it was done"}));
      });
    });
  }

  result<cluster::decided> decide(const node_command& c, const cluster::cluster_state& read) const {
    switch (c.what) {
      case node_command::verb::apply:
        WEIR_TRY(options_.check_services(c.text));
        WEIR_TRY(check_same_shards(read.services() ? read.services()->text : "", c.text));
        return cluster::decide_services(read, c.text);
      case node_command::verb::remove: {
        WEIR_ASSIGN(auto text, without_service(read.services() ? read.services()->text : "", c.name));
        return cluster::decide_services(read, text);
      }
      case node_command::verb::drain:
      case node_command::verb::fill:
        return cluster::decide_draining(read, c.name, c.what == node_command::verb::drain);
      case node_command::verb::status:
        break;
    }
    return error{errc::invalid_argument, "not an order for a leader"};
  }

  node_host_options options_;
  logger log_{"cluster", "-", -1};
  std::uint64_t start_ = 0;
  std::shared_ptr<node_board> board_ = std::make_shared<node_board>(system_clock().monotonic());
  bool registering_ = false; ///< Of the seat's thread, as is the next.
  service_placer placer_;
  std::uint64_t listed_ = 0; ///< Version; of the speaker, as is the next.
  std::optional<std::vector<cluster::service_need>> needs_;
  host_config config_;
  caf::actor_system system_;
  caf::actor speaker_;
  std::unique_ptr<cluster::running_seat> seat_;
  std::unique_ptr<directory_watch> watch_;
  std::unique_ptr<node_transport> transport_;
  std::shared_ptr<service_keeper> keeper_;
};

} // namespace

result<std::unique_ptr<node_host>> node_host::start(node_host_options o) {
  auto h = std::make_unique<host>(std::move(o));
  WEIR_TRY(h->begin());
  return std::unique_ptr<node_host>(std::move(h));
}

} // namespace weir
