#include <weir/net/control_words.hpp>
#include "tests/catch.hpp"

using namespace weir;

TEST_CASE("what nodes say to each other is read as it was said") {
  node_report r{"a",
                "host:1",
                7,
                3,
                {"b", "c"},
                true,
                false,
                9,
                {{"shop", 2, "running", "", true, false, 12, 30}},
                {{"shop", "c", true}},
                {{"orders", 11, true, "slow"}},
                true};
  auto back = decode_word(encode_word(r));
  REQUIRE(back.ok());
  auto read = std::get<node_report>(*back);
  CHECK(read.node == "a");
  CHECK(read.address == "host:1");
  CHECK(read.hears == std::vector<std::string>{"b", "c"});
  CHECK(read.capacity == 3);
  CHECK(read.control);
  CHECK_FALSE(read.directory);
  CHECK(read.term == 9);
  CHECK(read.services == r.services);
  CHECK(read.moves == r.moves);
  CHECK(read.warm == r.warm);
  CHECK(read.leaving);
  auto command = decode_word(encode_word(node_command{node_command::verb::drain, "b", "", true}));
  REQUIRE(command.ok());
  CHECK(std::get<node_command>(*command).what == node_command::verb::drain);
  CHECK(std::get<node_command>(*command).passed_on);
  CHECK(result_of(std::get<node_answer>(*decode_word(encode_word(answer_of(std::string("{}")))))).value() == "{}");
  CHECK(result_of(answer_of(error{errc::not_found, "no"})).err().code == errc::not_found);
}

TEST_CASE("bytes that are no word are an error, whatever they are") {
  auto good = encode_word(node_report{"a", "host:1", 7, 3, {"b"}, true, false, 9, {}, {}, {}, true});
  for (std::size_t n = 0; n < good.size(); ++n)
    CHECK_FALSE(decode_word(std::string_view(good).substr(0, n)).ok());
  CHECK_FALSE(decode_word(good + "x").ok());
  CHECK(decode_word(std::string("\x02\x01", 2)).err().code == errc::incompatible);
  CHECK(decode_word(std::string("\x03\x09", 2)).err().code == errc::incompatible);
}

TEST_CASE("an ask between nodes and its reply are read as they were said") {
  node_ask a{"stock", "level", "key", 5, 8, 6, std::string("\0x", 2), "id", {{"shop", "k"}}, true, 7};
  auto read = decode_word(encode_word(a));
  REQUIRE(read.ok());
  auto back = std::get<node_ask>(*read);
  CHECK(back.service == "stock");
  CHECK(back.question == "level");
  CHECK(back.key == "key");
  CHECK(back.key_hash == 5);
  CHECK(back.topic_hash == 8);
  CHECK(back.schema == 6);
  CHECK(back.payload == a.payload);
  CHECK(back.id == "id");
  REQUIRE(back.chain.size() == 1);
  CHECK(back.chain[0].service == "shop");
  CHECK(back.chain[0].key == "k");
  CHECK(back.durable);
  CHECK(back.timeout_us == 7);
  auto reply = std::get<node_reply>(*decode_word(encode_word(node_reply{7, "gone", true})));
  CHECK(reply.code == 7);
  CHECK(reply.text == "gone");
  CHECK(reply.moved);
}
