#include "actors/ask_actors.hpp"

namespace weir {

asker_state::~asker_state() {
  for (auto& [id, done] : open)
    done(ask_error{ask_errc::unavailable, when_gone});
}

caf::behavior asker(caf::stateful_actor<asker_state>* self, std::string when_gone) {
  self->state.when_gone = std::move(when_gone);
  return {
      [self](msg::ask_order& m) {
        auto id = ++self->state.next;
        self->state.open.emplace(id, std::move(m.done));
        auto end = [self, id](ask_outcome o) {
          auto open = self->state.open.extract(id);
          if (!open.empty())
            open.mapped()(std::move(o));
        };
        auto what = "service '" + m.what.service + "', question '" + m.what.question + "'";
        msg::send_ask(self, m.owner, m.timeout, std::move(m.what))
            .then([end](msg::ask_reply& r) { end(std::move(r.outcome)); },
                  [end, what = std::move(what), timeout = m.timeout](const caf::error& e) {
                    if (e == caf::sec::request_timeout)
                      return end(ask_error{ask_errc::timed_out,
                                           what + ": no answer within " + std::to_string(timeout.count() / 1000) + " ms"});
                    end(ask_error{ask_errc::unavailable, what + ": its owner went down"});
                  });
      },
  };
}

caf::behavior ask_relay(caf::stateful_actor<relay_state>* self, decltype(runtime_options::ask_elsewhere) pass_on) {
  self->state.pass_on = std::move(pass_on);
  return {
      [self](msg::ask& m) {
        auto& s = self->state;
        auto id = ++s.next;
        auto promise = self->make_response_promise<msg::ask_reply>();
        s.open.emplace(id, promise);
        s.pass_on(std::move(m.what), m.timeout, [me = caf::actor_cast<caf::actor>(self), id](ask_outcome o) {
          caf::anon_send(me, msg::relayed{id, std::move(o)});
        });
        return promise;
      },
      [self](msg::relayed& m) {
        auto& s = self->state;
        if (auto promise = s.open.find(m.id); promise != s.open.end()) {
          promise->second.deliver(msg::ask_reply{std::move(m.outcome)});
          s.open.erase(promise);
        }
      },
  };
}

} // namespace weir
