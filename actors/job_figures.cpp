#include "actors/job_figures.hpp"
#include <algorithm>

namespace weir {
namespace {

constexpr auto relaxed = std::memory_order_relaxed;

/// One writer: no locked instruction is needed.
template <class T, class D>
void add(std::atomic<T>& to, D n) {
  to.store(to.load(relaxed) + static_cast<T>(n), relaxed);
}

bool counts(partition_state s) { return s != partition_state::idle && s != partition_state::ended; }

std::optional<timestamp> time_of(std::int64_t us) {
  return us == min_timestamp.us || us == max_timestamp.us ? std::nullopt : std::optional(timestamp{us});
}

} // namespace

job_figures::job_figures(const job_plan& plan, const std::vector<std::size_t>& tasks, const job_figures* before)
    : shard_(plan.shard), edges_(plan.edges) {
  vertices_.resize(plan.vertices.size());
  for (std::size_t v = 0; v < vertices_.size(); ++v) {
    auto& to = vertices_[v];
    const auto& from = plan.vertices[v];
    to.name = from.name;
    to.kind = from.kind;
    to.chain = from.operators;
    to.topic = from.kind == vertex_kind::source ? from.source.topic.topic : std::string();
    if (from.kind == vertex_kind::source && from.source.alignment)
      to.group = from.source.alignment->group;
    to.tasks.resize(tasks[v]);
    auto ports =
        static_cast<std::size_t>(std::count_if(edges_.begin(), edges_.end(), [v](const edge_plan& e) { return e.from == v; }));
    for (std::size_t t = 0; t < to.tasks.size(); ++t) {
      to.tasks[t].edges.resize(ports);
      if (before == nullptr || v >= before->vertices_.size() || t >= before->vertices_[v].tasks.size())
        continue;
      const auto& was = before->vertices_[v].tasks[t];
      auto& now = to.tasks[t];
      now.own.records_in = was.own.records_in.load();
      now.own.records_out = was.own.records_out.load();
      now.own.busy_us = was.own.busy_us.load();
      now.own.blocked_us = was.own.blocked_us.load();
      for (std::size_t e = 0; e < ports; ++e)
        now.edges[e].records = was.edges[e].records.load();
    }
  }
}

void job_figures::describe(job_status& s, duration now) const {
  // Of the job: one task that knows nothing yet leaves it open, one at the end of time does not count.
  auto lowest = max_timestamp.us;
  for (const auto& vertex : vertices_)
    for (const auto& t : vertex.tasks)
      if (vertex.kind != vertex_kind::source)
        lowest = std::min(lowest, t.own.watermark_us.load(relaxed));
  s.watermark = time_of(lowest);
  for (std::size_t v = 0; v < vertices_.size(); ++v) {
    const auto& vertex = vertices_[v];
    s.operators.push_back(describe(v, now));
    for (std::size_t p = 0; vertex.kind == vertex_kind::source && p < vertex.tasks.size(); ++p) {
      const auto& own = vertex.tasks[p].own;
      auto state = own.state.load(relaxed);
      s.partitions.push_back({vertex.name, vertex.topic, shard_.partition(p), own.records_in.load(relaxed),
                              own.next_offset.load(relaxed), own.lag.load(relaxed), time_of(own.watermark_us.load(relaxed)),
                              state == partition_state::idle, state == partition_state::ended});
      s.partitions.back().waits_for_memory = state == partition_state::held;
      if (state == partition_state::waiting)
        s.partitions.back().waits_for = slowest([&](std::size_t other) { return vertices_[other].group == vertex.group; });
    }
  }
  for (const auto& e : edges_) {
    channel_status c;
    c.from = vertices_[e.from].name;
    c.to = vertices_[e.to].name;
    for (const auto& t : vertices_[e.from].tasks) {
      c.records += t.edges[e.port].records.load(relaxed);
      c.in_flight_bytes += t.edges[e.port].in_flight.load(relaxed);
      c.capacity_bytes += t.edges[e.port].capacity.load(relaxed);
    }
    s.channels.push_back(std::move(c));
  }
}

operator_status job_figures::describe(std::size_t v, duration now) const {
  const auto& vertex = vertices_[v];
  operator_status o;
  o.name = vertex.name;
  o.kind = vertex.kind;
  o.chain = vertex.chain;
  o.tasks = static_cast<unsigned>(vertex.tasks.size());
  auto lowest = max_timestamp.us;
  for (const auto& t : vertex.tasks) {
    o.records_in += t.own.records_in.load(relaxed);
    o.records_out += t.own.records_out.load(relaxed);
    o.busy += duration{t.own.busy_us.load(relaxed)};
    o.blocked += duration{t.own.blocked_us.load(relaxed)};
    if (auto since = t.own.blocked_since_us.load(relaxed); since >= 0) {
      o.blocked += std::max(now - duration{since}, duration{0});
      ++o.blocked_tasks;
    }
    const auto* handler = t.own.handler.load(relaxed);
    if (auto turn = t.own.turn_us.load(relaxed);
        handler != nullptr && turn >= 0 && now - duration{turn} > std::chrono::seconds(1))
      o.stuck = "handler '" + *handler + "' runs since " + std::to_string((now - duration{turn}).count() / 1'000'000) + " s";
    if (vertex.kind != vertex_kind::source || counts(t.own.state.load(relaxed)))
      lowest = std::min(lowest, t.own.watermark_us.load(relaxed));
  }
  o.watermark = time_of(lowest);
  o.held = holder_of(v);
  return o;
}

std::optional<held_by> job_figures::holder_of(std::size_t v) const {
  std::vector<bool> upstream(vertices_.size());
  upstream[v] = true;
  // Vertices are in topological order: from the back, each edge is seen after all that lead on from its end.
  for (auto at = v + 1; at-- > 0;)
    for (const auto& e : edges_)
      if (e.to == at && upstream[at])
        upstream[e.from] = true;
  return slowest([&upstream](std::size_t source) { return upstream[source]; });
}

std::optional<held_by> job_figures::slowest(const std::function<bool(std::size_t source)>& among) const {
  std::optional<held_by> out;
  auto lowest = max_timestamp.us;
  for (std::size_t s = 0; s < vertices_.size(); ++s) {
    if (vertices_[s].kind != vertex_kind::source || !among(s))
      continue;
    for (std::size_t p = 0; p < vertices_[s].tasks.size(); ++p) {
      const auto& own = vertices_[s].tasks[p].own;
      auto at = own.watermark_us.load(relaxed);
      if (!counts(own.state.load(relaxed)) || at >= lowest)
        continue;
      lowest = at;
      out = held_by{vertices_[s].name, shard_.partition(p)};
    }
  }
  return out;
}

void task_meter::end(std::uint64_t in, std::uint64_t out, timestamp watermark, const output_router& output) {
  auto now = system_clock().monotonic();
  auto& f = to_->own;
  add(f.records_in, in - std::exchange(in_, in));
  add(f.records_out, out - std::exchange(out_, out));
  add(f.busy_us, (now - began_).count());
  f.turn_us.store(-1, relaxed);
  f.watermark_us.store(watermark.us, relaxed);
  auto blocked = !output.has_credit();
  if (blocked != blocked_) {
    blocked_ = blocked;
    if (!blocked)
      add(f.blocked_us, now.count() - f.blocked_since_us.load(relaxed));
    f.blocked_since_us.store(blocked ? now.count() : -1, relaxed);
  }
  sent_.resize(to_->edges.size());
  for (std::size_t port = 0; port < sent_.size(); ++port) {
    auto load = output.load(port);
    auto& e = to_->edges[port];
    add(e.records, load.rows - std::exchange(sent_[port], load.rows));
    e.in_flight.store(load.in_flight, relaxed);
    e.capacity.store(load.capacity, relaxed);
  }
}

void task_meter::report(std::uint64_t in, std::uint64_t out, std::span<const std::uint64_t> by_port) {
  add(to_->own.records_in, in - std::exchange(in_, in));
  add(to_->own.records_out, out - std::exchange(out_, out));
  sent_.resize(to_->edges.size());
  for (std::size_t port = 0; port < std::min(sent_.size(), by_port.size()); ++port)
    add(to_->edges[port].records, by_port[port] - std::exchange(sent_[port], by_port[port]));
}

} // namespace weir
