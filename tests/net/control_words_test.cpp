#include <weir/net/control_words.hpp>
#include "tests/catch.hpp"

using namespace weir;

TEST_CASE("what nodes say to each other is read as it was said") {
  node_report r{"a", "host:1", 7, 3, {"b", "c"}, true, false, 9, {{"shop", 2, "running", "", true, false, 12, 30}}};
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
  auto command = decode_word(encode_word(node_command{node_command::verb::drain, "b", "", true}));
  REQUIRE(command.ok());
  CHECK(std::get<node_command>(*command).what == node_command::verb::drain);
  CHECK(std::get<node_command>(*command).passed_on);
  CHECK(result_of(std::get<node_answer>(*decode_word(encode_word(answer_of(std::string("{}")))))).value() == "{}");
  CHECK(result_of(answer_of(error{errc::not_found, "no"})).err().code == errc::not_found);
}

TEST_CASE("bytes that are no word are an error, whatever they are") {
  auto good = encode_word(node_report{"a", "host:1", 7, 3, {"b"}, true, false, 9, {}});
  for (std::size_t n = 0; n < good.size(); ++n)
    CHECK_FALSE(decode_word(std::string_view(good).substr(0, n)).ok());
  CHECK_FALSE(decode_word(good + "x").ok());
  CHECK(decode_word(std::string("\x02\x01", 2)).err().code == errc::incompatible);
  CHECK(decode_word(std::string("\x01\x09", 2)).err().code == errc::incompatible);
}
