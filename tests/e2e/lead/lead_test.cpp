#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <thread>
#include <weir/cluster/kafka/kafka_seat.hpp>

#include "tests/catch.hpp"
#include "tests/e2e/kafka_connector/cluster.hpp"
#include "tests/e2e/process.hpp"

// Who leads a cluster on a real broker: processes that compete for one control topic, stopped, killed and woken.

namespace {

using namespace weir::cluster;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr auto patience = 60s;

class arena {
 public:
  arena() {
    auto pattern = (fs::temp_directory_path() / "weir-lead.XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
      throw std::runtime_error("no folder under " + fs::temp_directory_path().string());
    folder = pattern;
  }
  ~arena() { fs::remove_all(folder); }
  arena(const arena&) = delete;

  fs::path folder;
  std::string space = kafka_test::fresh("lead");
};

/// A contender in a process of its own, and what it said.
class contender {
 public:
  contender(const arena& a, std::string node)
      : output_(a.folder / kafka_test::fresh(node)), input_(a.folder / kafka_test::fresh("in")) {
    if (::mkfifo(input_.c_str(), 0600) != 0)
      throw std::runtime_error("no pipe");
    hold_ = ::open(input_.c_str(), O_RDWR | O_CLOEXEC); // Both ends: opening it never waits.
    weir::e2e::process::setup s;
    s.command = {WEIR_BINARY_DIR "/tests/e2e/weir_contender", kafka_test::broker(), a.space, std::move(node)};
    s.input = input_;
    s.output = output_;
    s.errors = output_.string() + ".err";
    process_ = std::make_unique<weir::e2e::process>(s);
  }
  ~contender() {
    if (hold_ >= 0)
      ::close(hold_);
  }
  contender(const contender&) = delete;

  [[nodiscard]] std::vector<std::string> said() const {
    std::vector<std::string> out;
    std::ifstream in(output_);
    for (std::string line; std::getline(in, line);)
      out.push_back(line);
    return out;
  }
  [[nodiscard]] std::size_t count(const std::string& beginning) const {
    auto all = said();
    return static_cast<std::size_t>(
        std::count_if(all.begin(), all.end(), [&](const auto& line) { return line.starts_with(beginning); }));
  }
  /// Waits until it has said `times` lines of this beginning.
  void until(const std::string& beginning, std::size_t times = 1) const {
    auto deadline = std::chrono::steady_clock::now() + patience;
    while (count(beginning) < times) {
      INFO("waiting for '" << beginning << "'; it said:\n"
                           << weir::e2e::tail(output_, 20) << "\nand\n"
                           << weir::e2e::tail(output_.string() + ".err", 20));
      REQUIRE(std::chrono::steady_clock::now() < deadline);
      std::this_thread::sleep_for(5ms);
    }
  }
  void signal(int number) const { process_->signal(number); }
  /// Asks it to end, and waits for that.
  void end() {
    ::close(std::exchange(hold_, -1));
    REQUIRE(process_->wait(patience));
    until("ended");
  }
  void kill() {
    process_->signal(SIGKILL);
    REQUIRE(process_->wait(patience));
  }

 private:
  fs::path output_, input_;
  int hold_ = -1;
  std::unique_ptr<weir::e2e::process> process_;
};

/// By whom each record was written, in the order of the topic: nodes of terms.
struct history {
  std::vector<std::string> leaders;             ///< One for each term record.
  bool in_order = true;                         ///< No record of a term behind a later term's.
  std::map<std::string, std::size_t> records{}; ///< By leader, without the terms.
};
history history_of(const std::string& space) {
  auto main = kafka_test::connect();
  kafka_test::partition_scan scan(*main, control_topic_of(space), 0, 0);
  REQUIRE(scan.until_end());
  history h;
  std::uint64_t term = 0;
  for (const auto& r : scan.records) {
    auto record = decode_control(r.record.key.value_or(""), r.record.value.value_or(""));
    REQUIRE(record.ok());
    if (const auto* t = std::get_if<term_record>(&record->body)) {
      term = static_cast<std::uint64_t>(r.offset);
      h.leaders.push_back(t->node);
    } else {
      h.in_order = h.in_order && record->mark.by.term == term;
      ++h.records[h.leaders.back()];
    }
  }
  return h;
}

} // namespace

TEST_CASE("a frozen leader is replaced, and fenced when it wakes") {
  arena all;
  contender a(all, "a");
  a.until("leads");
  a.until("wrote");
  contender b(all, "b");
  b.until("knows a");
  a.until("wrote", a.count("wrote") + 3);
  CHECK(b.count("leads") == 0);

  a.signal(SIGSTOP);
  b.until("leads");
  b.until("wrote", 3);
  a.signal(SIGCONT);
  a.until("left");
  a.until("knows b");
  // In office unless the woken one took the id before it knew: then once more.
  b.until("wrote", b.count("wrote") + 3);
  a.kill();
  b.end();
  auto h = history_of(all.space);
  CHECK(h.in_order);
  CHECK(h.leaders.front() == "a");
  CHECK(std::set<std::string>(h.leaders.begin() + 1, h.leaders.end()) == std::set<std::string>{"b"});
  CHECK(h.records["a"] >= 4);
  CHECK(h.records["b"] >= 3);
}

TEST_CASE("a killed leader is replaced, whatever it left open") {
  arena all;
  contender a(all, "a");
  a.until("wrote");
  contender b(all, "b");
  b.until("knows a");
  a.until("wrote", a.count("wrote") + 2);
  a.kill();
  auto killed = std::chrono::steady_clock::now();
  b.until("wrote");
  std::cout << "written again " << std::chrono::duration<double>(std::chrono::steady_clock::now() - killed).count()
            << " s behind the kill; the session is 6 s\n";
  b.end();
  CHECK(history_of(all.space).in_order);
}

TEST_CASE("a leader that is back within its session leads again, and one that ends gives the lead away at once") {
  arena all;
  auto a = std::make_unique<contender>(all, "a");
  a->until("wrote");
  contender b(all, "b");
  b.until("knows a");
  a->kill();
  a = std::make_unique<contender>(all, "a");
  a->until("wrote");
  CHECK(b.count("leads") == 0);

  contender again(all, "a");
  again.until("leads");
  a->until("replaced");
  a->until("left");
  CHECK(b.count("leads") == 0);
  again.end();
  b.until("leads");
  b.end();
  CHECK(history_of(all.space).in_order);
}
