#include <algorithm>
#include <csignal>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "tests/e2e/process.hpp"
#include "tests/e2e/world.hpp"

namespace weir::e2e {
namespace {

namespace fs = std::filesystem;

class log_world : public world {
 public:
  log_world(fs::path program, const fs::path& source, fs::path folder)
      : weir_(std::move(program)),
        config_(source / "config/order-totals.json"),
        folder_(std::move(folder)),
        log_(folder_ / "data/log") {
    fs::create_directories(log_.parent_path());
    weir({"log", "create", log_.string(), "orders", "--partitions", std::to_string(order_partitions)}, {}, {});
  }

  fs::path config() const override { return config_; }

  std::map<std::string, std::string> environment() const override { return {{"WEIR_DATA", (folder_ / "data").string()}}; }

  void produce(const std::vector<order_line>& orders) override {
    weir({"log", "produce", log_.string(), "orders", "--key", "customer"}, write(orders), {});
  }

  bool produce_killed(const std::vector<order_line>& orders, const std::string& fail_point) override {
    const auto before = consume("orders").size();
    process producer({.command = {weir_.string(), "log", "produce", log_.string(), "orders", "--key", "customer"},
                      .environment = {{"WEIR_FAIL_POINT", fail_point}},
                      .directory = {},
                      .input = write(orders),
                      .output = {},
                      .errors = folder_ / "log.err"});
    const auto end = producer.wait(std::chrono::minutes(1));
    if (!end || end->signal != SIGKILL)
      throw std::runtime_error("weir log produce was not killed at " + fail_point);
    const auto added = consume("orders").size() - before;
    if (added != 0 && added != orders.size())
      throw std::runtime_error("weir log produce, killed at " + fail_point + ", left " + std::to_string(added) + " of " +
                               std::to_string(orders.size()) + " orders of one batch");
    return added != 0;
  }

  run_facts read() override {
    run_facts facts;
    facts.orders = consume("orders");
    facts.totals = consume("order-totals");
    facts.late = consume("orders.late");
    facts.totals_partitions = partitions_of("order-totals");
    return facts;
  }

  void clean_up() override {}

 private:
  fs::path write(const std::vector<order_line>& orders) const {
    auto file = folder_ / "orders.jsonl";
    std::ofstream out(file, std::ios::trunc);
    for (const auto& o : orders)
      out << o.json << '\n';
    if (!out.flush())
      throw std::runtime_error("cannot write " + file.string());
    return file;
  }

  void weir(std::vector<std::string> arguments, const fs::path& input, const fs::path& output) {
    arguments.insert(arguments.begin(), weir_.string());
    run_to_end({.command = std::move(arguments),
                .environment = {},
                .directory = {},
                .input = input,
                .output = output,
                .errors = folder_ / "log.err"},
               std::chrono::minutes(2));
  }

  std::vector<topic_record> consume(const std::string& topic) {
    const auto file = folder_ / (topic + ".jsonl");
    fs::remove(file);
    weir({"log", "consume", log_.string(), topic, "--until-end", "--envelope"}, {}, file);
    std::vector<topic_record> out;
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);)
      out.push_back(parse_envelope(line));
    return out;
  }

  // `weir log topics` prints a line for each partition that begins with topic and partition.
  std::int32_t partitions_of(const std::string& topic) {
    const auto file = folder_ / "topics.txt";
    fs::remove(file);
    weir({"log", "topics", log_.string()}, {}, file);
    std::int32_t count = 0;
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
      std::istringstream words(line);
      std::string name;
      std::int32_t partition = 0;
      if (words >> name >> partition && name == topic)
        count = std::max(count, partition + 1);
    }
    if (count == 0)
      throw std::runtime_error("weir log topics does not show " + topic);
    return count;
  }

  fs::path weir_, config_, folder_, log_;
};

} // namespace

std::unique_ptr<world> make_log_world(const fs::path& weir, const fs::path& source, const fs::path& folder) {
  return std::make_unique<log_world>(weir, source, folder);
}

} // namespace weir::e2e
