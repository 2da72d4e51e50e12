#include "actors/nodes/node_asks.hpp"
#include <algorithm>
#include <weir/core/clock.hpp>

namespace weir {
namespace {

/// What another node says of its time is believed up to here.
constexpr duration longest_ask = std::chrono::hours(1);

duration now() { return system_clock().monotonic(); }

ask_error unavailable(const msg::ask_elsewhere& m, const std::string& why) {
  return {ask_errc::unavailable, "service '" + m.what.service + "', question '" + m.what.question + "': " + why};
}

ask_error timed_out(const msg::ask_elsewhere& m, const std::string& node) {
  return {ask_errc::timed_out,
          "service '" + m.what.service + "', question '" + m.what.question + "': no answer of node '" + node + "' in time"};
}

node_reply reply_of(const ask_outcome& o) {
  if (o)
    return {0, o.value(), false};
  return {static_cast<std::uint8_t>(o.err().code), o.err().message, false};
}

} // namespace

node_asks::~node_asks() {
  const std::string why = "this node is ending";
  for (auto& [id, o] : open_)
    o.what.done(unavailable(o.what, why));
  for (auto& [id, m] : waiting_)
    m.done(unavailable(m, why));
}

node_board::asks node_asks::counted() const {
  auto out = counted_;
  out.open = open_.size();
  return out;
}

void node_asks::unanswered(const msg::ask_elsewhere& m, ask_error why) {
  ++counted_.unanswered;
  m.done(std::move(why));
}

void node_asks::ask(msg::ask_elsewhere m, const std::string& owner) {
  const auto left = m.until - now();
  if (left <= duration{0})
    return unanswered(m, timed_out(m, owner.empty() ? options_.self : owner));
  if (options_.ask_here(m.what, left, m.done)) {
    ++counted_.here;
    return;
  }
  if (owner.empty() && !options_.known(m.what.service))
    return unanswered(m, {ask_errc::no_service, "no actor service '" + m.what.service + "' runs in this cluster"});
  if (owner.empty())
    return again(std::move(m), "no node runs it now");
  auto peer = peers_.find(owner);
  if (peer == peers_.end())
    return again(std::move(m), "it is moving, or node '" + owner + "' is not connected");
  if (open_at_[owner] >= options_.most_open)
    return unanswered(m, unavailable(m, std::to_string(options_.most_open) + " asks of node '" + owner + "' are open already"));
  send(std::move(m), peer->second);
}

void node_asks::send(msg::ask_elsewhere m, const peer_link& to) {
  const auto left = m.until - now();
  node_ask word{m.what.service, m.what.question, m.what.key, m.what.key_hash, m.what.topic_hash, m.what.schema,
                m.what.payload, m.what.id,       {},         m.what.durable,  left.count()};
  for (const auto& hop : m.what.chain)
    word.chain.push_back({hop.service, hop.key});
  auto bytes = make_node_message(encode_word(std::move(word)));
  if (!bytes)
    return m.done(ask_error{ask_errc::failed, "the question to service '" + m.what.service + "': " + bytes.err().message});
  auto id = ++next_;
  open_.emplace(id, open_ask{std::move(m), to.node});
  ++open_at_[to.node];
  // Of usual priority: the answer to a request of high priority does not find its way back over BASP (seen with CAF 0.17.6).
  self_->request(to.peer, caf::duration{std::max(left, duration{1000})}, std::move(*bytes))
      .then([this, id](const node_message& answer) { replied(id, answer); }, [this, id](const caf::error& e) { failed(id, e); });
}

void node_asks::replied(std::uint64_t id, const node_message& answer) {
  auto open = open_.extract(id);
  if (open.empty())
    return; // It was lost with its node meanwhile, and asked again.
  auto& [m, node] = open.mapped();
  --open_at_[node];
  auto read = decode_word(answer.bytes);
  auto* reply = read ? std::get_if<node_reply>(&*read) : nullptr;
  if (reply == nullptr || reply->code > static_cast<std::uint8_t>(ask_errc::unavailable))
    return m.done(ask_error{ask_errc::incompatible, "the answer of node '" + node + "' cannot be read"});
  if (reply->moved)
    return again(std::move(m), "it has just moved away from node '" + node + "'");
  ++counted_.elsewhere;
  if (reply->code == 0)
    return m.done(std::move(reply->text));
  m.done(ask_error{static_cast<ask_errc>(reply->code), std::move(reply->text)});
}

void node_asks::failed(std::uint64_t id, const caf::error& e) {
  auto open = open_.extract(id);
  if (open.empty())
    return;
  auto& [m, node] = open.mapped();
  --open_at_[node];
  if (e == caf::sec::request_timeout)
    return unanswered(m, timed_out(m, node));
  again(std::move(m), "the connection with node '" + node + "' was lost");
}

void node_asks::lost(const std::string& node) {
  for (auto it = open_.begin(); it != open_.end();) {
    if (it->second.node != node) {
      ++it;
      continue;
    }
    auto m = std::move(it->second.what);
    it = open_.erase(it);
    again(std::move(m), "the connection with node '" + node + "' was lost");
  }
  open_at_.erase(node);
}

void node_asks::again(msg::ask_elsewhere m, const std::string& why) {
  if (now() + options_.look_again >= m.until)
    return unanswered(m, unavailable(m, why));
  ++counted_.again;
  auto id = ++next_;
  waiting_.emplace(id, std::move(m));
  self_->delayed_send(self_, options_.look_again, msg::look_again{id});
}

std::optional<msg::ask_elsewhere> node_asks::take(std::uint64_t id) {
  auto waiting = waiting_.extract(id);
  return waiting.empty() ? std::nullopt : std::optional(std::move(waiting.mapped()));
}

void node_asks::from_afar(node_ask a) {
  auto promise = self_->make_response_promise();
  auto answer = [&](const node_reply& r) {
    if (auto bytes = make_node_message(encode_word(r)))
      promise.deliver(std::move(*bytes));
  };
  if (promised_.size() >= options_.most_open)
    return answer({static_cast<std::uint8_t>(ask_errc::unavailable),
                   "node '" + options_.self + "' has " + std::to_string(options_.most_open) + " asks of other nodes open already",
                   false});
  ask_message m{std::move(a.service),
                std::move(a.question),
                std::move(a.key),
                a.key_hash,
                a.topic_hash,
                a.schema,
                std::move(a.payload),
                std::move(a.id),
                {},
                a.durable};
  for (auto& place : a.chain)
    m.chain.push_back({std::move(place.service), std::move(place.key)});
  auto id = ++next_;
  promised_.emplace(id, promise);
  const auto here = options_.ask_here(m, std::clamp(duration{a.timeout_us}, duration{0}, longest_ask),
                                      [me = caf::actor_cast<caf::actor>(self_), id](ask_outcome o) {
                                        caf::anon_send(me, msg::asked_here{id, std::move(o)});
                                      });
  if (here)
    return;
  promised_.erase(id);
  answer({static_cast<std::uint8_t>(ask_errc::unavailable),
          "node '" + options_.self + "' does not run service '" + m.service + "'", true});
}

void node_asks::answered(msg::asked_here& m) {
  auto promise = promised_.extract(m.id);
  if (promise.empty())
    return;
  auto bytes = make_node_message(encode_word(reply_of(m.outcome)));
  if (!bytes)
    bytes = make_node_message(
        encode_word(node_reply{static_cast<std::uint8_t>(ask_errc::failed), "the answer: " + bytes.err().message, false}));
  if (bytes)
    promise.mapped().deliver(std::move(*bytes));
}

} // namespace weir
