#include "services/weir/graph_text.hpp"
#include <weir/core/log_line.hpp>

namespace weir {
namespace {

std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

const char* kind_text(vertex_kind kind) {
  switch (kind) {
    case vertex_kind::source:
      return "source";
    case vertex_kind::task:
      return "task";
    case vertex_kind::sink:
      return "sink";
  }
  return "";
}

const char* routing_text(routing route) {
  switch (route) {
    case routing::forward:
      return "forward";
    case routing::hash:
      return "hash";
    case routing::rebalance:
      return "rebalance";
  }
  return "";
}

const char* delivery_text(delivery guarantee) {
  switch (guarantee) {
    case delivery::exactly_once:
      return "exactly-once";
    case delivery::at_least_once:
      return "at-least-once";
    case delivery::none:
      return "none";
  }
  return "";
}

const topic_ref* topic_of(const vertex_plan& v) {
  if (v.kind == vertex_kind::task)
    return nullptr;
  return v.kind == vertex_kind::source ? &v.source.topic : &v.sink.topic;
}

std::string chain_of(const vertex_plan& v) {
  std::string out;
  for (const auto& op : v.operators)
    out += (out.empty() ? "" : " > ") + op;
  return out.empty() ? v.name : out;
}

std::string width_of(const vertex_plan& v) {
  if (v.parallelism > 0)
    return "x" + std::to_string(v.parallelism);
  return v.kind == vertex_kind::source ? "one per partition" : "as its input";
}

std::string place_of(const vertex_plan& v) {
  const auto* topic = topic_of(v);
  if (topic == nullptr)
    return "";
  auto out = topic->connection + "/" + topic->topic;
  return v.kind == vertex_kind::sink ? out + ", " + delivery_text(v.sink.guarantee) : out;
}

const std::string& name_of(const job_plan& plan) { return plan.shard.whole() ? plan.job : plan.shard.service; }

std::string as_text(const job_plan& plan) {
  std::string out = "job " + name_of(plan) + (plan.shard.whole() ? "" : ", " + std::to_string(plan.shard.of) + " shards") + ", " +
                    std::to_string(plan.max_parallelism) + " key groups\n";
  for (std::size_t i = 0; i < plan.vertices.size(); ++i) {
    const auto& v = plan.vertices[i];
    auto place = place_of(v);
    out += "  " + std::to_string(i) + " " + kind_text(v.kind) + " " + chain_of(v) + " (" + (v.keyed ? "keyed, " : "") +
           width_of(v) + (place.empty() ? "" : "; " + place) + ")\n";
    for (const auto& e : plan.edges)
      if (e.from == i)
        out +=
            "      -" + std::string(routing_text(e.route)) + "-> " + std::to_string(e.to) + " " + plan.vertices[e.to].name + "\n";
  }
  return out;
}

// Mermaid has no escape for a quote inside a label but the entity.
std::string mermaid_label(std::string_view text) {
  std::string out = "\"";
  for (char c : text)
    out += c == '"' ? std::string("#quot;") : std::string(1, c);
  return out + "\"";
}

std::string as_mermaid(const job_plan& plan) {
  std::string out = "flowchart LR\n";
  for (std::size_t i = 0; i < plan.vertices.size(); ++i) {
    const auto& v = plan.vertices[i];
    auto place = place_of(v);
    auto label = mermaid_label(chain_of(v) + "<br>" + width_of(v) + (place.empty() ? "" : "<br>" + place));
    auto open = v.kind == vertex_kind::task ? "[" : "([";
    auto close = v.kind == vertex_kind::task ? "]" : "])";
    out += "  v" + std::to_string(i) + open + label + close + "\n";
  }
  for (const auto& e : plan.edges)
    out += "  v" + std::to_string(e.from) + " -->|" + routing_text(e.route) + "| v" + std::to_string(e.to) + "\n";
  return out;
}

std::string as_dot(const job_plan& plan) {
  std::string out = "digraph " + json_string(name_of(plan)) + " {\n  rankdir=LR;\n";
  for (std::size_t i = 0; i < plan.vertices.size(); ++i) {
    const auto& v = plan.vertices[i];
    auto place = place_of(v);
    out += "  v" + std::to_string(i) + " [shape=" + (v.kind == vertex_kind::task ? "box" : "cds") +
           ", label=" + json_string(chain_of(v) + "\n" + width_of(v) + (place.empty() ? "" : "\n" + place)) + "];\n";
  }
  for (const auto& e : plan.edges)
    out += "  v" + std::to_string(e.from) + " -> v" + std::to_string(e.to) + " [label=" + json_string(routing_text(e.route)) +
           "];\n";
  return out + "}\n";
}

std::string as_json(const job_plan& plan) {
  std::string out = "{\"job\":" + json_string(name_of(plan)) +
                    (plan.shard.whole() ? "" : ",\"shards\":" + std::to_string(plan.shard.of)) +
                    ",\"max_parallelism\":" + std::to_string(plan.max_parallelism) + ",\"vertices\":[";
  bool first = true;
  auto separate = [&] {
    if (!first)
      out += ',';
    first = false;
  };
  for (const auto& v : plan.vertices) {
    separate();
    out += "{\"name\":" + json_string(v.name) + ",\"kind\":" + json_string(kind_text(v.kind)) + ",\"operators\":[";
    for (std::size_t i = 0; i < v.operators.size(); ++i)
      out += (i == 0 ? "" : ",") + json_string(v.operators[i]);
    out += "],\"parallelism\":" + std::to_string(v.parallelism) + ",\"keyed\":" + (v.keyed ? "true" : "false");
    if (const auto* topic = topic_of(v))
      out += ",\"connection\":" + json_string(topic->connection) + ",\"topic\":" + json_string(topic->topic);
    if (v.kind == vertex_kind::sink)
      out += ",\"guarantee\":" + json_string(delivery_text(v.sink.guarantee));
    out += "}";
  }
  out += "],\"edges\":[";
  first = true;
  for (const auto& e : plan.edges) {
    separate();
    out += "{\"from\":" + std::to_string(e.from) + ",\"to\":" + std::to_string(e.to) +
           ",\"routing\":" + json_string(routing_text(e.route)) + "}";
  }
  return out + "]}\n";
}

} // namespace

std::string graph_text(const job_plan& plan, graph_format format) {
  switch (format) {
    case graph_format::text:
      return as_text(plan);
    case graph_format::mermaid:
      return as_mermaid(plan);
    case graph_format::dot:
      return as_dot(plan);
    case graph_format::json:
      return as_json(plan);
  }
  return {};
}

} // namespace weir
