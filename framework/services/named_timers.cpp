#include <weir/record/bytes.hpp>
#include <weir/services/named_timers.hpp>

// Format (docs/formats/state.md): a timer's key is string key, then the name; "$timers" holds i64 time, u8 1 = wall clock.

namespace weir::detail {
namespace {

void join(std::string& row, std::string_view key, std::string_view name) {
  row.clear();
  byte_writer out(row);
  out.string(key);
  out.bytes(name);
}

} // namespace

error named_timers::corrupt() const {
  return {errc::store_corrupt, "service '" + service_ + "': a timer of a key cannot be read"};
}

result<> named_timers::open(chain_runtime& runtime, const std::string& service, const std::string& key_schema) {
  const auto schema = key_schema + " name";
  state_ = runtime.context->state;
  service_ = service;
  WEIR_ASSIGN(times_, state_->declare({service, "$timers", state_kind::value, "key=" + schema}));
  WEIR_TRY(by_watermark_.open(runtime, service, "$event-timers", schema));
  return by_clock_.open(runtime, service, "$processing-timers", schema);
}

result<> named_timers::set(std::uint16_t group, std::string_view key, std::string_view name, timestamp at, bool processing) {
  WEIR_TRY(cancel(group, key, name));
  std::string when;
  byte_writer out(when);
  out.i64(at.us);
  out.u8(processing ? 1 : 0);
  WEIR_TRY(state_->put(times_, group, row_, when));
  return of(processing).set(group, at, row_);
}

result<> named_timers::cancel(std::uint16_t group, std::string_view key, std::string_view name) {
  join(row_, key, name);
  WEIR_ASSIGN(auto bytes, state_->get(times_, group, row_));
  if (!bytes)
    return success();
  byte_reader in(*bytes);
  const timestamp at{in.i64()};
  const auto processing = in.u8() != 0;
  if (!in.done())
    return corrupt();
  WEIR_TRY(of(processing).erase(group, at, row_));
  return state_->erase(times_, group, row_);
}

result<bool> named_timers::fire(timestamp until, bool processing, const callback& fired) {
  return of(processing).fire(until, [&](std::uint16_t group, timestamp time, std::string_view row) -> result<bool> {
    byte_reader in(row);
    const auto key = in.string();
    if (!in.ok())
      return corrupt();
    WEIR_TRY(state_->erase(times_, group, row));
    return fired(group, time, key, in.bytes(in.remaining()));
  });
}

} // namespace weir::detail
