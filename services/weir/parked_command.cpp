#include <ostream>
#include <weir/core/suggest.hpp>
#include "services/weir/commands.hpp"
#include "services/weir/health/http_rules.hpp"
#include "services/weir/health/status_json.hpp"
#include "services/weir/parked_text.hpp"
#include "services/weir/running_process.hpp"

namespace weir {
namespace {

/// Longer than what the runtime waits for a task, so that its answer is seen.
constexpr auto order_timeout = std::chrono::seconds(15);

/// The one parked key that is meant, by its text or its id.
result<listed_key> choose(const std::vector<listed_key>& all, const std::string& wanted) {
  const listed_key* found = nullptr;
  for (const auto& k : all) {
    if (k.key != wanted && k.id != wanted)
      continue;
    if (found != nullptr)
      return error{errc::invalid_argument, "several parked keys read '" + wanted + "': choose with --service, or give the id"};
    found = &k;
  }
  if (found != nullptr)
    return *found;
  std::vector<std::string_view> known;
  known.reserve(all.size());
  for (const auto& k : all)
    known.push_back(k.key);
  return error{errc::unavailable, "key '" + wanted + "' is not parked" + did_you_mean(wanted, known)};
}

exit_code release(const parked_options& o, const running_process& asked, const listed_key& key, const program_seams& seams) {
  const auto skip = o.skip.has_value();
  auto request = asked.request;
  request.timeout = order_timeout;
  request.path = std::string("/api/v1/parked/") + (skip ? "skip" : "retry") + query_of({key.service, *from_hex(key.id)});
  auto reply = http_post(request);
  if (!reply)
    return report({reply.err().code, reply.err().message + "; `weir parked` shows whether the key was released"}, seams);
  if (reply->code == 431)
    return report({errc::too_large, "the key is too long to be named in a request"}, seams);
  if (reply->code != 200)
    return report(refusal_of(request.address, *reply), seams);
  seams.out << key.service << ": key " << key.key
            << (skip ? " goes on without its failed event\n" : " is released: its failed event is tried again\n");
  return exit_code::done;
}

} // namespace

exit_code parked_command(const program& p, const parked_options& o, const program_seams& seams) {
  running_process asked;
  if (auto code = ask_process(p, o.source, o.address, seams, asked); code != exit_code::done)
    return code;
  auto keys = parked_keys_in(asked.status, o.service);
  if (!keys)
    return report(keys.err(), seams);
  if (const auto& wanted = o.skip ? o.skip : o.retry) {
    auto key = choose(keys->listed, *wanted);
    return key ? release(o, asked, *key, seams) : report(key.err(), seams);
  }
  seams.out << (keys->keys == 0 ? "no key is parked\n" : parked_text(*keys, most_parked_keys));
  return exit_code::done;
}

} // namespace weir
