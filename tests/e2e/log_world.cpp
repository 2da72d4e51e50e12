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
  log_world(fs::path program, const fs::path& source, fs::path folder, const scene& s)
      : world(s),
        weir_(std::move(program)),
        config_(source / "config" / (s.service + ".json")),
        folder_(std::move(folder)),
        log_(folder_ / "data/log") {
    fs::create_directories(log_.parent_path());
    create(s.input.name);
    for (const auto& o : s.openings)
      create(o.where.name);
    for (const auto& c : s.companions)
      if (c.make_input)
        create(c.input.name);
  }

  fs::path config() const override { return config_; }

  std::map<std::string, std::string> environment() const override { return {{"WEIR_DATA", (folder_ / "data").string()}}; }

  void produce(const std::vector<input_line>& lines) override { weir(produce_command(), write(lines), {}); }

  void produce_to(const scene::topic& where, const std::string& key_field, const std::vector<input_line>& lines) override {
    weir({"log", "produce", log_.string(), where.name, "--key", key_field}, write(lines), {});
  }

  bool produce_killed(const std::vector<input_line>& lines, const std::string& fail_point) override {
    const auto before = consume(scene_of_world().input.name).size();
    auto command = produce_command();
    command.insert(command.begin(), weir_.string());
    process producer({.command = std::move(command),
                      .environment = {{"WEIR_FAIL_POINT", fail_point}},
                      .directory = {},
                      .input = write(lines),
                      .output = {},
                      .errors = folder_ / "log.err"});
    const auto end = producer.wait(std::chrono::minutes(1));
    if (!end || end->signal != SIGKILL)
      throw std::runtime_error("weir log produce was not killed at " + fail_point);
    const auto added = consume(scene_of_world().input.name).size() - before;
    if (added != 0 && added != lines.size())
      throw std::runtime_error("weir log produce, killed at " + fail_point + ", left " + std::to_string(added) + " of " +
                               std::to_string(lines.size()) + " records of one batch");
    return added != 0;
  }

  world_facts read_all() override {
    world_facts facts;
    facts.input_topic = scene_of_world().input.name;
    facts.topics[facts.input_topic] = consume(facts.input_topic);
    for (const auto& o : scene_of_world().openings)
      facts.topics[o.where.name] = consume(o.where.name);
    for (const auto& t : scene_of_world().outputs)
      add(t.name, facts);
    return facts;
  }

  void read_companions(world_facts& facts) override {
    for (const auto& c : scene_of_world().companions) {
      if (c.make_input)
        add(c.input.name, facts);
      for (const auto& t : c.outputs)
        add(t.name, facts);
    }
  }

  void clean_up() override {}

 private:
  void create(const std::string& topic) {
    weir({"log", "create", log_.string(), topic, "--partitions", std::to_string(input_partitions)}, {}, {});
  }

  void add(const std::string& topic, world_facts& facts) {
    facts.topics[topic] = consume(topic);
    facts.partitions[topic] = partitions_of(topic);
  }

  std::vector<std::string> produce_command() const {
    return {"log", "produce", log_.string(), scene_of_world().input.name, "--key", scene_of_world().key_field};
  }

  fs::path write(const std::vector<input_line>& lines) const {
    auto file = folder_ / "input.jsonl";
    std::ofstream out(file, std::ios::trunc);
    for (const auto& line : lines)
      out << line.json << '\n';
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

std::unique_ptr<world> make_log_world(const fs::path& weir, const fs::path& source, const fs::path& folder, const scene& s) {
  return std::make_unique<log_world>(weir, source, folder, s);
}

} // namespace weir::e2e
