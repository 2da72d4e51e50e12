#pragma once
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <weir/core/result.hpp>
#include <weir/net/identity.hpp>

namespace weir {

/// What one connection is for.
enum class link_purpose : std::uint8_t {
  actors = 1, ///< CAF's messages between actors.
  frames = 2, ///< Channel frames and their credits.
};
[[nodiscard]] const char* name_of(link_purpose purpose);

/// The greeting of one end of a connection, before anything else crosses it. Layout: docs/formats.md.
struct node_hello {
  link_purpose purpose = link_purpose::actors;
  std::string cluster;
  std::string node;         ///< Who says this.
  std::string to;           ///< Whom it takes the other end for.
  std::string process;      ///< CAF's node id of this process, as text.
  std::uint64_t nonce[2]{}; ///< Random; of both ends the session is made.
};

enum class greeting_kind : std::uint8_t {
  hello = 1,   ///< The dialler's, and the acceptor's if it takes the connection.
  confirm = 2, ///< The dialler takes it too: what follows is the connection's.
  refuse = 3,  ///< Followed by the end of the connection; with a sentence why.
};

/// One message of the handshake. `proof` is empty under TLS; without it, it shows that the sender knows the token.
struct greeting {
  greeting_kind kind = greeting_kind::hello;
  node_hello hello;    ///< Of a hello.
  std::string refusal; ///< Of a refuse: for people.
  std::string proof;
};

inline constexpr std::size_t greeting_length_bytes = 2; ///< In front of each greeting: its length, little-endian.
inline constexpr std::size_t longest_greeting = 1024;

/// With its length in front. Texts are cut to what fits.
[[nodiscard]] std::string encode_greeting(const greeting& g);
/// The length that follows. Errors: decode_failed, when no greeting is that long.
result<std::size_t> decode_greeting_length(std::string_view two_bytes);
/// Errors: decode_failed; incompatible for another version.
result<greeting> decode_greeting(std::string_view body);
/// What both proofs are made over: everything that was said, and who says it.
[[nodiscard]] std::string proof_text(bool dialler, const node_hello& dialled_by, const node_hello& accepted_by);

/// Agreed by both ends, different each time, never 0.
[[nodiscard]] std::uint64_t session_of(const node_hello& a, const node_hello& b);

/// Who we are and whom we talk to.
struct membership {
  node_identity self;
  std::string process;           ///< Our own CAF node id.
  std::set<std::string> members; ///< Configured names, our own may be among them.
};

/// Whether the other end's hello is acceptable. `certified`: what its certificate says, nothing without TLS. `dialled`: whom we
/// dialled, nothing if we accepted. Pure. Errors: not_authorized, with a sentence that may be told to the other end.
result<> judge_hello(const node_hello& theirs, const membership& us, const std::optional<node_identity>& certified,
                     const std::optional<std::string>& dialled, link_purpose wanted);

} // namespace weir
