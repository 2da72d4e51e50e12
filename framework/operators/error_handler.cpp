#include <weir/operators/error_handler.hpp>

#include <exception>

namespace weir {

namespace {

const char* reason_of(errc code) {
  switch (code) {
    case errc::decode_failed:
      return "decode";
    case errc::too_large:
      return "too-large";
    case errc::user_code_failed:
      return "user-code";
    default:
      return "error";
  }
}

const std::string& topic_of(const rejected_record& r, const chain_context& context) {
  if (context.source_topics != nullptr && r.source < context.source_topics->size() && !(*context.source_topics)[r.source].empty())
    return (*context.source_topics)[r.source];
  return context.origin_topic;
}

} // namespace

std::uint64_t& chain_runtime::counter(const std::string& operator_name, const std::string& counter_name) {
  auto name = operator_name + "." + counter_name;
  for (auto& c : counters_)
    if (c->name == name)
      return c->value;
  counters_.push_back(std::make_unique<operator_counter>(operator_counter{std::move(name), 0}));
  return counters_.back()->value;
}

rejected_record rejected_row(const any_batch& rows, std::size_t row, std::optional<std::string_view> fallback) {
  const auto& meta = rows.meta[row];
  rejected_record r;
  if (meta.raw.kept) {
    r.key = rows.raw_key(row);
    r.value = rows.raw_value(row);
    r.headers = rows.raw_headers(row);
  } else {
    r.value = fallback;
  }
  r.time = meta.time;
  r.source = meta.source;
  r.partition = meta.partition;
  r.offset = meta.offset;
  return r;
}

raw_record annotated(const rejected_record& r, const chain_context& context, std::string_view reason,
                     std::string_view operator_name, header_list more) {
  raw_record out;
  if (r.key)
    out.key = std::string(*r.key);
  if (r.value)
    out.value = std::string(*r.value);
  out.headers = r.headers.unpack();
  out.time = r.time;
  auto add = [&out](const char* name, std::string value) { out.headers.emplace_back(name, std::move(value)); };
  if (r.offset >= 0) {
    add("weir.origin.topic", topic_of(r, context));
    add("weir.origin.partition", std::to_string(r.partition));
    add("weir.origin.offset", std::to_string(r.offset));
  }
  add("weir.reason", std::string(reason));
  add("weir.operator", std::string(operator_name));
  for (auto& h : more)
    out.headers.push_back(std::move(h));
  return out;
}

std::string current_exception_text() {
  try {
    throw;
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "an exception that is not a std::exception";
  }
}

void error_handler::open(chain_runtime& runtime, const std::string& operator_name) {
  runtime_ = &runtime;
  operator_ = operator_name;
  count_ = &runtime.counter(operator_name, action_ == error_action::dead_letter ? "dead_letters" : "skipped");
  if (retry_.attempts > 1)
    retries_ = &runtime.counter(operator_name, "retries");
}

after_throw error_handler::threw() {
  if (++failed_ >= retry_.attempts) {
    failed_ = 0;
    return after_throw::give_up;
  }
  ++*retries_;
  if (retry_.backoff <= duration{0})
    return after_throw::again;
  until_ = runtime_->context->time->now() + retry_.backoff;
  return after_throw::wait;
}

std::optional<timestamp> error_handler::waits_until() const {
  if (failed_ == 0 || !until_)
    return std::nullopt;
  auto now = runtime_->context->time->now();
  if (now >= *until_ || *until_ - now > retry_.backoff)
    return std::nullopt;
  return until_;
}

result<> error_handler::reject(const rejected_record& r, errc code, std::string_view what) {
  if (action_ == error_action::fail) {
    std::string where = "operator '" + operator_ + "'";
    if (r.offset >= 0)
      where += ", topic '" + topic_of(r, *runtime_->context) + "', partition " + std::to_string(r.partition) + ", offset " +
               std::to_string(r.offset);
    return {code, where + ": " + std::string(what)};
  }
  ++*count_;
  if (action_ == error_action::dead_letter) {
    auto letter = annotated(r, *runtime_->context, reason_of(code), operator_, {{"weir.error", std::string(what)}});
    row_meta meta;
    meta.time = letter.time;
    meta.source = r.source;
    meta.partition = r.partition;
    meta.offset = r.offset;
    letters_.push(std::move(letter), meta);
  }
  return success();
}

} // namespace weir
