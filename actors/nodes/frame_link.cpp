#include "actors/nodes/frame_link.hpp"
#include <deque>
#include <weir/core/clock.hpp>

namespace weir {
namespace {

using caf::io::receive_policy;

duration now() { return system_clock().monotonic(); }

/// A message of a channel that waits for its turn.
struct outgoing {
  std::shared_ptr<packet> what;
  std::size_t sent = 0;
};

/// One attempt on the link.
struct open_run {
  explicit open_run(msg::open_attempt m) : session(m.of), parts(std::move(m)) {}
  frame_session session;
  msg::open_attempt parts;
  std::map<std::uint32_t, std::deque<outgoing>> waiting;
  std::size_t queued = 0;
};

class frame_link_core {
 public:
  frame_link_core(caf::io::broker* self, caf::io::connection_handle handle, std::shared_ptr<node_connection> who,
                  frame_link_settings settings)
      : self_(self), handle_(handle), who_(std::move(who)), settings_(std::move(settings)), ticked_(now()) {
    self_->ack_writes(handle_, true);
    self_->configure_read(handle_, receive_policy::exactly(envelope_bytes));
    tick_later();
  }

  void open(msg::open_attempt m) {
    if (auto old = runs_.find(m.of.job); old != runs_.end())
      forget(old);
    auto job = m.of.job;
    runs_.emplace(job, open_run(std::move(m)));
  }

  void close(const attempt_id& of) {
    if (auto run = find(of); run != runs_.end())
      forget(run);
  }

  void send(const msg::send_frames& m) {
    auto run = find(m.of);
    if (run == runs_.end())
      return;
    auto& r = run->second;
    r.queued += m.what->encoded.size();
    settings_.figures->queued += m.what->encoded.size();
    if (r.queued > settings_.most_queued)
      return fail(run, {errc::internal, std::to_string(r.queued) + " bytes wait to be sent: more than credit can have allowed"});
    auto& channel = r.waiting[m.channel];
    channel.push_back({m.what});
    if (channel.size() == 1)
      turns_.push_back({m.of, m.channel});
    fill();
  }

  void credit(const msg::send_credit& m) {
    auto run = find(m.of);
    if (run == runs_.end())
      return;
    auto bytes = encode_credit({m.bytes, run->second.session.report(m.channel)});
    put({envelope_kind::credit, false, m.of, who_->session(), m.channel}, bytes);
    flush();
  }

  void written(std::size_t remaining) {
    unsent_ = remaining;
    settings_.figures->unsent = remaining;
    fill();
  }

  void came(std::vector<char>& bytes) {
    std::string_view view(bytes.data(), bytes.size());
    if (!payload_) {
      auto e = decode_envelope(view);
      if (!e)
        return broken(e.err());
      envelope_ = *e;
      header_.assign(view);
      if (e->length == 0)
        return whole({});
      payload_ = true;
      self_->configure_read(handle_, receive_policy::exactly(e->length));
      return;
    }
    payload_ = false;
    self_->configure_read(handle_, receive_policy::exactly(envelope_bytes));
    whole(view);
  }

  void tick() {
    auto at = now();
    tick_later();
    // Late by more than a second: we did not run, and so did not hear.
    auto frozen = at - std::exchange(ticked_, at) > settings_.interval + std::chrono::seconds(1);
    for (auto run = runs_.begin(); run != runs_.end();) {
      auto current = run++;
      auto& session = current->second.session;
      if (frozen)
        session.forgive(at);
      if (auto r = session.check(at); !r) {
        fail(current, r.err());
        continue;
      }
      auto all = session.reports();
      for (std::size_t first = 0; first < all.size(); first += most_reports) {
        auto last = std::min(all.size(), first + most_reports);
        put({envelope_kind::report, false, session.of(), who_->session()},
            encode_reports({all.begin() + static_cast<std::ptrdiff_t>(first), all.begin() + static_cast<std::ptrdiff_t>(last)}));
      }
    }
    flush();
  }

  void over() {
    error why{errc::unavailable, "the connection with node \"" + who_->peer() + "\" ended: " + reason()};
    while (!runs_.empty())
      fail(runs_.begin(), why);
  }

 private:
  /// Not in the broker's own name: CAF does not close the mailbox of a broker that ends, and a message there whose sender is the
  /// broker itself would keep it for ever.
  void tick_later() { caf::delayed_anon_send(caf::actor_cast<caf::actor>(self_), settings_.interval, msg::link_tick{}); }

  using runs = std::map<std::uint64_t, open_run>; ///< By job.

  [[nodiscard]] std::string reason() const {
    auto why = who_->reason();
    return why.empty() ? "the peer closed it" : why;
  }

  runs::iterator find(const attempt_id& of) {
    auto run = runs_.find(of.job);
    return run != runs_.end() && run->second.session.of() == of ? run : runs_.end();
  }

  void forget(runs::iterator run) {
    settings_.figures->queued -= run->second.queued;
    runs_.erase(run);
  }

  void fail(runs::iterator run, const error& why) {
    auto owner = run->second.parts.owner;
    auto of = run->second.session.of();
    forget(run);
    self_->send(owner, msg::attempt_failed{of, why.in("node \"" + who_->peer() + "\"")});
  }

  /// The connection cannot be trusted any more.
  void broken(const error& why) {
    who_->close(why.message);
    self_->close(handle_);
    over();
    self_->quit();
  }

  void put(const envelope& e, std::string_view payload) {
    auto& out = self_->wr_buf(handle_);
    append_envelope(e, payload, out);
    unsent_ += envelope_bytes + payload.size();
    settings_.figures->bytes_sent += envelope_bytes + payload.size();
    dirty_ = true;
  }

  void flush() {
    if (!std::exchange(dirty_, false))
      return;
    self_->flush(handle_);
    settings_.figures->unsent = unsent_;
  }

  /// Gives CAF parts of what waits, one channel after the other, as long as its buffer is short.
  void fill() {
    while (!turns_.empty() && unsent_ < settings_.most_unsent) {
      auto turn = turns_.front();
      turns_.pop_front();
      auto run = find(turn.of);
      if (run != runs_.end() && put_part(run->second, turn.channel))
        turns_.push_back(turn);
    }
    flush();
  }

  /// True: more of the channel waits.
  bool put_part(open_run& run, std::uint32_t channel) {
    auto& waiting = run.waiting[channel];
    if (waiting.empty())
      return false;
    auto& first = waiting.front();
    auto part = std::string_view(first.what->encoded).substr(first.sent, settings_.part);
    first.sent += part.size();
    auto more = first.sent < first.what->encoded.size();
    envelope e{envelope_kind::data, more, run.session.of(), who_->session(), channel, run.session.send(channel, now())};
    put(e, part);
    run.queued -= part.size();
    settings_.figures->queued -= part.size();
    if (!more) {
      ++settings_.figures->sent;
      waiting.pop_front();
    }
    return !waiting.empty();
  }

  void whole(std::string_view payload) {
    settings_.figures->bytes_received += envelope_bytes + payload.size();
    if (auto r = check_envelope(header_, payload); !r)
      return broken(r.err());
    if (envelope_.session != who_->session()) {
      ++settings_.figures->dropped_session;
      return;
    }
    auto run = find(envelope_.of);
    if (run == runs_.end()) {
      ++settings_.figures->dropped_attempt;
      return;
    }
    auto r = deliver(run->second, payload);
    if (!r)
      fail(run, r.err());
  }

  result<> deliver(open_run& run, std::string_view payload) {
    switch (envelope_.kind) {
      case envelope_kind::data:
        return data(run, payload);
      case envelope_kind::credit: {
        WEIR_ASSIGN(auto credit, decode_credit(payload, envelope_.channel));
        WEIR_TRY(run.session.reported(credit.report, now()));
        auto to = run.parts.senders.find(envelope_.channel);
        if (to == run.parts.senders.end())
          return error{errc::decode_failed,
                       "credit for channel " + std::to_string(envelope_.channel) + ", which does not go there"};
        self_->send(to->second, msg::credit{envelope_.channel, static_cast<std::size_t>(credit.bytes)});
        return success();
      }
      case envelope_kind::report: {
        WEIR_ASSIGN(auto reports, decode_reports(payload));
        for (const auto& r : reports)
          WEIR_TRY(run.session.reported(r, now()));
        return success();
      }
    }
    return success();
  }

  result<> data(open_run& run, std::string_view payload) {
    auto to = run.parts.receivers.find(envelope_.channel);
    if (to == run.parts.receivers.end())
      return error{errc::decode_failed,
                   "frames of channel " + std::to_string(envelope_.channel) + ", which does not come from there"};
    WEIR_ASSIGN(auto message, run.session.receive(envelope_, std::string(payload)));
    if (!message)
      return success();
    ++settings_.figures->received;
    auto p = std::make_shared<packet>();
    p->encoded = std::move(*message);
    self_->send(to->second, msg::frames{envelope_.channel, std::move(p)});
    return success();
  }

  struct turn_of {
    attempt_id of;
    std::uint32_t channel;
  };
  caf::io::broker* self_;
  caf::io::connection_handle handle_;
  std::shared_ptr<node_connection> who_;
  frame_link_settings settings_;
  runs runs_;
  std::deque<turn_of> turns_; ///< Channels with something to send, each once.
  std::size_t unsent_ = 0;
  bool dirty_ = false;
  duration ticked_;
  envelope envelope_;
  std::string header_;
  bool payload_ = false; ///< What comes next is the payload of `envelope_`.
};

} // namespace

wire_limits frame_wire_limits() { return {longest_payload, std::size_t{64} << 20}; }

caf::actor spawn_frame_link(caf::actor_system& system, caf::io::scribe_ptr scribe, std::shared_ptr<node_connection> who,
                            frame_link_settings settings) {
  auto behavior = [](caf::io::broker* self, const caf::io::scribe_ptr& s, const std::shared_ptr<node_connection>& w,
                     const frame_link_settings& how) -> caf::behavior {
    auto handle = s->hdl();
    self->add_scribe(s);
    auto core = std::make_shared<frame_link_core>(self, handle, w, how);
    return {
        [core](caf::io::new_data_msg& m) { core->came(m.buf); },
        [core](const caf::io::data_transferred_msg& m) { core->written(m.remaining); },
        [core](const msg::send_frames& m) { core->send(m); },
        [core](const msg::send_credit& m) { core->credit(m); },
        [core](msg::open_attempt& m) { core->open(std::move(m)); },
        [core](const msg::close_attempt& m) { core->close(m.of); },
        [core](const msg::link_tick&) { core->tick(); },
        [core, self](const caf::io::connection_closed_msg&) {
          core->over();
          self->quit();
        },
    };
  };
  return system.middleman().spawn_broker<caf::hidden>(behavior, std::move(scribe), std::move(who), std::move(settings));
}

caf::behavior remote_tasks(caf::event_based_actor* self, const caf::actor& link, attempt_id of) {
  return {
      [=](const msg::frames& m) {
        self->send(link, msg::send_frames{of, m.channel, m.what});
      },
      [=](const msg::credit& m) {
        self->send(link, msg::send_credit{of, m.channel, m.bytes});
      },
  };
}

} // namespace weir
