#include <fmt/format.h>
#include <boost/json.hpp>
#include "services/weir/node_commands.hpp"
#include "services/weir/parked_text.hpp"

namespace weir {
namespace {

namespace json = boost::json;

std::string text(const json::value& v) { return v.is_string() ? std::string(v.get_string()) : json::serialize(v); }

std::string list(const json::value& v) {
  std::string out;
  for (const auto& name : v.get_array())
    out += (out.empty() ? "" : ", ") + text(name);
  return out.empty() ? "nobody" : out;
}

std::string node_line(const std::string& name, const json::object& members, const json::object& nodes) {
  const auto* member = members.if_contains(name);
  const auto* report = nodes.if_contains(name);
  const auto& facts = (report != nullptr ? report : member)->get_object();
  auto line = fmt::format("  {:<16} {:<22} capacity {}", name, text(facts.at("address")), text(facts.at("capacity")));
  if (report == nullptr)
    line += ", not heard by this node";
  else {
    line += ", hears " + list(facts.at("hears"));
    if (!facts.at("control").get_bool())
      line += ", without the control topic";
    if (!facts.at("directory").get_bool())
      line += ", without the shared directory";
    // A node of an older release says nothing of it.
    if (const auto* leaving = facts.if_contains("leaving"); leaving != nullptr && leaving->get_bool())
      line += ", about to end";
  }
  if (member == nullptr)
    line += ", not on record";
  else if (member->get_object().at("draining").get_bool())
    line += ", draining";
  return line + "\n";
}

/// Where its store is made ready.
std::string elsewhere_lines(const json::object& s) {
  const auto* all = s.if_contains("elsewhere"); // A node of an older release says nothing of it.
  std::string out;
  if (all == nullptr)
    return out;
  for (const auto& one : all->get_array()) {
    auto ready = one.at("ready").get_bool();
    auto what =
        one.at("standby").get_bool() ? (ready ? "standby" : "standby, not ready yet") : "goes there when its store is ready";
    auto line = fmt::format("  {:<16} on {:<13} {}", "", text(one.at("node")), what);
    if (auto has = one.at("checkpoint").to_number<std::uint64_t>(); has > 0)
      line += fmt::format(", checkpoint {}", has);
    if (auto trouble = text(one.at("trouble")); !trouble.empty())
      line += ": " + on_one_line(trouble);
    out += line + "\n";
  }
  return out;
}

std::string service_line(const std::string& name, const json::object& s) {
  auto line = fmt::format("  {:<16} on {:<13}", name, text(s.at("node")));
  if (s.at("phase").is_null())
    return line + " not started there yet, or not heard of\n";
  line += " " + text(s.at("phase"));
  if (auto newest = s.at("checkpoint").to_number<std::uint64_t>(); newest > 0)
    line += fmt::format(", checkpoint {}", newest);
  if (auto lag = s.at("lag").to_number<std::int64_t>(); lag >= 0)
    line += fmt::format(", {} records behind", lag);
  if (auto detail = text(s.at("detail")); !detail.empty())
    line += ": " + on_one_line(detail);
  return line + "\n" + elsewhere_lines(s);
}

} // namespace

std::string cluster_text(std::string_view bytes) {
  auto parsed = json::parse({bytes.data(), bytes.size()});
  const auto& s = parsed.get_object();
  auto leader = text(s.at("leader"));
  std::string out = "cluster " + text(s.at("cluster")) + ", seen by node " + text(s.at("node")) + "\n";
  out += leader.empty() ? "no leader yet\n" : "leader " + leader;
  if (!leader.empty())
    out += (s.at("term").is_null() ? "" : ", term " + text(s.at("term"))) +
           (s.at("leads").get_bool() || leader != text(s.at("node")) ? "" : ", which does not lead at the moment") + "\n";
  if (auto trouble = text(s.at("trouble")); !trouble.empty())
    out += "control topic: " + trouble + "\n";
  const auto& members = s.at("members").get_object();
  const auto& nodes = s.at("nodes").get_object();
  out += "nodes\n";
  std::map<std::string, bool> all;
  for (const auto& m : members)
    all[std::string(m.key())] = true;
  for (const auto& n : nodes)
    all[std::string(n.key())] = true;
  for (const auto& [name, unused] : all)
    out += node_line(name, members, nodes);
  out += "able to work together: " + list(s.at("able")) + "\n";
  for (const auto& l : s.at("links").get_object())
    if (!l.value().at("up").get_bool())
      out += "no connection with " + std::string(l.key()) + ": " + on_one_line(text(l.value().at("why"))) + "\n";
  if (s.at("services").is_null() || text(s.at("services").at("text")).empty())
    return out + "no services\n";
  out += "services, by version " + text(s.at("services").at("version")) + " of the services file\n";
  for (const auto& p : s.at("placed").get_object())
    out += service_line(std::string(p.key()), p.value().get_object());
  if (s.at("placed").get_object().empty())
    out += "  none has a node yet\n";
  const auto* asks = s.if_contains("asks"); // A node of an older release says nothing of them.
  auto count = [&asks](const char* name) { return asks->at(name).to_number<std::uint64_t>(); };
  if (asks != nullptr && count("here") + count("elsewhere") + count("again") + count("unanswered") > 0)
    out += fmt::format(
        "asks of the services here: {} of services here, {} answered by other nodes, {} open, {} unanswered; {} looks "
        "again for a service that moved\n",
        count("here"), count("elsewhere"), count("open"), count("unanswered"), count("again"));
  return out;
}

std::string not_ready(std::string_view bytes) {
  auto parsed = json::parse({bytes.data(), bytes.size()});
  const auto& s = parsed.get_object();
  const auto* own = s.at("nodes").get_object().if_contains(text(s.at("node")));
  if (own == nullptr)
    return "it has only just begun";
  std::string why;
  auto add = [&why](const char* reason) { why += (why.empty() ? "" : "; ") + std::string(reason); };
  if (text(s.at("leader")).empty())
    add("no leader is known");
  if (!own->at("control").get_bool())
    add("the control topic does not answer");
  if (!own->at("directory").get_bool())
    add("the shared directory does not answer");
  return why;
}

} // namespace weir
