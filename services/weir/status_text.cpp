#include "services/weir/status_text.hpp"
#include <fmt/format.h>
#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <set>
#include <vector>
#include <weir/core/quantity.hpp>
#include <weir/record/time_text.hpp>
#include "services/weir/parked_text.hpp"
#include "services/weir/progress.hpp"

namespace weir {
namespace {

namespace json = boost::json;

/// More would scroll away what matters; --json has all.
constexpr std::size_t most_partitions = 16;
constexpr std::size_t most_parked = 10;

/// Rows of equal width, the first column to the left, the others to the right.
class columns {
 public:
  void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  void print(std::string& out) const {
    std::vector<std::size_t> width;
    for (const auto& r : rows_)
      for (std::size_t i = 0; i < r.size(); ++i) {
        width.resize(std::max(width.size(), i + 1));
        width[i] = std::max(width[i], r[i].size());
      }
    for (const auto& r : rows_) {
      std::string line = "  ";
      for (std::size_t i = 0; i < r.size(); ++i)
        line += i == 0 ? fmt::format("{:<{}}", r[i], width[i]) : fmt::format("  {:>{}}", r[i], width[i]);
      line.erase(line.find_last_not_of(' ') + 1);
      out += line + "\n";
    }
  }

 private:
  std::vector<std::vector<std::string>> rows_;
};

std::string text(const json::value& v) { return std::string(v.as_string()); }
std::string rate(const json::value& v) { return v.is_null() ? "-" : short_count(v.to_number<double>()) + "/s"; }
std::string share(const json::value& v) { return v.is_null() ? "-" : fmt::format("{:.0f}%", 100 * v.to_number<double>()); }
std::string count(const json::value& v) { return v.is_null() ? "-" : short_count(v.to_number<double>()); }
std::string bytes(const json::value& v) {
  return approximate_size(static_cast<std::uint64_t>(std::max<std::int64_t>(v.to_number<std::int64_t>(), 0)));
}

/// How long ago; of watermarks, how far behind the clock.
std::string age(const json::value& v, timestamp now) {
  if (v.is_null())
    return "-";
  auto at = parse_timestamp(text(v));
  if (!at)
    return text(v);
  return age_text(now - *at);
}

std::string holder(const json::value& v) {
  return v.is_null() ? "" : text(v.at("source")) + "/" + std::to_string(v.at("partition").to_number<std::int64_t>());
}

void print_graph(std::string& out, const json::value& graph, timestamp now) {
  if (graph.at("operators").as_array().empty())
    return;
  columns operators;
  operators.row({"operator", "tasks", "in", "out", "busy", "back pressure", "watermark behind", "held back by"});
  for (const auto& o : graph.at("operators").as_array())
    operators.row({text(o.at("name")), count(o.at("tasks")), rate(o.at("records_in_per_second")),
                   rate(o.at("records_out_per_second")), share(o.at("busy")), share(o.at("back_pressure")),
                   age(o.at("watermark"), now), holder(o.at("held_back_by"))});
  operators.print(out);
  columns channels;
  channels.row({"channel", "records", "in flight", "of"});
  for (const auto& c : graph.at("channels").as_array())
    channels.row({text(c.at("from")) + " -> " + text(c.at("to")), rate(c.at("records_per_second")),
                  bytes(c.at("in_flight_bytes")), bytes(c.at("capacity_bytes"))});
  channels.print(out);
}

void print_partitions(std::string& out, const json::array& all, timestamp now) {
  if (all.empty())
    return;
  std::vector<const json::value*> by_lag;
  std::map<std::string, std::set<std::string>> readers;
  for (const auto& p : all) {
    by_lag.push_back(&p);
    readers[text(p.at("topic"))].insert(text(p.at("source")));
  }
  auto lag = [](const json::value& p) {
    return p.at("lag").is_null() ? std::int64_t{-1} : p.at("lag").to_number<std::int64_t>();
  };
  if (all.size() > most_partitions)
    std::stable_sort(by_lag.begin(), by_lag.end(), [&](const json::value* a, const json::value* b) { return lag(*a) > lag(*b); });
  columns table;
  table.row({"partition", "read", "lag", "next offset", "watermark behind", "state"});
  for (std::size_t i = 0; i < std::min(all.size(), most_partitions); ++i) {
    const auto& p = *by_lag[i];
    auto name = text(p.at("topic")) + "/" + std::to_string(p.at("partition").to_number<std::int64_t>());
    if (readers[text(p.at("topic"))].size() > 1)
      name += " by " + text(p.at("source"));
    table.row({name, rate(p.at("records_per_second")), count(p.at("lag")),
               p.at("next_offset").is_null() ? "-" : std::to_string(p.at("next_offset").to_number<std::int64_t>()),
               age(p.at("watermark"), now),
               text(p.at("state")) + (p.at("waits_for").is_null() ? "" : " for " + holder(p.at("waits_for")))});
  }
  table.print(out);
  if (all.size() > most_partitions)
    out += fmt::format("  … and {} partitions with less lag\n", all.size() - most_partitions);
}

void print_commits(std::string& out, const json::value& s, timestamp now) {
  const auto& c = s.at("commits");
  out += fmt::format("  offsets committed {}; {} events open\n",
                     c.at("at").is_null() ? std::string("never yet") : age(c.at("at"), now) + " ago",
                     c.at("open_events").to_number<std::uint64_t>());
  std::string counters;
  for (const auto& [name, n] : s.at("counters").as_object())
    if (auto count = n.to_number<std::uint64_t>(); count > 0)
      counters += (counters.empty() ? "" : ", ") + on_one_line(std::string(name)) + " " + std::to_string(count);
  if (!counters.empty())
    out += "  counters: " + counters + "\n";
}

void print_durability(std::string& out, const json::value& s, timestamp now) {
  if (!s.at("commits").is_null())
    return print_commits(out, s, now);
  const auto& c = s.at("checkpoints");
  if (c.at("newest").is_null())
    out += "  no checkpoint yet";
  else
    out += fmt::format("  checkpoint {} {} ago, {}, took {:.0f} ms", c.at("newest").to_number<std::uint64_t>(),
                       age(c.at("at"), now), bytes(c.at("bytes")), 1000 * c.at("duration_seconds").to_number<double>());
  out += fmt::format("; {} completed, {} closed", c.at("completed").to_number<std::uint64_t>(),
                     c.at("closed").to_number<std::uint64_t>());
  if (!text(c.at("closed_why")).empty())
    out += " (" + text(c.at("closed_why")) + ")";
  out += "\n";
  if (const auto& p = s.at("publisher"); !p.is_null())
    out += fmt::format(
        "  published {}; waiting {} in {} epochs\n",
        p.at("checkpoint").is_null()
            ? "nothing yet"
            : fmt::format("up to checkpoint {} {} ago", p.at("checkpoint").to_number<std::uint64_t>(), age(p.at("at"), now)),
        bytes(p.at("waiting_bytes")), p.at("waiting_epochs").to_number<std::uint64_t>());
  if (const auto* copies = s.as_object().if_contains("copies"); copies != nullptr && !copies->is_null())
    out += fmt::format("  copied {} changes, {}; {} snapshots, {}\n", copies->at("changes").to_number<std::uint64_t>(),
                       bytes(copies->at("bytes")), copies->at("snapshots").to_number<std::uint64_t>(),
                       bytes(copies->at("snapshot_bytes")));
  out += fmt::format("  store {}, {} to load at a restart\n", bytes(s.at("store").at("bytes")),
                     bytes(s.at("store").at("unapplied_bytes")));
}

/// What waits for somebody: it comes first.
void print_trouble(std::string& out, const json::value& s, timestamp now) {
  if (const auto* copies = s.as_object().if_contains("copies"); copies != nullptr && !copies->is_null())
    if (auto waits = copies->at("waiting_seconds").to_number<double>(); waits > 1)
      out += fmt::format("  stuck: a checkpoint has waited {:.0f} s for checkpoint.directory\n", waits);
  for (const auto& o : s.at("graph").at("operators").as_array())
    if (!o.at("stuck").is_null())
      out += "  stuck: operator " + text(o.at("name")) + ": " + on_one_line(text(o.at("stuck"))) + "\n";
  if (auto parked = parked_text(parked_keys_of(s, now), most_parked); !parked.empty())
    out += "  " + parked;
}

void print_service(std::string& out, const json::value& s, timestamp now) {
  auto phase = text(s.at("phase"));
  out += text(s.at("name")) + ": " + (phase == "failed" ? "parked, it failed" : phase);
  if (!s.at("since").is_null())
    out += " since " + age(s.at("since"), now);
  if (!text(s.at("reason")).empty())
    out += ": " + text(s.at("reason"));
  out += "\n";
  if (auto n = s.at("restarts").to_number<std::uint64_t>(); n > 0)
    out += fmt::format("  {} restarts, the last after: {}\n", n,
                       s.at("last_failure").is_null() ? "not known" : text(s.at("last_failure")));
  out += fmt::format("  in {}  out {}  lag {}  watermark behind {}\n", rate(s.at("records_in_per_second")),
                     rate(s.at("records_out_per_second")), count(s.at("lag")), age(s.at("watermark"), now));
  print_trouble(out, s, now);
  print_graph(out, s.at("graph"), now);
  print_partitions(out, s.at("partitions").as_array(), now);
  print_durability(out, s, now);
}

} // namespace

result<std::string> status_text(std::string_view answer) {
  try {
    auto v = json::parse({answer.data(), answer.size()});
    auto now = parse_timestamp(text(v.at("time")));
    if (!now)
      return error{errc::decode_failed, "the answer carries no time"};
    auto out = fmt::format("weir {}, process {}, {}\n", text(v.at("version")), v.at("pid").to_number<std::int64_t>(),
                           !v.at("ready").as_bool()     ? "UNHEALTHY"
                           : v.at("degraded").as_bool() ? "ready, degraded"
                                                        : "ready");
    for (const auto& s : v.at("services").as_array()) {
      out += "\n";
      print_service(out, s, *now);
    }
    return out;
  } catch (const std::exception& e) {
    return error{errc::decode_failed, std::string("the answer is not a status of this release: ") + e.what()};
  }
}

result<bool> says_ready(std::string_view answer) {
  json::error_code e;
  auto v = json::parse({answer.data(), answer.size()}, e);
  const auto* object = e ? nullptr : v.if_object();
  const auto* ready = object != nullptr ? object->if_contains("ready") : nullptr;
  if (ready == nullptr || !ready->is_bool())
    return error{errc::decode_failed, "the answer is not a status of this release"};
  return ready->get_bool();
}

} // namespace weir
