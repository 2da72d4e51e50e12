#include <algorithm>
#include <map>
#include <weir/task/plan_check.hpp>

namespace weir {
namespace {

struct entry {
  std::string kind;
  std::string what;
};

/// Lines "kind name rest" by name.
std::map<std::string, entry> parse(std::string_view fingerprint) {
  std::map<std::string, entry> entries;
  while (!fingerprint.empty()) {
    auto line = fingerprint.substr(0, fingerprint.find('\n'));
    fingerprint.remove_prefix(std::min(line.size() + 1, fingerprint.size()));
    auto first = line.find(' ');
    if (first == std::string_view::npos)
      continue;
    auto second = std::min(line.find(' ', first + 1), line.size());
    std::string kind(line.substr(0, first)), name(line.substr(first + 1, second - first - 1));
    entries[kind + " " + name] = {kind, std::string(line.substr(std::min(second + 1, line.size())))};
  }
  return entries;
}

} // namespace

result<> check_restorable(std::string_view saved, std::string_view now, const std::vector<std::string>& drop_state) {
  auto before = parse(saved), after = parse(now);
  std::string problems;
  auto shard_of = [](std::map<std::string, entry>& all) {
    std::string text = "the whole service";
    for (auto it = all.begin(); it != all.end();)
      if (it->second.kind == "shard") {
        text = it->first + " " + it->second.what;
        it = all.erase(it);
      } else {
        ++it;
      }
    return text;
  };
  // No --drop-state mends that: it has the state of other keys.
  if (auto was = shard_of(before), is = shard_of(after); was != is)
    problems += "\n  the checkpoint is that of " + was + ", the job now is " + is;
  for (auto& [name, old] : before) {
    auto found = after.find(name);
    if (found != after.end()) {
      if (found->second.what != old.what)
        problems += "\n  " + name + " has changed: the checkpoint holds \"" + old.what + "\", the job now says \"" +
                    found->second.what + "\"";
      continue;
    }
    auto bare = name.substr(old.kind.size() + 1);
    if (std::find(drop_state.begin(), drop_state.end(), bare) == drop_state.end())
      problems += "\n  " + name + " is gone: start with --drop-state " + bare + " to lose its state";
  }
  if (problems.empty())
    return success();
  return error{errc::incompatible, "the checkpoint cannot be restored into the job as it is now:" + problems +
                                       "\nPut the old job back, or start it under another name or with an empty store"};
}

} // namespace weir
