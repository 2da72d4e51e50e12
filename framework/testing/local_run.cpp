#include <weir/testing/local_run.hpp>
#include <weir/testing/local_task.hpp>

#include <algorithm>
#include <weir/graph/task_counts.hpp>

namespace weir::testing {

input_record value_record(std::string value, timestamp time) { return {std::nullopt, std::move(value), {}, time}; }

std::string to_text(const output_row& r) {
  auto text = r.key.value_or("(null)") + " | " + r.value.value_or("(null)") + " @" + std::to_string(r.time.us);
  for (const auto& [name, value] : r.headers)
    text += " " + name + "=" + value.value_or("(null)");
  return text;
}

local_run::~local_run() = default;

void local_run::task_output::emit(std::size_t port, std::unique_ptr<any_batch> rows) {
  for (std::size_t i = 0; i < run_.plan_.edges.size(); ++i) {
    const auto& e = run_.plan_.edges[i];
    if (e.from != vertex_ || e.port != port)
      continue;
    if (run_.options_.encode_channels) {
      std::string bytes;
      byte_writer out(bytes);
      e.codec->encode(*rows, out);
      byte_reader in(bytes);
      auto decoded = e.codec->decode(in);
      if (!decoded) {
        run_.failed_ = decoded.err();
        return;
      }
      rows = std::move(decoded).value();
    }
    const auto n = run_.tasks_[e.to].size();
    auto send = [&](std::size_t to, std::unique_ptr<any_batch> some) {
      auto& t = run_.task_at(e.to, to);
      t.queue.emplace_back(t.channels.at({i, subtask_}), data_frame{std::move(some)});
    };
    if (e.route == routing::hash) {
      std::vector<std::uint32_t> target;
      for (const auto& m : rows->meta)
        target.push_back(task_of(key_group_of(m.key_hash, run_.plan_.max_parallelism), run_.plan_.max_parallelism,
                                 static_cast<std::uint32_t>(n)));
      std::vector<std::unique_ptr<any_batch>> parts;
      for (std::size_t k = 0; k < n; ++k)
        parts.push_back(rows->make_empty());
      rows->scatter(target, parts);
      for (std::size_t k = 0; k < n; ++k)
        if (parts[k]->size() > 0)
          send(k, std::move(parts[k]));
    } else {
      send((e.route == routing::forward ? subtask_ : turn_++) % n, std::move(rows));
    }
    return;
  }
}

local_run::local_run(job_plan plan, local_options options) : plan_(std::move(plan)), options_(std::move(options)) {}

local_run::task& local_run::task_at(std::size_t vertex, std::size_t subtask) { return *tasks_[vertex][subtask]; }

result<> local_run::open() {
  const auto counts = task_counts(plan_, [&](std::size_t) { return static_cast<std::size_t>(options_.partitions); });
  for (std::size_t v = 0; v < plan_.vertices.size(); ++v) {
    const auto& vertex = plan_.vertices[v];
    source_topics_.push_back(vertex.kind == vertex_kind::source ? vertex.source.topic.topic : "");
    auto& tasks = tasks_.emplace_back();
    for (std::size_t i = 0; i < counts[v]; ++i) {
      auto& t = *tasks.emplace_back(std::make_unique<task>());
      t.vertex = v;
      t.subtask = i;
    }
  }
  for (std::size_t i = 0; i < plan_.edges.size(); ++i) {
    const auto& e = plan_.edges[i];
    for (auto& from : tasks_[e.from])
      for (auto& to : tasks_[e.to]) {
        // A forward edge is a channel to one task only; the others would wait for its watermark for ever.
        if (e.route == routing::forward && from->subtask % tasks_[e.to].size() != to->subtask)
          continue;
        to->channels[{i, from->subtask}] = to->input_of_channel.size();
        to->input_of_channel.push_back(e.input);
      }
  }
  for (auto& tasks : tasks_)
    for (auto& t : tasks) {
      t->state = std::make_unique<memory_state>();
      t->merger = std::make_unique<watermark_merger>(t->input_of_channel.size());
      WEIR_TRY(make_task(*t));
    }
  return success();
}

result<> local_run::make_task(task& t) {
  const auto& vertex = plan_.vertices[t.vertex];
  auto& c = t.context;
  const auto n = static_cast<std::uint32_t>(tasks_[t.vertex].size());
  c.job = plan_.job;
  c.vertex = vertex.name;
  c.subtask = static_cast<int>(t.subtask);
  c.parallelism = static_cast<int>(n);
  c.max_parallelism = plan_.max_parallelism;
  if (vertex.keyed) {
    auto range = range_of(static_cast<std::uint32_t>(t.subtask), plan_.max_parallelism, n);
    c.first_key_group = range.first;
    c.last_key_group = range.last;
    c.state = t.state.get();
  }
  t.output = std::make_unique<task_output>(*this, t.vertex, t.subtask);
  c.output = t.output.get();
  if (vertex.kind == vertex_kind::sink) {
    auto limit = options_.max_record_bytes.find(vertex.name);
    std::optional<std::size_t> read_by;
    for (std::size_t v = 0; v < plan_.vertices.size(); ++v)
      if (plan_.vertices[v].source.written_by == vertex.name)
        read_by = v;
    t.sink = std::make_unique<task_sink>(*this, limit == options_.max_record_bytes.end() ? 0 : limit->second,
                                         written_[vertex.name], read_by);
    c.sink = t.sink.get();
  }
  c.time = &clock_;
  c.source = static_cast<std::uint32_t>(t.vertex);
  c.origin_topic = source_topics_[t.vertex];
  c.source_topics = &source_topics_;
  t.operators = vertex.make_chain();
  if (auto* port = t.operators->service()) {
    t.services = std::make_unique<task_services>(*this, t);
    port->attach(*t.services);
  }
  return t.operators->open(c);
}

result<> local_run::settle(task& t, result<progress> p) {
  while (p && *p == progress::blocked) {
    ++blocked_;
    if (auto until = t.operators->waits_until())
      clock_.advance(*until - clock_.now());
    p = t.operators->resume();
  }
  if (!p)
    return p.err();
  return success();
}

void local_run::broadcast(task& from, const frame& f) {
  const auto* w = std::get_if<watermark_frame>(&f);
  for (std::size_t i = 0; i < plan_.edges.size(); ++i)
    if (plan_.edges[i].from == from.vertex)
      for (auto& to : tasks_[plan_.edges[i].to])
        if (auto found = to->channels.find({i, from.subtask}); found != to->channels.end())
          to->queue.emplace_back(found->second, w != nullptr ? frame(*w) : frame(end_frame{}));
}

result<> local_run::deliver(task& t, std::size_t channel, frame f) {
  if (auto* data = std::get_if<data_frame>(&f))
    return settle(t, t.operators->accept(t.input_of_channel[channel], std::move(data->rows)));
  auto ended = std::holds_alternative<end_frame>(f);
  auto rose = ended ? t.merger->on_end(channel) : t.merger->on_watermark(channel, std::get<watermark_frame>(f).time);
  if (!rose)
    return success();
  WEIR_TRY(settle(t, t.operators->advance(*rose)));
  broadcast(t, ended && *rose == max_timestamp ? frame(end_frame{}) : frame(watermark_frame{*rose}));
  return success();
}

result<> local_run::drain() {
  for (;;) {
    // Vertices are in topological order: one pass leaves nothing behind, but for what goes through a topic.
    for (auto& tasks : tasks_)
      for (auto& t : tasks)
        while (!t->queue.empty()) {
          auto [channel, f] = std::move(t->queue.front());
          t->queue.pop_front();
          WEIR_TRY(deliver(*t, channel, std::move(f)));
          if (failed_)
            return *failed_;
        }
    WEIR_ASSIGN(auto more, carry());
    if (!more)
      return settle_services();
  }
}

result<bool> local_run::carry() {
  auto some = std::exchange(carried_, {});
  for (auto& [vertex, partition, row] : some)
    WEIR_TRY(read(vertex, partition,
                  {{std::move(row.key), std::move(row.value), std::move(row.headers), timestamp::from_ms(row.time.ms())}}));
  return !some.empty();
}

result<> local_run::read(std::size_t vertex, int partition, const std::vector<input_record>& records) {
  auto& t = task_at(vertex, static_cast<std::size_t>(partition));
  for (const auto& r : records) {
    auto headers = pack_headers(r.headers);
    record_view view;
    if (r.key)
      view.key = *r.key;
    if (r.value)
      view.value = *r.value;
    view.headers = headers_view(headers);
    view.time = r.time;
    view.partition = partition;
    view.offset = t.next_offset++;
    WEIR_TRY(t.operators->accept_raw(view));
  }
  WEIR_TRY(settle(t, t.operators->flush_source()));
  if (auto w = t.operators->source_watermark(); w > t.sent) {
    t.sent = w;
    broadcast(t, watermark_frame{w});
  }
  return success();
}

result<> local_run::feed(const std::string& source, int partition, const std::vector<input_record>& records) {
  for (std::size_t v = 0; v < plan_.vertices.size(); ++v) {
    if (plan_.vertices[v].name != source || plan_.vertices[v].kind != vertex_kind::source)
      continue;
    WEIR_TRY(read(v, partition, records));
    return drain();
  }
  return {errc::not_found, "no source '" + source + "' in the plan"};
}

result<> local_run::elapse(duration d) {
  clock_.advance(d);
  for (auto& tasks : tasks_)
    for (auto& t : tasks) {
      WEIR_ASSIGN(auto due, t->operators->next_processing_time());
      if (due && *due <= clock_.now())
        WEIR_TRY(settle(*t, t->operators->processing_time(clock_.now())));
    }
  return drain();
}

result<> local_run::end() {
  // What ends behind through() ends when all in front of it has come there.
  for (std::size_t v = 0; v < plan_.vertices.size(); ++v) {
    if (plan_.vertices[v].kind != vertex_kind::source)
      continue;
    if (!plan_.vertices[v].source.written_by.empty())
      WEIR_TRY(drain());
    for (auto& t : tasks_[v])
      broadcast(*t, end_frame{});
  }
  return drain();
}

result<> local_run::restart() {
  for (auto& tasks : tasks_)
    for (auto& t : tasks) {
      std::string saved;
      t->operators->save(saved);
      t->operators.reset();
      t->state = std::make_unique<memory_state>(memory_state::contents(t->state->all()));
      WEIR_TRY(make_task(*t));
      WEIR_TRY(t->operators->restore(saved));
    }
  return success();
}

const std::vector<output_row>& local_run::written(const std::string& sink) const {
  static const std::vector<output_row> none;
  auto found = written_.find(sink);
  return found == written_.end() ? none : found->second;
}

std::uint64_t local_run::counter(const std::string& name) const {
  std::uint64_t sum = 0;
  for (const auto& tasks : tasks_)
    for (const auto& t : tasks)
      for (const auto& [n, value] : t->operators->counters())
        if (n == name)
          sum += value;
  return sum;
}

std::size_t local_run::state_entries() const {
  std::size_t n = 0;
  for (const auto& tasks : tasks_)
    for (const auto& t : tasks)
      n += t->state->entries();
  return n;
}

} // namespace weir::testing
