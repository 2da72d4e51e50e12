#include <weir/task/transport.hpp>
#include "tests/catch.hpp"
#include "tests/task/fakes.hpp"

using namespace weir;
using namespace task_test;

TEST_CASE("a hash edge sends each row to the task of its key group, in order") {
  for (std::uint32_t parallelism : {1u, 2u, 3u, 7u}) {
    receiver to;
    auto router = to.router(routing::hash, parallelism);
    std::vector<std::string> values;
    for (int i = 0; i < 1000; ++i)
      values.push_back(std::to_string(i));
    router->emit(0, rows(values));
    router->flush();
    std::map<std::uint32_t, std::string> expected;
    for (std::uint64_t i = 0; i < 1000; ++i) {
      auto& words = expected[task_of(key_group_of(i, 128), 128, parallelism)];
      words += (words.empty() ? "" : ",") + std::to_string(i);
    }
    for (auto& [task, all] : expected)
      CHECK(to.take(task) == words{all});
    CHECK(router->rows_sent() == 1000);
  }
}

TEST_CASE("the ranges of key groups of all tasks are the tasks of their groups") {
  for (std::uint32_t max_parallelism : {1u, 7u, 128u, 1000u})
    for (std::uint32_t parallelism = 1; parallelism <= std::min(max_parallelism, 130u); ++parallelism) {
      std::uint32_t next = 0;
      for (std::uint32_t t = 0; t < parallelism; ++t) {
        auto range = range_of(t, max_parallelism, parallelism);
        REQUIRE(range.first == next);
        for (std::uint32_t g = range.first; g <= range.last; ++g)
          REQUIRE(task_of(static_cast<std::uint16_t>(g), max_parallelism, parallelism) == t);
        next = range.last + 1u;
      }
      REQUIRE(next == max_parallelism);
    }
}

TEST_CASE("a rebalanced edge gives batches in turn, a forward edge all to one") {
  receiver turn;
  auto router = turn.router(routing::rebalance, 3);
  for (auto* v : {"a", "b", "c", "d"})
    router->emit(0, rows({v}));
  router->flush();
  CHECK(turn.take(0) == words{"a", "d"});
  CHECK(turn.take(1) == words{"b"});
  CHECK(turn.take(2) == words{"c"});
  receiver one;
  auto forward = one.router(routing::forward, 1);
  forward->emit(0, rows({"a", "b"}));
  forward->emit(0, rows({}));
  forward->flush();
  CHECK(one.take() == words{"a,b"});
}

TEST_CASE("what one step sends goes in one message for each channel, control frames behind the rows before them") {
  receiver to;
  auto router = to.router(routing::hash, 2);
  router->emit(0, rows({"0"}, 0));
  router->broadcast([] { return watermark_frame{{5}}; });
  router->emit(0, rows({"127"}, 127));
  router->broadcast([] { return barrier_frame{3, false}; });
  CHECK(to.messages == 0);
  router->flush();
  CHECK(to.messages == 2);
  CHECK(to.take(0) == words{"0", "w5", "b3"});
  CHECK(to.take(1) == words{"w5", "127", "b3"});
  router->flush();
  CHECK(to.messages == 2);
}

TEST_CASE("credit is used by rows only, may be overdrawn once, and one dry channel stops all") {
  receiver to;
  auto router = to.router(routing::hash, 2, 10);
  CHECK(router->has_credit());
  router->broadcast([] { return watermark_frame{{5}}; });
  CHECK(router->has_credit());
  router->emit(0, rows({std::string(1000, 'x')}, 0));
  CHECK_FALSE(router->has_credit());
  router->flush();
  auto used = to.bytes[0];
  REQUIRE(used > 1000);
  router->add_credit(0, used - 10);
  CHECK_FALSE(router->has_credit());
  router->add_credit(0, 1);
  CHECK(router->has_credit());
  // Credit of a channel that is not ours changes nothing.
  router->add_credit(77, 1'000'000);
  CHECK(router->has_credit());
}

TEST_CASE("a channel that begins without credit stops its task until it gets some") {
  receiver to;
  auto router = to.router(routing::forward, 1, 0);
  CHECK_FALSE(router->has_credit());
  router->add_credit(0, 1);
  CHECK(router->has_credit());
}

TEST_CASE("a further condition for credit counts together with it") {
  receiver to;
  auto router = to.router(routing::forward, 1, 10);
  auto open = false;
  router->also_needs([&] { return open; });
  CHECK_FALSE(router->has_credit());
  open = true;
  CHECK(router->has_credit());
}

TEST_CASE("frames cross both transports unchanged and in order") {
  for (const auto* transport : {&memory_transport(), &encoding_transport()}) {
    std::vector<frame> frames;
    frames.push_back(data({"a", "b"}));
    frames.push_back(watermark_frame{{-7}});
    frames.push_back(barrier_frame{9, true});
    frames.push_back(status_frame{true});
    frames.push_back(data({""}));
    frames.push_back(end_frame{});
    auto packet = transport->wrap(std::move(frames), &codec_for<std::string>());
    auto back = transport->unwrap(*packet, &codec_for<std::string>());
    REQUIRE(back.ok());
    words got;
    for (const auto& f : *back)
      got.push_back(text(f));
    CHECK(got == words{"a,b", "w-7", "b9!", "idle", "", "end"});
  }
}

TEST_CASE("an encoded frame costs its receiver what it cost its sender") {
  // Room that the text does not need is not encoded; without it the credit of a channel would shrink with every frame.
  std::string roomy = "some text that is longer than a string holds inside";
  roomy.reserve(10000);
  auto b = std::make_unique<batch<std::string>>();
  b->push(std::move(roomy), {});
  std::vector<frame> frames;
  frames.push_back(data_frame{std::move(b)});
  auto cost = credit_cost(frames[0]);
  REQUIRE(cost > 10000);
  auto packet = encoding_transport().wrap(std::move(frames), &codec_for<std::string>());
  auto back = encoding_transport().unwrap(*packet, &codec_for<std::string>());
  REQUIRE(back.ok());
  CHECK(credit_cost(back->at(0)) == cost);
}

TEST_CASE("an encoded packet that is cut short or changed in any byte is refused") {
  std::vector<frame> frames;
  frames.push_back(data({"a", "b"}));
  frames.push_back(barrier_frame{9, true});
  auto whole = encoding_transport().wrap(std::move(frames), &codec_for<std::string>())->encoded;
  auto refused = [](std::string bytes, std::size_t expected) {
    packet p;
    p.encoded = std::move(bytes);
    auto r = encoding_transport().unwrap(p, &codec_for<std::string>());
    return r.ok() ? r->size() != expected : r.err().code == errc::decode_failed;
  };
  for (std::size_t n = 1; n < whole.size(); ++n) {
    INFO("cut to " << n);
    // A cut between two frames leaves whole ones: only the number tells.
    CHECK(refused(whole.substr(0, n), 2));
  }
  for (std::size_t i = 0; i < whole.size(); ++i) {
    auto changed = whole;
    changed[i] = static_cast<char>(changed[i] ^ 0x40);
    INFO("byte " << i);
    CHECK(refused(changed, 2));
  }
}

TEST_CASE("a packet read with the codec of other rows is refused") {
  std::vector<frame> frames;
  frames.push_back(data({"a"}));
  auto p = encoding_transport().wrap(std::move(frames), &codec_for<std::string>());
  auto r = encoding_transport().unwrap(*p, &codec_for<std::int64_t>());
  REQUIRE_FALSE(r.ok());
  CHECK(r.err().code == errc::decode_failed);
}
