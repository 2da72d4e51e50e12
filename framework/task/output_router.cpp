#include <weir/task/output_router.hpp>

namespace weir {

void output_router::add_edge(routing route, std::uint32_t max_parallelism, const std::vector<out_channel>& channels) {
  edge e{route, channels_.size(), channels.size(), 0, {}, {}};
  if (route == routing::hash) {
    for (std::uint32_t group = 0; group < max_parallelism; ++group)
      e.task_of_group.push_back(
          task_of(static_cast<std::uint16_t>(group), max_parallelism, static_cast<std::uint32_t>(channels.size())));
  }
  for (const auto& c : channels) {
    without_credit_ += c.credit <= 0 ? 1 : 0;
    e.load.capacity += c.credit;
    channels_.push_back({c, edges_.size(), {}});
  }
  edges_.push_back(std::move(e));
}

void output_router::put(outgoing& to, frame f) {
  auto cost = static_cast<std::int64_t>(credit_cost(f));
  auto had = to.channel.credit > 0;
  to.channel.credit -= cost;
  edges_[to.port].load.in_flight += cost;
  if (had && to.channel.credit <= 0)
    ++without_credit_;
  to.gathered.push_back(std::move(f));
}

void output_router::emit(std::size_t port, std::unique_ptr<any_batch> rows) {
  if (rows->size() == 0)
    return;
  rows_sent_ += rows->size();
  auto& e = edges_[port];
  e.load.rows += rows->size();
  if (e.count == 1) {
    put(channels_[e.first], data_frame{std::move(rows)});
    return;
  }
  if (e.route != routing::hash) {
    put(channels_[e.first + e.turn], data_frame{std::move(rows)});
    e.turn = (e.turn + 1) % e.count;
    return;
  }
  auto groups = static_cast<std::uint32_t>(e.task_of_group.size());
  targets_.resize(rows->size());
  for (std::size_t i = 0; i < rows->meta.size(); ++i)
    targets_[i] = e.task_of_group[key_group_of(rows->meta[i].key_hash, groups)];
  split_.resize(e.count);
  for (auto& s : split_)
    s = rows->make_empty();
  rows->scatter(targets_, split_);
  for (std::size_t i = 0; i < e.count; ++i) {
    if (split_[i]->size() > 0)
      put(channels_[e.first + i], data_frame{std::move(split_[i])});
  }
}

bool output_router::has_credit() const { return without_credit_ == 0 && (!condition_ || condition_()); }

void output_router::broadcast(const std::function<frame()>& make) {
  for (auto& c : channels_)
    c.gathered.push_back(make());
}

void output_router::flush() {
  for (auto& c : channels_) {
    if (!c.gathered.empty()) {
      send_(c.channel, std::exchange(c.gathered, std::vector<frame>()));
    }
  }
}

void output_router::add_credit(std::uint32_t channel, std::size_t bytes) {
  for (auto& c : channels_) {
    if (c.channel.channel != channel)
      continue;
    auto had = c.channel.credit > 0;
    c.channel.credit += static_cast<std::int64_t>(bytes);
    edges_[c.port].load.in_flight -= static_cast<std::int64_t>(bytes);
    if (!had && c.channel.credit > 0)
      --without_credit_;
    return;
  }
}

} // namespace weir
