#include "actors/nodes/handshake.hpp"
#include <openssl/rand.h>

namespace weir {
namespace {

secure_socket socket_of(unique_fd fd, const node_credentials& with, bool server) {
  return with.tls ? secure_socket(std::move(fd), with.tls->native(), server) : secure_socket(std::move(fd));
}

node_hello hello_of(const node_credentials& with) {
  node_hello h;
  h.cluster = with.us.self.cluster;
  h.node = with.us.self.node;
  h.process = with.us.process;
  ::RAND_bytes(reinterpret_cast<unsigned char*>(h.nonce), sizeof h.nonce);
  return h;
}

} // namespace

handshake::handshake(unique_fd fd, const node_credentials& with, reserve_function reserve)
    : socket_(socket_of(std::move(fd), with, true)), with_(with), reserve_(std::move(reserve)), ours_(hello_of(with)) {}

handshake::handshake(unique_fd fd, const node_credentials& with, reserve_function reserve, std::string dialled,
                     link_purpose purpose)
    : socket_(socket_of(std::move(fd), with, false)),
      with_(with),
      reserve_(std::move(reserve)),
      dialled_(std::move(dialled)),
      ours_(hello_of(with)) {
  ours_.to = *dialled_;
  ours_.purpose = purpose;
}

handshake::step handshake::fail(error e) {
  failure_ = std::move(e);
  phase_ = phase::failed;
  return step::failed;
}

handshake::step handshake::refuse(const error& e) {
  failure_ = e;
  refused_ = true;
  out_ = encode_greeting({greeting_kind::refuse, {}, e.message, {}});
  sent_ = 0;
  phase_ = phase::last_words;
  return step::wait_write;
}

handshake::step handshake::wait(const secure_socket::outcome& o) {
  using status = secure_socket::status;
  if (o.what == status::wait_read)
    return step::wait_read;
  if (o.what == status::wait_write)
    return step::wait_write;
  if (o.what == status::closed)
    return fail({errc::unavailable, "the other end closed the connection during the handshake"});
  // OpenSSL's words for it ("certificate verify failed", "tlsv13 alert certificate required") are the best there are.
  return fail({with_.tls ? errc::not_authorized : errc::unavailable, (with_.tls ? "TLS: " : "") + socket_.failure()});
}

handshake::step handshake::send() {
  while (sent_ < out_.size()) {
    auto o = socket_.write(out_.data() + sent_, out_.size() - sent_);
    if (o.what != secure_socket::status::done)
      return wait(o);
    sent_ += o.bytes;
  }
  return step::done;
}

handshake::step handshake::receive(std::optional<greeting>& got) {
  // Exactly the greeting and no byte more: what follows is not ours to read.
  for (;;) {
    auto want = greeting_length_bytes;
    if (in_.size() >= want) {
      auto length = decode_greeting_length(std::string_view(in_).substr(0, greeting_length_bytes));
      if (!length)
        return fail(length.err());
      want += *length;
      if (in_.size() == want)
        break;
    }
    char buffer[longest_greeting];
    auto o = socket_.read(buffer, want - in_.size());
    if (o.what != secure_socket::status::done)
      return wait(o);
    in_.append(buffer, o.bytes);
  }
  auto g = decode_greeting(std::string_view(in_).substr(greeting_length_bytes));
  in_.clear();
  if (!g)
    return refuse(g.err());
  got = std::move(*g);
  return step::done;
}

handshake::step handshake::on_tls() {
  auto o = socket_.handshake();
  if (o.what != secure_socket::status::done)
    return wait(o);
  if (dialled_)
    out_ = encode_greeting({greeting_kind::hello, ours_, {}, {}});
  phase_ = phase::greeting;
  return step::done;
}

std::string handshake::proof(bool by_dialler) const {
  if (!with_.token)
    return {};
  return with_.token->proof(proof_text(by_dialler, dialled_ ? ours_ : theirs_, dialled_ ? theirs_ : ours_));
}

bool handshake::proven(const greeting& g, bool by_dialler) const {
  return !with_.token ||
         with_.token->proves(g.proof, proof_text(by_dialler, dialled_ ? ours_ : theirs_, dialled_ ? theirs_ : ours_));
}

handshake::step handshake::on_greeting(const greeting& g) {
  if (g.kind == greeting_kind::refuse)
    return fail({errc::not_authorized, "refused by the other end: " + g.refusal});
  if (g.kind != greeting_kind::hello)
    return fail({errc::decode_failed, "a hello was expected"});
  theirs_ = g.hello;
  std::optional<node_identity> certified;
  if (socket_.ssl() != nullptr) {
    auto who = identity_of(certificate_uris(::SSL_get0_peer_certificate(socket_.ssl())));
    if (!who)
      return refuse(who.err());
    certified = std::move(*who);
  }
  if (dialled_ && !proven(g, false))
    return refuse({errc::not_authorized, "the other end does not know our token: do both nodes read the same token file?"});
  if (auto r = judge_hello(theirs_, with_.us, certified, dialled_, dialled_ ? ours_.purpose : theirs_.purpose); !r)
    return refuse(r.err());
  if (!dialled_) {
    ours_.to = theirs_.node;
    ours_.purpose = theirs_.purpose;
  }
  auto place = reserve_(theirs_);
  if (!place)
    return refuse(place.err());
  // Without certificates the acceptor knows who it is only by the confirmation: a stranger must not take a member's place.
  if (with_.tls || dialled_)
    place_ = std::move(*place);
  sent_ = 0;
  out_ = dialled_ ? encode_greeting({greeting_kind::confirm, {}, {}, proof(true)})
                  : encode_greeting({greeting_kind::hello, ours_, {}, proof(false)});
  phase_ = dialled_ ? phase::last_words : phase::confirming;
  return step::done;
}

handshake::step handshake::on_confirm(const greeting& g) {
  if (g.kind == greeting_kind::refuse)
    return fail({errc::not_authorized, "refused by the other end: " + g.refusal});
  if (g.kind != greeting_kind::confirm)
    return fail({errc::decode_failed, "a confirmation was expected"});
  if (!proven(g, true))
    return fail({errc::not_authorized, "node \"" + theirs_.node + "\" does not know our token"});
  if (!with_.tls) {
    auto place = reserve_(theirs_);
    if (!place)
      return fail(place.err());
    place_ = std::move(*place);
  }
  phase_ = phase::done;
  return step::done;
}

handshake::step handshake::advance() {
  for (;;) {
    step s = step::done;
    std::optional<greeting> got;
    switch (phase_) {
      case phase::tls:
        s = on_tls();
        break;
      case phase::greeting:
      case phase::confirming:
        s = send();
        if (s == step::done)
          s = receive(got);
        if (got)
          s = phase_ == phase::greeting ? on_greeting(*got) : on_confirm(*got);
        if (refused_)
          continue;
        break;
      case phase::last_words:
        s = send();
        if (s == step::done)
          phase_ = refused_ ? phase::failed : phase::done;
        break;
      case phase::done:
        return step::done;
      case phase::failed:
        return step::failed;
    }
    if (s != step::done)
      return s;
  }
}

} // namespace weir
