#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <weir/checkpoint/planted_bugs.hpp>
#include <weir/cluster/shared_directory.hpp>
#include <weir/cluster/slots.hpp>

namespace weir::cluster {

namespace {

constexpr std::string_view temporary_suffix = ".tmp";
constexpr std::size_t parts = 7; ///< Behind the job.

std::string hex(std::uint64_t n) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out(16, '0');
  for (auto at = out.size(); at > 0; n >>= 4)
    out[--at] = digits[n & 15];
  return out;
}

template <class T>
bool number(std::string_view text, T& out, int base = 10) {
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return failed == std::errc{} && end == text.data() + text.size();
}

/// `letter` and a number.
template <class T>
bool tagged(std::string_view text, char letter, T& out) {
  return !text.empty() && text[0] == letter && number(text.substr(1), out);
}

bool file_kind_from(std::string_view text, file_kind& out) {
  if (text.size() != 1 || std::string_view("dsom").find(text[0]) == std::string_view::npos)
    return false;
  out = static_cast<file_kind>(text[0]);
  return true;
}

} // namespace

std::string format(const file_name& n) {
  return n.job + ".t" + std::to_string(n.by.term) + ".a" + std::to_string(n.by.attempt) + ".k" + std::to_string(n.checkpoint) +
         "." + static_cast<char>(n.kind) + "." + std::to_string(n.range.first) + "-" + std::to_string(n.range.last) + "." +
         hex(n.start) + "." + hex(n.random);
}

std::optional<file_name> parse_file_name(std::string_view text) {
  std::array<std::string_view, parts> part;
  for (auto i = parts; i > 0; --i) {
    auto dot = text.rfind('.');
    if (dot == std::string_view::npos)
      return std::nullopt;
    part[i - 1] = text.substr(dot + 1);
    text = text.substr(0, dot);
  }
  file_name out;
  out.job = text;
  auto dash = part[4].find('-');
  if (dash == std::string_view::npos || !tagged(part[0], 't', out.by.term) || !tagged(part[1], 'a', out.by.attempt) ||
      !tagged(part[2], 'k', out.checkpoint) || !file_kind_from(part[3], out.kind) ||
      !number(part[4].substr(0, dash), out.range.first) || !number(part[4].substr(dash + 1), out.range.last) ||
      !number(part[5], out.start, 16) || !number(part[6], out.random, 16))
    return std::nullopt;
  return out;
}

std::string temporary_name(const std::string& name) { return name + std::string(temporary_suffix); }
bool is_temporary(std::string_view name) { return name.ends_with(temporary_suffix); }

write_step next_step(write_step s) { return s == write_step::done ? s : static_cast<write_step>(static_cast<int>(s) + 1); }

result<> do_step(shared_directory& d, write_step s, const std::string& name, std::string_view bytes) {
  switch (s) {
    case write_step::create:
      return d.create(temporary_name(name), bytes);
    case write_step::sync_file:
      return d.sync_file(temporary_name(name));
    case write_step::rename:
      return d.rename(temporary_name(name), name);
    case write_step::sync_directory:
      return d.sync_directory();
    case write_step::done:
      break;
  }
  return success();
}

result<> write_file(shared_directory& d, const std::string& name, std::string_view bytes) {
  for (auto s = write_step::create; s != write_step::done; s = next_step(s))
    WEIR_TRY(do_step(d, s, name, bytes));
  return success();
}

result<std::string> read_file(shared_directory& d, const file_ref& f) {
  WEIR_ASSIGN(auto bytes, d.read(f.name));
  WEIR_TRY(check_file(f, bytes));
  return bytes;
}

std::vector<std::string> decide_garbage(const garbage_facts& facts) {
  std::set<std::string> needed;
  std::uint64_t complete = 0;
  if (facts.newest != nullptr) {
    complete = facts.newest->checkpoint;
    needed.insert(facts.newest_manifest);
    for (const auto& c : facts.newest->chains)
      for (const auto& link : c.links)
        needed.insert(link.file.name);
    for (const auto& e : facts.newest->outbox) {
      auto published = entry_published(e, facts.published);
      if (planted::active(planted::bug::outbox_by_number))
        published = std::any_of(facts.published.begin(), facts.published.end(),
                                [&](const auto& p) { return p.second.checkpoint > e.checkpoint; });
      if (!published)
        for (const auto& f : e.files)
          needed.insert(f.name);
    }
  }
  std::vector<std::string> out;
  for (const auto& name : facts.names) {
    auto whole = is_temporary(name) ? std::string_view(name).substr(0, name.size() - temporary_suffix.size()) : name;
    auto n = parse_file_name(whole);
    if (!n || n->job != facts.job || needed.count(name) > 0 || n->by > facts.current)
      continue;
    // Of this attempt: what was written for a checkpoint above the newest complete one may become part of the next.
    if (n->by < facts.current || n->checkpoint <= complete)
      out.push_back(name);
  }
  return out;
}

std::vector<std::string> deletable(const job_state& read) {
  std::vector<std::string> out;
  for (const auto& [batch, names] : read.garbage)
    out.insert(out.end(), names.begin(), names.end());
  return out;
}

} // namespace weir::cluster
