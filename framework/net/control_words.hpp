#pragma once
#include <boost/describe.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>
#include <weir/core/result.hpp>

/// What the actors that speak for two nodes say to each other, and what a command says to a node. Layout: docs/formats.md.
namespace weir {

/// A service that a node has, as it tells the others.
struct running_service {
  std::string name;
  std::uint64_t version = 0; ///< Of the services file that it was started from.
  std::string phase;
  std::string detail;  ///< Why it waits, what it failed on.
  bool active = false; ///< It has a job: a new owner waits for its end.
  bool failed = false; ///< For good, on this node.
  std::uint64_t checkpoint = 0;
  std::int64_t lag = -1; ///< -1: unknown.
  friend bool operator==(const running_service&, const running_service&) = default;
};
BOOST_DESCRIBE_STRUCT(running_service, (), (name, version, phase, detail, active, failed, checkpoint, lag))

/// A node is to make its store of a service ready, which runs elsewhere.
struct planned_move {
  std::string service;
  std::string to;
  bool standby = false; ///< In case its owner is lost; else it goes there as soon as the store is ready.
  friend bool operator==(const planned_move&, const planned_move&) = default;
};
BOOST_DESCRIBE_STRUCT(planned_move, (), (service, to, standby))

/// The store of a service that is to come to a node, and what that has of it.
struct warm_service {
  std::string name;
  std::uint64_t checkpoint = 0; ///< The newest one in the store; 0: none yet.
  bool ready = false;           ///< A start would have next to nothing to read.
  std::string trouble;          ///< Why it does not get on.
  friend bool operator==(const warm_service&, const warm_service&) = default;
};
BOOST_DESCRIBE_STRUCT(warm_service, (), (name, checkpoint, ready, trouble))

/// What a node tells the others of itself, each interval.
struct node_report {
  std::string node;
  std::string address;        ///< host:port for peers.
  std::uint64_t start = 0;    ///< Random number of its process.
  std::uint32_t capacity = 1; ///< Share of the work.
  std::vector<std::string> hears;
  bool control = false;   ///< It can read the control topic, or is connected with the node that reads it for it.
  bool directory = false; ///< The shared directory answers it.
  std::uint64_t term = 0; ///< Of the leader that it knows.
  std::vector<running_service> services;
  std::vector<planned_move> moves; ///< Of the leader.
  std::vector<warm_service> warm;
  bool leaving = false; ///< It is about to end, and gives its services away.
};
BOOST_DESCRIBE_STRUCT(node_report, (),
                      (node, address, start, capacity, hears, control, directory, term, services, moves, warm, leaving))

/// An order or a question, passed on to the leader where it is one of the leader's.
struct node_command {
  enum class verb : std::uint8_t {
    status = 1, ///< What this node knows, as JSON.
    apply = 2,  ///< `text` is the services file from now on.
    remove = 3, ///< Takes the service `name` out of it.
    drain = 4,  ///< The node `name` gets no work, and gives up what it has.
    fill = 5,   ///< It gets work again.
  };
  verb what = verb::status;
  std::string name;
  std::string text;
  bool passed_on = false; ///< By another node: not to be passed on again.
};
BOOST_DESCRIBE_STRUCT(node_command, (), (what, name, text, passed_on))

struct node_answer {
  std::int32_t code = 0; ///< Of errc; 0: done.
  std::string text;      ///< The answer, or what was wrong: for people, or the JSON asked for.
};
BOOST_DESCRIBE_STRUCT(node_answer, (), (code, text))

struct ask_place {
  std::string service;
  std::string key;
};
BOOST_DESCRIBE_STRUCT(ask_place, (), (service, key))

/// An ask of a service that another node runs; key and payload are encoded.
struct node_ask {
  std::string service;
  std::string question;
  std::string key;
  std::uint64_t key_hash = 0;
  std::uint32_t topic_hash = 0;
  std::uint64_t schema = 0;
  std::string payload;
  std::string id;
  std::vector<ask_place> chain;
  bool durable = false;
  std::int64_t timeout_us = 0; ///< What is left of it.
};
BOOST_DESCRIBE_STRUCT(node_ask, (),
                      (service, question, key, key_hash, topic_hash, schema, payload, id, chain, durable, timeout_us))

struct node_reply {
  std::uint8_t code = 0; ///< Of ask_errc; 0: answered.
  std::string text;      ///< The encoded answer, or what was wrong.
  bool moved = false;    ///< The node asked does not run the service: another may.
};
BOOST_DESCRIBE_STRUCT(node_reply, (), (code, text, moved))

using node_word = std::variant<node_report, node_command, node_answer, node_ask, node_reply>;

[[nodiscard]] std::string encode_word(const node_word& w);
/// Errors: decode_failed; incompatible for another version or an unknown kind.
result<node_word> decode_word(std::string_view bytes);

[[nodiscard]] node_answer answer_of(const result<std::string>& r);
[[nodiscard]] result<std::string> result_of(const node_answer& a);

} // namespace weir
