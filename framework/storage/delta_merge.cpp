#include <algorithm>
#include <weir/state/row_key.hpp>
#include <weir/storage/delta_merge.hpp>

namespace weir::storage_detail {

bool delta_merge::after(std::size_t a, std::size_t b) const {
  auto c = sources_[a].row_key().compare(sources_[b].row_key());
  return c != 0 ? c > 0 : a < b;
}

void delta_merge::push(std::size_t source) {
  heap_.push_back(source);
  std::push_heap(heap_.begin(), heap_.end(), [this](auto a, auto b) { return after(a, b); });
}

std::size_t delta_merge::pop() {
  std::pop_heap(heap_.begin(), heap_.end(), [this](auto a, auto b) { return after(a, b); });
  auto source = heap_.back();
  heap_.pop_back();
  return source;
}

result<> delta_merge::advance(std::size_t source) {
  WEIR_ASSIGN(auto more, sources_[source].next());
  if (more)
    push(source);
  return success();
}

result<delta_merge> delta_merge::open(const std::vector<std::string_view>& chunks, const std::string& position) {
  delta_merge m;
  m.drop_prefix_ = position.substr(0, std::min(position.size(), value_row_prefix));
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    WEIR_ASSIGN(auto reader, delta_chunk_reader::open_checked(chunks[i]));
    m.sources_.push_back(std::move(reader));
    auto& r = m.sources_.back();
    for (;;) {
      WEIR_ASSIGN(auto more, r.next());
      if (!more)
        break;
      if (r.row_key() >= position) {
        m.heap_.push_back(i);
        break;
      }
      // The rest of this key group still needs to know what its tombstones cover.
      if (r.action() == row_action::drop_until && r.row_key() == m.drop_prefix_)
        m.drops_.push_back({i, r.until()});
    }
  }
  std::make_heap(m.heap_.begin(), m.heap_.end(), [&m](auto a, auto b) { return m.after(a, b); });
  return m;
}

void delta_merge::rebase(const std::vector<std::string_view>& chunks) {
  for (std::size_t i = 0; i < sources_.size(); ++i)
    sources_[i].rebase(chunks[i]);
}

bool delta_merge::covered(std::size_t source) const {
  const auto& r = sources_[source];
  if (r.kind() != state_kind::ordered || r.row_key().substr(0, value_row_prefix) != drop_prefix_)
    return false;
  auto parts = parse_row_key(state_kind::ordered, r.row_key());
  return parts &&
         std::any_of(drops_.begin(), drops_.end(), [&](const drop& d) { return d.order > source && parts->time <= d.until; });
}

result<std::optional<delta_merge::row>> delta_merge::next() {
  if (given_) {
    auto source = *given_;
    given_.reset();
    WEIR_TRY(advance(source));
  }
  while (!heap_.empty()) {
    auto newest = pop();
    auto& r = sources_[newest];
    if (r.action() == row_action::drop_until) {
      drop_prefix_.assign(r.row_key());
      drops_.assign(1, {newest, r.until()});
      auto widest = r.until();
      while (!heap_.empty() && sources_[heap_.front()].row_key() == drop_prefix_) {
        auto other = pop();
        drops_.push_back({other, sources_[other].until()});
        widest = std::max(widest, sources_[other].until());
        WEIR_TRY(advance(other));
      }
      given_ = newest;
      return std::optional(row{row_action::drop_until, state_kind::ordered, drop_prefix_, {}, widest});
    }
    while (!heap_.empty() && sources_[heap_.front()].row_key() == r.row_key())
      WEIR_TRY(advance(pop()));
    if (r.action() != row_action::declare && covered(newest)) {
      WEIR_TRY(advance(newest));
      continue;
    }
    given_ = newest;
    return std::optional(row{r.action(), r.kind(), r.row_key(), r.value(), {}});
  }
  return std::optional<row>();
}

} // namespace weir::storage_detail
