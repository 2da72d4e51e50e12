#include <deque>
#include <weir/storage/job_store.hpp>
#include <weir/task/epoch_publisher.hpp>
#include "tests/catch.hpp"

using namespace weir;

namespace {

const lineage_id ours{{1, 2, 3}};

/// A topic with one transactional id that takes whole transactions, and a script of what goes wrong.
struct fake_cluster {
  /// What the next commits answer; empty: done. `happens`: an unknown outcome that took place all the same.
  struct outcome {
    publish_outcome what = publish_outcome::done;
    bool happens = false;
    errc code = errc::unavailable;
  };
  std::deque<outcome> commits;
  std::deque<outcome> adds;
  unsigned unreadable = 0; ///< So many looks at the marker fail.

  std::vector<std::string> visible;
  std::vector<std::size_t> transactions; ///< Records of each committed one.
  std::optional<marker> newest;
  std::vector<marker> markers;
  unsigned opened = 0;
  unsigned alive = 0;
  bool overlapped = false; ///< Two producers of the id were alive at once.
  unsigned aborted = 0;
};

template <class T>
T next(std::deque<T>& script) {
  if (script.empty())
    return {};
  auto t = script.front();
  script.pop_front();
  return t;
}

class fake_publisher : public transactional_publisher {
 public:
  explicit fake_publisher(fake_cluster& c) : c_(c) {
    ++c_.opened;
    c_.overlapped = c_.overlapped || ++c_.alive > 1;
  }
  ~fake_publisher() override { --c_.alive; }
  result<> fence() override { return success(); }
  result<std::optional<marker>> read_marker() override {
    if (c_.unreadable > 0) {
      --c_.unreadable;
      return error{errc::unavailable, "no answer"};
    }
    return c_.newest;
  }
  publish_report add(std::span<const output_record> records) override {
    auto o = next(c_.adds);
    if (o.what != publish_outcome::done) {
      open_.clear();
      return {o.what, open_.size(), {o.code, "add failed"}};
    }
    for (const auto& r : records)
      open_.push_back(std::string(r.topic) + ":" + std::string(r.value.value_or("null")));
    return {};
  }
  void set_group_offsets(const std::string&, const std::map<std::pair<std::string, std::int32_t>, std::int64_t>&) override {}
  publish_report commit(const marker& m) override {
    auto o = next(c_.commits);
    if (o.what == publish_outcome::done || o.happens) {
      c_.visible.insert(c_.visible.end(), open_.begin(), open_.end());
      c_.transactions.push_back(open_.size());
      c_.newest = m;
      c_.markers.push_back(m);
    }
    open_.clear();
    return {o.what, 0, {o.code, "commit failed"}};
  }
  void abort() override {
    ++c_.aborted;
    open_.clear();
  }

 private:
  fake_cluster& c_;
  std::vector<std::string> open_;
};

class fake_sink : public sink_connection {
 public:
  explicit fake_sink(fake_cluster& c) : c_(c) {}
  result<topic_description> ensure_topic(const std::string& topic, std::int32_t partitions, bool compacted) override {
    return topic_description{topic, partitions, 0, compacted};
  }
  std::int32_t partition_for(std::optional<std::string_view>, std::int32_t) override { return 0; }
  result<std::unique_ptr<transactional_publisher>> open_publisher(const std::string&, const std::string&) override {
    return std::unique_ptr<transactional_publisher>(std::make_unique<fake_publisher>(c_));
  }
  result<std::unique_ptr<direct_producer>> open_direct(std::function<void()>) override {
    return error{errc::internal, "not asked for"};
  }

 private:
  fake_cluster& c_;
};

/// A publisher of incarnation 5 that has claimed its id behind checkpoint 10.
struct fixture {
  fake_cluster cluster;
  fake_sink sink{cluster};
  fake_cluster other_cluster;
  fake_sink other_sink{other_cluster};
  unsigned waits = 0;
  unsigned give_up_after = 1000;
  std::unique_ptr<epoch_publisher> publisher;

  explicit fixture(std::size_t transaction_bytes = 1 << 20, bool two = false) {
    configure_logging(log_level::off, log_format::text);
    epoch_publisher::options o;
    o.marker_topic = "markers";
    o.transaction_bytes = transaction_bytes;
    o.wait = [this](duration d) {
      CHECK(d > duration{0});
      return ++waits > give_up_after;
    };
    std::vector<publisher_slot> slots{{"ns.job.main.0", "main", &sink}};
    if (two)
      slots.push_back({"ns.job.other.0", "other", &other_sink});
    publisher = std::make_unique<epoch_publisher>(std::move(o), std::move(slots), logger{});
    REQUIRE(publisher->fence().ok());
    publisher->identify(ours, 5);
    for (std::size_t i = 0; i < publisher->slots().size(); ++i)
      REQUIRE(publisher->claim(i, {publisher->slots()[i].id, {ours, 5, 10, all_records}, std::nullopt}).ok());
    cluster.transactions.clear();
    other_cluster.transactions.clear();
  }
};

/// One chunk with these values, for `connection`.
std::string chunk(const std::vector<std::string>& values, const std::string& connection = "main") {
  std::string out;
  for (const auto& v : values) {
    outbox_record r;
    r.connection = connection;
    r.topic = "out";
    r.value = v;
    encode_outbox(r, out);
  }
  return out;
}

std::vector<std::string> numbered(int first, int n) {
  std::vector<std::string> out;
  for (int i = first; i < first + n; ++i)
    out.push_back("out:v" + std::to_string(i));
  return out;
}
std::string chunk_of(int first, int n, const std::string& connection = "main") {
  std::vector<std::string> values;
  for (int i = first; i < first + n; ++i)
    values.push_back("v" + std::to_string(i));
  return chunk(values, connection);
}

using outcome = fake_cluster::outcome;

} // namespace

TEST_CASE("epochs that are gathered go out in one transaction with the marker of the last") {
  fixture f;
  REQUIRE(f.publisher->publish({{11, {chunk_of(0, 3), chunk_of(3, 2)}}, {12, {}}, {14, {chunk_of(5, 4)}}}).ok());
  CHECK(f.cluster.visible == numbered(0, 9));
  CHECK(f.cluster.transactions == std::vector<std::size_t>{9});
  CHECK(f.cluster.newest == marker{ours, 5, 14, all_records});
}

TEST_CASE("an epoch above the size of a transaction goes out in several, each with the position in its marker") {
  fixture f(8);
  REQUIRE(f.publisher->publish({{11, {chunk_of(0, 10), chunk_of(10, 5)}}, {12, {chunk_of(15, 1)}}}).ok());
  CHECK(f.cluster.visible == numbered(0, 16));
  REQUIRE(f.cluster.transactions.size() > 2);
  for (std::size_t i = 1; i < f.cluster.markers.size(); ++i) {
    auto& before = f.cluster.markers[i - 1];
    auto& now = f.cluster.markers[i];
    CHECK(std::pair(before.checkpoint, before.ordinal) <= std::pair(now.checkpoint, now.ordinal));
  }
  CHECK(f.cluster.newest == marker{ours, 5, 12, all_records});
}

TEST_CASE("more records than are handed over at once still make one transaction") {
  fixture f(std::size_t{1} << 30);
  REQUIRE(f.publisher->publish({{11, {chunk_of(0, 10'000)}}}).ok());
  CHECK(f.cluster.visible == numbered(0, 10'000));
  CHECK(f.cluster.transactions == std::vector<std::size_t>{10'000});
}

TEST_CASE("publishing goes on at the record where a former process stopped") {
  fixture f;
  REQUIRE(f.publisher->publish_for(0, {{11, {chunk_of(0, 3), chunk_of(3, 4)}}, {12, {chunk_of(7, 2)}}}, 5).ok());
  CHECK(f.cluster.visible == numbered(5, 4));
  fixture g(8);
  REQUIRE(g.publisher->publish_for(0, {{11, {chunk_of(0, 30)}}}, 7).ok());
  CHECK(g.cluster.visible == numbered(7, 23));
}

TEST_CASE("a slot that has published the first epoch whole goes on with the next, the other begins") {
  fixture f(1 << 20, true);
  auto both = chunk_of(0, 2) + chunk_of(0, 2, "other");
  auto more = chunk_of(2, 2) + chunk_of(2, 2, "other");
  REQUIRE(f.publisher->publish({{11, {both}}, {12, {more}}}, {{0, all_records}, {1, 1}}).ok());
  CHECK(f.cluster.visible == numbered(2, 2));
  CHECK(f.other_cluster.visible == numbered(1, 3));
  CHECK(f.cluster.newest == f.other_cluster.newest);
}

TEST_CASE("a publish that may succeed later is repeated with a pause, and nothing is doubled") {
  fixture f;
  f.cluster.commits = {{publish_outcome::retriable}, {publish_outcome::retriable}};
  f.cluster.adds = {{publish_outcome::retriable}};
  REQUIRE(f.publisher->publish({{11, {chunk_of(0, 3)}}}).ok());
  CHECK(f.cluster.visible == numbered(0, 3));
  CHECK(f.waits == 3);
  CHECK(f.cluster.opened == 1);
}

TEST_CASE("a publish that fails for long is tried again with a new producer that looks first") {
  fixture f;
  f.cluster.commits.assign(8, {publish_outcome::retriable});
  REQUIRE(f.publisher->publish({{11, {chunk_of(0, 3)}}}).ok());
  CHECK(f.cluster.visible == numbered(0, 3));
  CHECK(f.cluster.opened > 1);
  CHECK_FALSE(f.cluster.overlapped);
}

TEST_CASE("an unknown outcome that did not happen is done again after a look") {
  for (std::size_t transaction : {std::size_t{1} << 20, std::size_t{8}}) {
    fixture f(transaction);
    f.cluster.commits = {{publish_outcome::done}, {publish_outcome::unknown, false}, {publish_outcome::unknown, false}};
    REQUIRE(f.publisher->publish({{11, {chunk_of(0, 20)}}}).ok());
    REQUIRE(f.publisher->publish({{12, {chunk_of(20, 20)}}}).ok());
    CHECK(f.cluster.visible == numbered(0, 40));
    CHECK(f.cluster.newest == marker{ours, 5, 12, all_records});
    CHECK(f.cluster.opened == 3);
    CHECK_FALSE(f.cluster.overlapped);
  }
}

TEST_CASE("an unknown outcome that happened all the same is not done again") {
  for (std::size_t transaction : {std::size_t{1} << 20, std::size_t{8}}) {
    fixture f(transaction);
    f.cluster.commits = {{publish_outcome::unknown, true}, {publish_outcome::unknown, true}};
    REQUIRE(f.publisher->publish({{11, {chunk_of(0, 20)}}, {12, {chunk_of(20, 20)}}}).ok());
    REQUIRE(f.publisher->publish({{13, {chunk_of(40, 5)}}}).ok());
    CHECK(f.cluster.visible == numbered(0, 45));
    CHECK(f.cluster.newest == marker{ours, 5, 13, all_records});
  }
}

TEST_CASE("when the marker cannot be read the look is repeated, and a stop ends it without writing") {
  fixture f;
  f.cluster.commits = {{publish_outcome::unknown, true}};
  f.cluster.unreadable = 4;
  REQUIRE(f.publisher->publish({{11, {chunk_of(0, 3)}}}).ok());
  CHECK(f.cluster.visible == numbered(0, 3));

  fixture g;
  g.cluster.commits = {{publish_outcome::unknown, true}};
  g.cluster.unreadable = 1'000'000;
  g.give_up_after = 3;
  auto r = g.publisher->publish({{11, {chunk_of(0, 3)}}});
  REQUIRE_FALSE(r.ok());
  CHECK(r.err().code == errc::cancelled);
  CHECK(g.cluster.visible == numbered(0, 3));
}

TEST_CASE("a fenced publisher stops at once and names its id") {
  for (auto at_add : {true, false}) {
    fixture f;
    (at_add ? f.cluster.adds : f.cluster.commits) = {{publish_outcome::fenced, false, errc::fenced}};
    auto r = f.publisher->publish({{11, {chunk_of(0, 3)}}});
    REQUIRE_FALSE(r.ok());
    CHECK(r.err().code == errc::fenced);
    CHECK(r.err().message.find("ns.job.main.0") != std::string::npos);
    CHECK(f.cluster.visible.empty());
    CHECK(f.waits == 0);
  }
}

TEST_CASE("a look that finds a later incarnation is fenced, one that finds another lineage or none is foreign") {
  lineage_id theirs{{9}};
  struct found {
    std::optional<marker> what;
    errc code;
  };
  for (auto& [what, code] :
       {found{marker{ours, 6, 10, all_records}, errc::fenced}, found{marker{theirs, 5, 10, all_records}, errc::store_foreign},
        found{std::nullopt, errc::store_foreign}, found{marker{ours, 4, 10, all_records}, errc::store_foreign}}) {
    fixture f;
    f.cluster.commits = {{publish_outcome::unknown, false}};
    f.cluster.newest = what;
    auto r = f.publisher->publish({{11, {chunk_of(0, 3)}}});
    REQUIRE_FALSE(r.ok());
    CHECK(r.err().code == code);
    CHECK(f.cluster.visible.empty());
  }
}

TEST_CASE("a record that can never be written, a topic and a right that are gone end the publish and keep the outbox") {
  struct failure {
    publish_outcome outcome;
    errc given, expected;
  };
  for (auto& [what, given, expected] : {failure{publish_outcome::unwritable, errc::too_large, errc::too_large},
                                        failure{publish_outcome::gone, errc::not_found, errc::not_found},
                                        failure{publish_outcome::gone, errc::not_authorized, errc::not_authorized}}) {
    fixture f;
    f.cluster.adds = {{what, false, given}};
    auto r = f.publisher->publish({{11, {chunk_of(0, 3)}}});
    REQUIRE_FALSE(r.ok());
    CHECK(r.err().code == expected);
    CHECK(r.err().message.find("outbox") != std::string::npos);
    CHECK(f.cluster.visible.empty());
    CHECK(f.cluster.aborted == 1);
    // What the operator mended goes out later, once.
    REQUIRE(f.publisher->publish({{11, {chunk_of(0, 3)}}}).ok());
    CHECK(f.cluster.visible == numbered(0, 3));
  }
}

TEST_CASE("a stop while publishing is retried gives up without writing") {
  fixture f;
  f.cluster.commits.assign(100, {publish_outcome::retriable});
  f.give_up_after = 2;
  auto r = f.publisher->publish({{11, {chunk_of(0, 3)}}});
  REQUIRE_FALSE(r.ok());
  CHECK(r.err().code == errc::cancelled);
  CHECK(f.waits == 3);
  CHECK(f.cluster.visible.empty());
}

TEST_CASE("a damaged outbox chunk publishes nothing of its epoch and is the store's fault, not the topic's: no second try") {
  auto cut = chunk_of(0, 3), changed = chunk_of(0, 3);
  cut.resize(cut.size() - 1);
  changed[0] ^= 0x40;
  for (auto& damaged : {cut, changed}) {
    fixture f;
    auto r = f.publisher->publish({{11, {chunk_of(0, 3)}}, {12, {chunk_of(3, 3), damaged}}});
    REQUIRE_FALSE(r.ok());
    INFO(r.err().message);
    CHECK(r.err().code == errc::store_corrupt);
    CHECK(r.err().message.find("epoch 12") != std::string::npos);
    CHECK(f.cluster.visible.empty());
    CHECK(f.cluster.newest == marker{ours, 5, 10, all_records});
    CHECK(f.cluster.aborted == 1);
    CHECK(f.cluster.opened == 1);
    CHECK(f.waits == 0);
  }
}

TEST_CASE("a claim of unknown outcome is looked up with a new producer and written once") {
  fixture f;
  marker behind{ours, 5, 10, all_records};
  f.cluster.commits = {{publish_outcome::unknown, true}};
  auto before = f.cluster.markers.size();
  REQUIRE(f.publisher->claim(0, {"ns.job.main.0", {ours, 6, 10, all_records}, behind}).ok());
  CHECK(f.cluster.markers.size() == before + 1);
  CHECK(f.cluster.opened == 2);

  f.cluster.commits = {{publish_outcome::unknown, false}, {publish_outcome::retriable}};
  REQUIRE(f.publisher->claim(0, {"ns.job.main.0", {ours, 7, 10, all_records}, f.cluster.newest}).ok());
  CHECK(f.cluster.markers.size() == before + 2);
  CHECK(f.cluster.newest == marker{ours, 7, 10, all_records});
  CHECK_FALSE(f.cluster.overlapped);
}

TEST_CASE("a claim is not written over what another process claimed or published in between") {
  marker behind{ours, 5, 10, all_records};
  // A later incarnation has claimed; or a frozen predecessor woke between our two producers and published on.
  for (auto& [found, code] : {std::pair{marker{ours, 9, 12, all_records}, errc::fenced},
                              std::pair{marker{ours, 5, 11, all_records}, errc::unavailable}}) {
    fixture f;
    f.cluster.commits = {{publish_outcome::unknown, false}};
    f.cluster.newest = found;
    auto r = f.publisher->claim(0, {"ns.job.main.0", {ours, 6, 10, all_records}, behind});
    REQUIRE_FALSE(r.ok());
    CHECK(r.err().code == code);
    CHECK(f.cluster.newest == found);
  }
}
