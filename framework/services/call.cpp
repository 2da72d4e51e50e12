#include <weir/services/call.hpp>

namespace weir {

const char* describe(ask_errc code) {
  switch (code) {
    case ask_errc::no_service:
      return "no service of that name runs here";
    case ask_errc::no_question:
      return "the service answers no question of that name";
    case ask_errc::incompatible:
      return "asker and owner describe the question or its answer differently";
    case ask_errc::timed_out:
      return "no answer came in time";
    case ask_errc::circle:
      return "the ask would come back to a key that waits for its answer";
    case ask_errc::failed:
      return "the handler of the question failed";
    case ask_errc::unavailable:
      return "the owner cannot answer now";
  }
  return "unknown";
}

namespace detail {

void service_call::begin() {
  running.reset();
  context.reset();
  loaded = present = changed = cleared = false;
  published.clear();
  timers.clear();
  appended.clear();
  waiting = {};
  outcome.reset();
  asks = 0;
  reply.clear();
  refused.reset();
}

const std::string& service_call::origin() const {
  if (from_.topic != nullptr) {
    origin_ = *from_.topic + '/' + std::to_string(from_.partition) + '/' + std::to_string(from_.offset);
    from_.topic = nullptr;
  }
  return origin_;
}

} // namespace detail
} // namespace weir
