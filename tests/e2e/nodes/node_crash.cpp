#include "tests/e2e/nodes/node_crash.hpp"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <stdexcept>
#include <thread>

namespace weir::e2e {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

const std::vector<std::string> names = {"a", "b", "c"};
constexpr auto look_again = 250ms;
/// What was on its way when a fault came does not count as the next output.
constexpr auto on_the_way = 300ms;
constexpr auto until_reached = 40s;
constexpr const char* broker_address = "10.77.0.1";

milliseconds ms(std::chrono::steady_clock::duration d) { return std::chrono::duration_cast<milliseconds>(d); }

std::string text(const json::value& v) { return v.is_string() ? std::string(v.as_string()) : ""; }

} // namespace

void order_broker(const node_crash_settings& s, const std::vector<std::string>& words) {
  const auto colon = s.broker.find(':');
  process::setup p;
  p.command = {(s.source / "scripts/kafka").string(),
               "--host",
               s.broker.substr(0, colon),
               "--port",
               s.broker.substr(colon + 1),
               "--version",
               s.broker_version};
  p.command.insert(p.command.end(), words.begin(), words.end());
  p.errors = s.broker_log;
  run_to_end(p, 150s);
}

node_crash_round::node_crash_round(const node_crash_settings& s, fs::path folder, const std::string& name, std::uint64_t seed)
    : settings_(s), folder_(std::move(folder)), load_(s.broker, s.source, folder_, name, seed, shards_in(seed)) {
  std::map<std::string, cluster_of_nodes::place> places;
  if (s.broker_tun >= 0) {
    fs::create_directories(folder_ / "shared");
    std::vector<lossy_link::end> ends = {{broker_address, s.broker_tun}};
    for (const auto& n : names) {
      spaces_[n] = std::make_unique<node_space>(address_of(n), folder_ / "shared");
      ends.push_back({address_of(n), spaces_[n]->tun()});
      places[n] = {address_of(n), spaces_[n]->namespaces()};
    }
    link_ = std::make_unique<lossy_link>(ends, seed);
  }
  auto environment = load_.environment();
  environment["WEIR_CHECKPOINT_STANDBY"] = with_standby(seed) ? "1" : "0";
  nodes_ = std::make_unique<cluster_of_nodes>(s.weir, folder_, s.broker, name, names, std::move(environment), places);
}

node_crash_round::~node_crash_round() = default;

std::string node_crash_round::address_of(const std::string& node) const {
  return "10.77.0." + std::to_string(11 + (std::find(names.begin(), names.end(), node) - names.begin()));
}

void node_crash_round::begin() {
  for (const auto& n : names)
    nodes_->start(n);
  nodes_->wait_until("three nodes that could work together", [&] {
    const auto now = look();
    return now && now->able.size() == names.size();
  });
  nodes_->order({"apply", load_.services().string()});
  load_.open();
  nodes_->wait_until("stock and accounts are filled", [&] { return load_.reached(load_.what().opened); });
  watch_ = std::make_unique<output_watch>(settings_.broker, load_.owners());
  load_.start();
  fault_row ignored;
  wait_until_whole(clock::now(), ignored);
}

std::optional<node_crash_round::view> node_crash_round::look() const {
  std::optional<view> out;
  std::int64_t newest = -1;
  for (const auto& n : names) {
    if (!nodes_->runs(n) || nodes_->is_stopped(n))
      continue;
    const auto now = nodes_->status_of(n);
    if (now.is_null() || !now.at("leads").as_bool() || !now.at("term").is_int64() || now.at("term").as_int64() <= newest)
      continue;
    newest = now.at("term").as_int64();
    out.emplace();
    out->leader = n;
    for (const auto& able : now.at("able").as_array())
      out->able.insert(text(able));
    for (const auto& [service, where] : now.at("placed").as_object()) {
      out->placed[service] = text(where.at("node"));
      if (text(where.at("phase")) == "running")
        out->running[service] = text(where.at("node"));
    }
  }
  return out;
}

void node_crash_round::connect(const std::string& node, const std::string& other, bool cut, bool back) {
  lossy_link::rule r;
  r.cut = cut;
  link_->set(node, other, r);
  if (back)
    link_->set(other, node, r);
}

void node_crash_round::suffer(const fault& f, fault_row& row) {
  auto before = look();
  if (!before)
    throw std::runtime_error("nobody leads\n" + state());
  row.what = f;
  row.leader = before->leader;
  std::vector<std::string> workers;
  for (const auto& n : names)
    if (n != before->leader)
      workers.push_back(n);
  const auto node = f.of_leader ? before->leader : workers.at(f.which % workers.size());
  row.node = f.of_a_node() ? node : "";
  const auto lost_before = lost_connections();
  const auto began = strike(f, node, row, *before);
  row.at = ms(began - began_);
  const auto over = clock::now();
  if (f.bearable()) {
    if (const auto lost = lost_connections() - lost_before; lost > 0)
      row.complaints.push_back(std::to_string(lost) + " connections between nodes were lost under " + f.text());
    if (const auto now = look(); !now || now->leader != row.leader)
      row.complaints.push_back("the leader was replaced under " + f.text());
  }
  heal();
  wait_until_whole(over, row);
  for (const auto& [service, where] : before->placed) {
    if (const auto silence = ms(watch_->longest_silence(service, began, clock::now())); silence > row.silence) {
      row.silence = silence;
      row.silent = service;
    }
    if (!row.reached || f.bearable() || (f.of_a_node() && where != node))
      continue;
    const auto next = watch_->next(service, began + on_the_way);
    row.recovery = std::max(row.recovery.value_or(0ms), ms(next.value_or(clock::now()) - began));
  }
  if (f.bearable() && row.silence > settings_.checkpoint_within)
    row.complaints.push_back("no checkpoint in " + std::to_string(row.silence.count()) + " ms under " + f.text());
}

// Returns when the fault is over but for what `heal` takes back; the time at which it began.
node_crash_round::clock::time_point node_crash_round::strike(const fault& f, const std::string& node, fault_row& row, view& at) {
  using kind = fault::kind;
  auto began = clock::now();
  const auto self = address_of(node);
  std::vector<std::string> others;
  for (const auto& n : names)
    if (n != node)
      others.push_back(address_of(n));
  const auto& peer = others.at(f.peer % others.size());
  lossy_link::rule all;
  switch (f.what) {
    case kind::kill:
      nodes_->kill(node);
      began = clock::now();
      if (f.lose_store)
        fs::remove_all(nodes_->store(node));
      std::this_thread::sleep_for(f.time);
      nodes_->start(node);
      return began;
    case kind::freeze:
      nodes_->freeze(node);
      std::this_thread::sleep_for(f.time);
      nodes_->thaw(node);
      return began;
    case kind::kill_in_copy:
    case kind::freeze_in_copy:
      return start_armed(f, node, row, at);
    case kind::peer_one_way:
      connect(self, peer, true, false);
      break;
    case kind::peer_cut:
      connect(self, peer, true, true);
      break;
    case kind::alone:
      for (const auto& o : others)
        connect(self, o, true, true);
      break;
    case kind::kafka_deaf:
      connect(broker_address, self, true, false);
      break;
    case kind::kafka_mute:
      connect(self, broker_address, true, false);
      break;
    case kind::kafka_cut:
      connect(self, broker_address, true, true);
      break;
    case kind::all_cut:
      connect(self, broker_address, true, true);
      for (const auto& o : others)
        connect(self, o, true, true);
      break;
    case kind::directory_read:
      spaces_.at(node)->set(node_space::folder::read_only);
      break;
    case kind::directory_gone:
      spaces_.at(node)->set(node_space::folder::gone);
      break;
    case kind::loss:
      all.loss = 0.05;
      break;
    case kind::delay:
      all.delay = 200ms;
      break;
    case kind::reorder:
      all.reorder = 0.3;
      break;
    case kind::broker_killed:
    case kind::broker_restarted:
      order_broker(settings_, {f.what == kind::broker_killed ? "kill9" : "down"});
      order_broker(settings_, {"up"});
      return began;
  }
  if (f.bearable())
    link_->set_all(all);
  std::this_thread::sleep_for(f.time);
  return began;
}

node_crash_round::clock::time_point node_crash_round::start_armed(const fault& f, const std::string& node, fault_row& row,
                                                                  view& at) {
  const bool stops = f.what == fault::kind::freeze_in_copy;
  nodes_->kill(node);
  if (f.lose_store)
    fs::remove_all(nodes_->store(node));
  nodes_->start(node, {{"WEIR_FAIL_POINT", f.point + (stops ? "=stop" : "")}});
  const auto started = clock::now();
  for (auto looked = started; clock::now() < started + until_reached; std::this_thread::sleep_for(20ms)) {
    const auto now = clock::now();
    if (stops && nodes_->is_stopped(node)) {
      std::this_thread::sleep_for(f.time);
      nodes_->thaw(node);
      return now;
    }
    if (const auto end = nodes_->ended(node)) {
      if (end->signal != SIGKILL)
        row.complaints.push_back("node " + node + " ended by itself with " + end->text());
      if (f.lose_store)
        fs::remove_all(nodes_->store(node));
      std::this_thread::sleep_for(f.time);
      nodes_->start(node);
      return now;
    }
    if (now - looked < look_again)
      continue;
    looked = now;
    if (auto seen = look())
      at = std::move(*seen);
  }
  row.reached = false;
  if (f.always_passed())
    row.complaints.push_back("no checkpoint of node " + node + " came to " + f.point);
  nodes_->stop(node);
  nodes_->start(node);
  return clock::now();
}

void node_crash_round::heal() {
  if (link_)
    link_->set_all({});
  for (auto& [name, space] : spaces_)
    space->set(node_space::folder::there);
}

void node_crash_round::complain_of_ends(std::vector<std::string>& complaints) {
  for (const auto& n : names)
    if (const auto end = nodes_->ended(n)) {
      complaints.push_back("node " + n + " ended by itself with " + end->text() + ": " + tail(nodes_->log(n), 1));
      nodes_->start(n);
    }
}

void node_crash_round::wait_until_whole(clock::time_point since, fault_row& row) {
  for (;;) {
    complain_of_ends(row.complaints);
    if (const auto now = look(); now && now->able.size() == names.size() && now->running.size() == load_.jobs() &&
                                 std::all_of(now->running.begin(), now->running.end(),
                                             [&](const auto& r) { return watch_->next(r.first, since).has_value(); })) {
      row.whole = ms(clock::now() - since);
      return;
    }
    if (clock::now() > since + settings_.whole_within) {
      std::string silent;
      if (const auto now = look())
        for (const auto& [service, node] : now->placed)
          if (!watch_->next(service, since))
            silent += " " + service;
      throw std::runtime_error("the cluster does not work as a whole " + std::to_string(settings_.whole_within.count() / 1000) +
                               " s after the fault; without output since:" + (silent.empty() ? " none" : silent) + "\n" +
                               state());
    }
    std::this_thread::sleep_for(look_again);
  }
}

std::size_t node_crash_round::lost_connections() const {
  std::size_t count = 0;
  for (const auto& n : names) {
    std::ifstream in(nodes_->log(n));
    for (std::string line; std::getline(in, line);)
      count += line.find("connection lost") != std::string::npos ? 1 : 0;
  }
  return count;
}

std::string node_crash_round::state() const {
  std::string out;
  for (const auto& n : names)
    out += n + ": " + (nodes_->runs(n) ? json::serialize(nodes_->status_of(n)) : "does not run") + "\n";
  return out;
}

std::vector<std::string> node_crash_round::end() {
  std::vector<std::string> complaints;
  if (const auto failure = load_.stop(); !failure.empty())
    complaints.push_back("the load: " + failure);
  const auto deadline = clock::now() + settings_.whole_within;
  while (!load_.reached(load_.what().settled)) {
    if (clock::now() > deadline) {
      complaints.push_back("not every order has come to its end " + std::to_string(settings_.whole_within.count() / 1000) +
                           " s after the last\n" + state());
      break;
    }
    std::this_thread::sleep_for(look_again);
  }
  complain_of_ends(complaints);
  for (const auto& n : names)
    if (nodes_->runs(n))
      nodes_->stop(n);
  judge(complaints);
  return complaints;
}

void node_crash_round::judge(std::vector<std::string>& complaints) {
  // A process without a store goes on from the copies, to the end of all input.
  process::setup last;
  last.command = {settings_.weir.string(), "run", load_.services().string(), "--until-end"};
  last.environment = load_.environment();
  last.environment["WEIR_CHECKPOINT_DIRECTORY"] = (nodes_->shared() / "checkpoints").string();
  last.directory = folder_;
  last.errors = folder_ / "last.err";
  run_to_end(last, 120s);
  auto facts = load_.where().read_all();
  load_.where().read_companions(facts);
  const auto add = [&](const std::string& service, const verdict& v) {
    for (const auto& sentence : v.complaints)
      complaints.push_back(service + ": " + sentence);
    if (v.totals == 0)
      complaints.push_back(service + ": there is no output: nothing was tested");
  };
  add("shop", load_.what().judge(facts));
  for (const auto& c : load_.what().companions)
    add(c.service, c.judge(facts));
  if (complaints.empty())
    load_.where().clean_up();
}

std::string node_crash_round::counts() const {
  if (!link_)
    return "";
  const auto c = link_->counted();
  return std::to_string(c.passed) + " packets passed, " + std::to_string(c.late) + " of them late, " + std::to_string(c.lost) +
         " lost, " + std::to_string(c.cut) + " cut";
}

} // namespace weir::e2e
