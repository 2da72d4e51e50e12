#include <weir/net/hello.hpp>
#include <weir/record/bytes.hpp>

namespace weir {
namespace {

constexpr std::string_view magic = "WEIR";
constexpr std::uint8_t version = 1;
constexpr std::size_t longest_text = 200;
constexpr std::size_t longest_refusal = 600;

void write_hello(const node_hello& h, byte_writer& out) {
  out.u8(static_cast<std::uint8_t>(h.purpose));
  for (const auto* text : {&h.cluster, &h.node, &h.to, &h.process})
    out.string(std::string_view(*text).substr(0, longest_text));
  out.u64(h.nonce[0]);
  out.u64(h.nonce[1]);
}

bool read_hello(byte_reader& in, node_hello& h) {
  auto purpose = in.u8();
  if (purpose != static_cast<std::uint8_t>(link_purpose::actors) && purpose != static_cast<std::uint8_t>(link_purpose::frames))
    in.fail();
  h.purpose = static_cast<link_purpose>(purpose);
  for (auto* text : {&h.cluster, &h.node, &h.to, &h.process}) {
    *text = in.string();
    if (text->size() > longest_text)
      in.fail();
  }
  h.nonce[0] = in.u64();
  h.nonce[1] = in.u64();
  return in.ok();
}

error refused(std::string why) { return {errc::not_authorized, std::move(why)}; }

} // namespace

const char* name_of(link_purpose purpose) { return purpose == link_purpose::actors ? "actors" : "frames"; }

std::string encode_greeting(const greeting& g) {
  std::string body;
  byte_writer out(body);
  out.bytes(magic);
  out.u8(version);
  out.u8(static_cast<std::uint8_t>(g.kind));
  if (g.kind == greeting_kind::hello)
    write_hello(g.hello, out);
  if (g.kind == greeting_kind::refuse)
    out.string(std::string_view(g.refusal).substr(0, longest_refusal));
  out.string(g.proof);
  std::string framed;
  byte_writer(framed).u16(static_cast<std::uint16_t>(body.size()));
  return framed + body;
}

result<std::size_t> decode_greeting_length(std::string_view two_bytes) {
  byte_reader in(two_bytes);
  std::size_t length = in.u16();
  if (!in.done() || length < magic.size() + 3 || length > longest_greeting)
    return error{errc::decode_failed, "this is no greeting of a Weir node"};
  return length;
}

result<greeting> decode_greeting(std::string_view body) {
  byte_reader in(body);
  if (in.bytes(magic.size()) != magic)
    return error{errc::decode_failed, "this is no greeting of a Weir node"};
  if (auto v = in.u8(); v != version)
    return error{errc::incompatible, "the node speaks version " + std::to_string(v) + " of the handshake, this one version " +
                                         std::to_string(version)};
  greeting g;
  auto kind = in.u8();
  g.kind = static_cast<greeting_kind>(kind);
  if (g.kind == greeting_kind::hello)
    read_hello(in, g.hello);
  else if (g.kind == greeting_kind::refuse)
    g.refusal = in.string();
  else if (g.kind != greeting_kind::confirm)
    in.fail();
  g.proof = in.string();
  if (!in.done())
    return error{errc::decode_failed, "a greeting is malformed"};
  for (auto& c : g.refusal) // Of a stranger, and about to be printed.
    c = c >= 0x20 && c < 0x7f ? c : '?';
  return g;
}

std::string proof_text(bool dialler, const node_hello& dialled_by, const node_hello& accepted_by) {
  std::string text = dialler ? "weir dialler" : "weir acceptor";
  byte_writer out(text);
  write_hello(dialled_by, out);
  write_hello(accepted_by, out);
  return text;
}

std::uint64_t session_of(const node_hello& a, const node_hello& b) {
  auto session = a.nonce[0] ^ b.nonce[0] ^ a.nonce[1] ^ b.nonce[1];
  return session == 0 ? 1 : session;
}

result<> judge_hello(const node_hello& theirs, const membership& us, const std::optional<node_identity>& certified,
                     const std::optional<std::string>& dialled, link_purpose wanted) {
  for (const auto* name : {&theirs.cluster, &theirs.node})
    if (!check_node_name(*name, "name"))
      return refused("the hello names no node");
  const auto& name = theirs.node;
  if (certified && certified->cluster != us.self.cluster)
    return refused("the certificate is of cluster \"" + certified->cluster + "\", this is cluster \"" + us.self.cluster + "\"");
  if (certified && certified->node != name)
    return refused("node \"" + name + "\" came with the certificate of node \"" + certified->node + "\"");
  if (theirs.cluster != us.self.cluster)
    return refused("node \"" + name + "\" is of cluster \"" + theirs.cluster + "\", this is cluster \"" + us.self.cluster + "\"");
  if (dialled && name != *dialled)
    return refused("node \"" + *dialled + "\" was dialled and node \"" + name + "\" answered: is the address right?");
  if (name == us.self.node)
    return refused("two nodes are called \"" + name + "\": every node needs a name of its own");
  if (!us.members.contains(name))
    return refused("node \"" + name + "\" is no member of the cluster by the configuration of node \"" + us.self.node + "\"");
  if (theirs.to != us.self.node)
    return refused("node \"" + name + "\" means node \"" + theirs.to.substr(0, 63) + "\", and this is node \"" + us.self.node +
                   "\": is the address right?");
  if (theirs.process.empty() || theirs.process == us.process)
    return refused("node \"" + name + "\" has the same CAF node id as node \"" + us.self.node + "\": restart one of them");
  if (theirs.purpose != wanted)
    return refused("a connection for " + std::string(name_of(theirs.purpose)) + " was answered for " + name_of(wanted));
  return success();
}

} // namespace weir
