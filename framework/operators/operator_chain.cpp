#include <weir/operators/operator_chain.hpp>

#include <weir/record/bytes.hpp>

namespace weir {

namespace {
constexpr std::uint8_t save_version = 1;
} // namespace

operator_chain::operator_chain(std::vector<std::unique_ptr<chain_operator>> operators, batch_limits limits)
    : operators_(std::move(operators)) {
  runtime_.limits = limits;
  source_ = dynamic_cast<source_head*>(operators_.front().get());
}

result<> operator_chain::open(chain_context& ctx) {
  runtime_.context = &ctx;
  for (auto& op : operators_)
    WEIR_TRY(op->open(runtime_));
  return success();
}

result<> operator_chain::accept_raw(const record_view& record) {
  if (source_ == nullptr)
    return {errc::internal, "vertex '" + runtime_.context->vertex + "' is no source"};
  return source_->accept_raw(record);
}

result<progress> operator_chain::flush_source() {
  if (source_ == nullptr)
    return {errc::internal, "vertex '" + runtime_.context->vertex + "' is no source"};
  return leave(source_->flush_source());
}

const chain_operator* operator_chain::time_operator() const {
  for (const auto& op : operators_)
    if (op->watermarks() != nullptr)
      return op.get();
  return nullptr;
}

timestamp operator_chain::source_watermark() const {
  const auto* op = time_operator();
  return op != nullptr ? op->watermarks()->current() : min_timestamp;
}

std::optional<duration> operator_chain::idle_after() const {
  const auto* op = time_operator();
  return op != nullptr ? op->idle_after() : std::nullopt;
}

result<progress> operator_chain::accept(std::size_t, std::unique_ptr<any_batch> rows) { return leave(head().accept(*rows)); }

result<progress> operator_chain::advance(timestamp watermark) {
  if (watermark <= runtime_.watermark)
    return progress::done;
  auto before = std::exchange(runtime_.watermark, watermark);
  return leave(head().advance(before));
}

result<progress> operator_chain::processing_time(timestamp now) { return leave(head().processing_time(now)); }

result<std::optional<timestamp>> operator_chain::next_processing_time() { return head().next_processing_time(); }

result<progress> operator_chain::resume() {
  // From the leaves to the head: an operator may hand rows down only when those below it hold none.
  for (auto op = operators_.rbegin(); op != operators_.rend(); ++op) {
    auto p = (*op)->resume();
    if (!p || *p == progress::blocked)
      return leave(std::move(p));
  }
  return leave(progress::done);
}

std::optional<timestamp> operator_chain::waits_until() const {
  std::optional<timestamp> first;
  for (const auto& op : operators_)
    if (auto until = op->waits_until(); until && (!first || *until < *first))
      first = until;
  return first;
}

result<progress> operator_chain::leave(result<progress> p) {
  if (p)
    for (auto& op : operators_)
      op->flush();
  return p;
}

void operator_chain::save(std::string& out) const {
  byte_writer to(out);
  to.u8(save_version);
  to.i64(runtime_.watermark.us);
  std::vector<std::pair<std::string_view, std::string>> parts;
  for (const auto& op : operators_) {
    std::string bytes;
    byte_writer part(bytes);
    op->save(part);
    if (!bytes.empty())
      parts.emplace_back(op->name(), std::move(bytes));
  }
  to.varint(parts.size());
  for (const auto& [name, bytes] : parts) {
    to.string(name);
    to.string(bytes);
  }
}

result<> operator_chain::restore(std::string_view saved) {
  const error malformed{errc::decode_failed,
                        "vertex '" + runtime_.context->vertex + "': the saved state of its operators is malformed"};
  byte_reader in(saved);
  if (auto version = in.u8(); in.ok() && version != save_version)
    return {errc::incompatible, "vertex '" + runtime_.context->vertex + "': its saved state has version " +
                                    std::to_string(version) + ", this release reads version 1"};
  timestamp watermark{in.i64()};
  auto n = in.varint();
  std::vector<std::pair<std::string_view, std::string_view>> parts;
  for (; n > 0 && in.ok(); --n) {
    auto name = in.string();
    parts.emplace_back(name, in.string());
  }
  if (!in.done())
    return malformed;
  runtime_.watermark = watermark;
  for (auto& op : operators_) {
    std::string_view bytes;
    for (auto& part : parts)
      if (part.first == op->name())
        bytes = std::exchange(part.second, {});
    byte_reader part(bytes);
    if (!bytes.empty() && (!op->restore(part) || !part.done()))
      return malformed;
    op->on_restored();
  }
  for (const auto& part : parts)
    if (!part.second.empty())
      return {errc::incompatible, "the checkpoint holds state of operator '" + std::string(part.first) +
                                      "', which is not in vertex '" + runtime_.context->vertex + "' any more"};
  return success();
}

std::vector<std::pair<std::string, std::uint64_t>> operator_chain::counters() const {
  std::vector<std::pair<std::string, std::uint64_t>> all;
  for (const auto& c : runtime_.counters())
    all.emplace_back(c->name, c->value);
  return all;
}

} // namespace weir
