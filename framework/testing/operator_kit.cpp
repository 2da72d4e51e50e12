#include <weir/testing/operator_kit.hpp>

#include <algorithm>

namespace weir::testing {

namespace {

struct way {
  const char* name = "";
  bool single = false, tiny_batches = false, refuse = false, restart = false, encode = false;
  bool chaining = true;
  int parallelism = 2;
};

constexpr way ways[] = {
    {.name = "as given"},
    {.name = "records one by one", .single = true},
    {.name = "batches of one row", .tiny_batches = true},
    {.name = "no credit at every other question", .refuse = true},
    {.name = "no credit and batches of one row", .tiny_batches = true, .refuse = true},
    {.name = "restored after every record", .single = true, .restart = true},
    {.name = "encoded channels", .encode = true},
    {.name = "without chaining", .chaining = false},
    {.name = "parallelism 1", .parallelism = 1},
    {.name = "parallelism 4", .parallelism = 4},
    {.name = "everything at once",
     .single = true,
     .tiny_batches = true,
     .refuse = true,
     .restart = true,
     .encode = true,
     .chaining = false,
     .parallelism = 3},
};

struct outcome {
  kit_output rows;
  std::map<std::string, std::vector<std::string>> per_key; ///< In the order written.
  std::uint64_t blocked = 0;
};

result<> drive(local_run& run, const way& w, const std::vector<kit_step>& steps, const kit_options& options) {
  WEIR_TRY(run.open());
  for (const auto& s : steps) {
    if (s.elapse > duration{0}) {
      WEIR_TRY(run.elapse(s.elapse));
    } else if (!w.single) {
      WEIR_TRY(run.feed(s.source, s.partition, s.records));
    } else {
      for (const auto& r : s.records) {
        WEIR_TRY(run.feed(s.source, s.partition, {r}));
        if (w.restart)
          WEIR_TRY(run.restart());
      }
    }
    if (w.restart)
      WEIR_TRY(run.restart());
  }
  return options.end_of_input ? run.end() : success();
}

outcome run_one(const job& j, const way& w, const std::vector<kit_step>& steps, const kit_options& options) {
  outcome o;
  plan_options po;
  po.parallelism = w.parallelism;
  po.chaining = w.chaining;
  if (w.tiny_batches)
    po.limits.rows = 1;
  auto plan = j.plan(po);
  if (!plan) {
    o.rows["(error)"] = {plan.err().message};
    return o;
  }
  local_options lo;
  lo.partitions = options.partitions;
  lo.refuse_credit = w.refuse;
  lo.encode_channels = w.encode;
  lo.max_record_bytes = options.max_record_bytes;
  local_run run(std::move(plan).value(), lo);
  if (auto driven = drive(run, w, steps, options); !driven) {
    o.rows["(error)"] = {driven.err().message};
    return o;
  }
  for (const auto& v : run.plan().vertices) {
    if (v.kind != vertex_kind::sink)
      continue;
    auto& rows = o.rows[v.name];
    for (const auto& r : run.written(v.name)) {
      rows.push_back(to_text(r));
      if (r.key)
        o.per_key[v.name + " / " + *r.key].push_back(to_text(r));
    }
    std::sort(rows.begin(), rows.end());
  }
  o.blocked = run.times_blocked();
  return o;
}

std::string difference(const kit_output& expected, const kit_output& found) {
  for (const auto& [sink, rows] : expected) {
    auto other = found.find(sink);
    if (other == found.end())
      return "sink '" + sink + "' wrote nothing: " + (found.count("(error)") > 0 ? found.at("(error)").front() : "");
    for (std::size_t i = 0; i < std::max(rows.size(), other->second.size()); ++i) {
      auto want = i < rows.size() ? rows[i] : "(nothing)";
      auto got = i < other->second.size() ? other->second[i] : "(nothing)";
      if (want != got)
        return "sink '" + sink + "'\n  expected " + want + "\n  found    " + got;
    }
  }
  return found.size() == expected.size() ? "" : "more sinks or an error: " + found.begin()->second.front();
}

} // namespace

kit_report run_kit(const job& j, const std::vector<kit_step>& steps, const kit_options& options) {
  kit_report report;
  outcome first;
  std::uint64_t blocked = 0;
  for (const auto& w : ways) {
    auto o = run_one(j, w, steps, options);
    blocked += o.blocked;
    if (&w == &ways[0]) {
      first = o;
      report.output = o.rows;
      continue;
    }
    auto text = difference(first.rows, o.rows);
    if (text.empty() && o.per_key != first.per_key)
      text = "the order of a key's rows differs";
    if (!text.empty()) {
      report.problem = std::string(w.name) + ": " + text;
      return report;
    }
  }
  if (options.expect_blocking && blocked == 0 && report.output.count("(error)") == 0)
    report.problem = "no chain was ever without credit: this run proves nothing about it";
  return report;
}

} // namespace weir::testing
