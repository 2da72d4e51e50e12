#include <weir/net/admission.hpp>
#include <weir/net/hello.hpp>
#include <weir/net/liveness.hpp>
#include "tests/catch.hpp"

using namespace weir;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

TEST_CASE("a certificate names one node") {
  CHECK(*parse_node_uri("weir://shop/node-1") == node_identity{"shop", "node-1"});
  CHECK(to_uri({"shop", "node-1"}) == "weir://shop/node-1");
  for (const auto* bad :
       {"", "weir:", "weir://", "weir://shop", "weir://shop/", "weir:///a", "weir://shop/a/b", "http://shop/a", "WEIR://shop/a",
        "weir://Shop/a", "weir://shop/a b", "weir://shop/-a", "weir://shop/a\n", "weir://shop/..%2f"}) {
    INFO(bad);
    CHECK_FALSE(parse_node_uri(bad));
  }
  CHECK_FALSE(parse_node_uri(std::string("weir://shop/a\0b", 15)));
  CHECK(parse_node_uri("weir://shop/" + std::string(63, 'a')));
  CHECK_FALSE(parse_node_uri("weir://shop/" + std::string(64, 'a')));
  CHECK(*identity_of({"https://example.org", "weir://shop/a"}) == node_identity{"shop", "a"});
  CHECK_THAT(identity_of({}).err().message, Contains("names no node"));
  CHECK_THAT(identity_of({"weir://shop/a", "weir://shop/b"}).err().message, Contains("more than one node"));
  CHECK(identity_of({"weir://shop"}).err().code == errc::not_authorized);
}

namespace {

node_hello sample_hello() {
  node_hello h;
  h.purpose = link_purpose::frames;
  h.cluster = "shop";
  h.node = "a";
  h.to = "b";
  h.process = "ABC#7";
  h.nonce[0] = 1;
  h.nonce[1] = 2;
  return h;
}

std::string body(const greeting& g) { return encode_greeting(g).substr(greeting_length_bytes); }

} // namespace

TEST_CASE("a greeting is read back, and nothing else is one") {
  auto whole = encode_greeting({greeting_kind::hello, sample_hello(), {}, "proof"});
  CHECK(*decode_greeting_length(whole.substr(0, 2)) == whole.size() - 2);
  auto g = decode_greeting(whole.substr(2));
  REQUIRE(g);
  CHECK(g->kind == greeting_kind::hello);
  CHECK(g->hello.node == "a");
  CHECK(g->hello.to == "b");
  CHECK(g->hello.process == "ABC#7");
  CHECK(g->hello.purpose == link_purpose::frames);
  CHECK(g->hello.nonce[1] == 2);
  CHECK(g->proof == "proof");
  for (std::size_t n = 0; n + 2 < whole.size(); ++n)
    CHECK_FALSE(decode_greeting(whole.substr(2, n)));
  CHECK_FALSE(decode_greeting(whole.substr(2) + "x"));
  auto other = whole.substr(2);
  other[4] = 7;
  CHECK(decode_greeting(other).err().code == errc::incompatible);
  other[4] = 1;
  other[5] = 9;
  CHECK_FALSE(decode_greeting(other));
  for (const auto& length :
       {std::string("\x00\x00", 2), std::string("\x01\x04", 2), std::string("\xff\xff", 2), std::string("\x10", 1)})
    CHECK_FALSE(decode_greeting_length(length));
}

TEST_CASE("a refusal is short and printable whatever a stranger wrote") {
  auto g = decode_greeting(body({greeting_kind::refuse, {}, "no\x1b[2J" + std::string(5000, 'x'), {}}));
  REQUIRE(g);
  CHECK(g->refusal.starts_with("no?[2J"));
  CHECK(g->refusal.size() <= 600);
}

TEST_CASE("the proof covers everything that was said, and who says it") {
  auto a = sample_hello(), b = sample_hello();
  b.nonce[0] = 9;
  std::set<std::string> texts{proof_text(true, a, b), proof_text(false, a, b), proof_text(true, b, a)};
  b.to = "c";
  texts.insert(proof_text(true, a, b));
  b.process = "other";
  texts.insert(proof_text(true, a, b));
  CHECK(texts.size() == 5);
}

TEST_CASE("both ends agree on a session, and it is another one each time") {
  auto a = sample_hello(), b = sample_hello();
  b.nonce[0] = 77;
  CHECK(session_of(a, b) == session_of(b, a));
  CHECK(session_of(a, b) != session_of(a, a));
  CHECK(session_of(a, a) != 0);
}

TEST_CASE("a hello is judged by certificate, membership and who was meant") {
  membership us{{"shop", "b"}, "US#1", {"a", "b"}};
  std::optional<node_identity> certified = node_identity{"shop", "a"};
  auto h = sample_hello();
  auto judge = [&](std::optional<std::string> dialled = std::nullopt) {
    auto r = judge_hello(h, us, certified, dialled, link_purpose::frames);
    return r ? std::string("welcome") : r.err().message;
  };
  CHECK(judge() == "welcome");
  CHECK(judge("a") == "welcome");
  CHECK_THAT(judge("c"), Contains("node \"c\" was dialled and node \"a\" answered"));
  certified->node = "c";
  CHECK_THAT(judge(), Contains("came with the certificate of node \"c\""));
  certified = node_identity{"market", "a"};
  CHECK_THAT(judge(), Contains("the certificate is of cluster \"market\""));
  certified.reset();
  CHECK(judge() == "welcome");
  h.process = "US#1";
  CHECK_THAT(judge(), Contains("the same CAF node id"));
  h.process = "";
  CHECK_THAT(judge(), Contains("the same CAF node id"));
  h = sample_hello();
  h.to = "z";
  CHECK_THAT(judge(), Contains("means node \"z\""));
  h = sample_hello();
  h.node = "z";
  CHECK_THAT(judge(), Contains("is no member"));
  h.node = "b";
  CHECK_THAT(judge(), Contains("two nodes are called \"b\""));
  h.node = "not a name";
  CHECK_THAT(judge(), Contains("names no node"));
  h = sample_hello();
  h.purpose = link_purpose::actors;
  CHECK_THAT(judge(), Contains("for actors was answered for frames"));
}

TEST_CASE("handshakes are bounded in all, by address and in time") {
  admission a({6, 4, 3s});
  using answer = admission::answer;
  CHECK_FALSE(a.next());
  for (std::uint64_t id = 0; id < 4; ++id)
    CHECK(a.admit(id, "x", 1s * id) == answer::admitted);
  CHECK(a.admit(4, "x", 4s) == answer::address_full);
  CHECK(a.admit(5, "y", 4s) == answer::admitted);
  CHECK(a.admit(6, "z", 4s) == answer::admitted);
  CHECK(a.admit(7, "w", 4s) == answer::full);
  CHECK(a.next() == duration(3s));
  CHECK(a.overdue(2s).empty());
  CHECK(a.overdue(4s) == std::vector<std::uint64_t>{0, 1});
  a.done(0);
  a.done(0);
  CHECK(a.admit(8, "x", 4s) == answer::admitted);
  CHECK(a.admit(9, "x", 4s) == answer::full);
  for (std::uint64_t id = 1; id < 10; ++id)
    a.done(id);
  CHECK(a.pending() == 0);
  CHECK(a.admit(10, "x", 9s) == answer::admitted);
}

TEST_CASE("a peer that is silent for two seconds is lost, once") {
  liveness l({});
  l.add("a", 0s);
  l.add("b", 0s);
  auto lost_at = [&](duration at) {
    auto o = l.tick(at);
    CHECK_FALSE(o.was_frozen);
    return o.lost;
  };
  for (auto at = 0ms; at < 2000ms; at += 500ms) {
    l.heard("b", at);
    CHECK(lost_at(at).empty());
  }
  CHECK(lost_at(2s) == std::vector<std::string>{"a"});
  CHECK_FALSE(l.knows("a"));
  CHECK(lost_at(2500ms).empty());
  l.heard("a", 2600ms); // It must connect first.
  CHECK_FALSE(l.knows("a"));
  CHECK(lost_at(3s).empty());
  CHECK(lost_at(3500ms) == std::vector<std::string>{"b"});
}

TEST_CASE("a node that did not run itself accuses nobody and listens anew") {
  liveness l({});
  l.add("a", 0s);
  CHECK(l.tick(500ms).lost.empty());
  auto o = l.tick(30s);
  CHECK(o.was_frozen);
  CHECK(o.lost.empty());
  for (auto at = 30500ms; at < 32000ms; at += 500ms)
    CHECK(l.tick(at).lost.empty());
  CHECK(l.tick(32s).lost == std::vector<std::string>{"a"});
  // A little late is not frozen.
  l.add("a", 32s);
  CHECK_FALSE(l.tick(33400ms).was_frozen);
}
