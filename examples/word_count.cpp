// Counts words per minute.
#include <sstream>
#include <weir/weir.hpp>
#include "services/weir/program.hpp"

using namespace std::chrono_literals;

struct line {
  std::string text;
  weir::timestamp at;
};
BOOST_DESCRIBE_STRUCT(line, (), (text, at))

struct word_total {
  std::string word;
  weir::timestamp minute;
  std::int64_t times = 0;
};
BOOST_DESCRIBE_STRUCT(word_total, (), (word, minute, times))

struct settings {
  weir::topic_ref input, output;
};

weir::settings_of<settings> table() {
  return weir::settings_of<settings>{}
      .add("input", &settings::input, "Topic of lines of text.", {.required = true})
      .add("output", &settings::output, "Topic of the counts, key: the word.", {.required = true});
}

// [graph]
weir::job make_word_count(const settings& c) {
  weir::job job{"word-count"};
  job.source("lines", weir::topic<line>{c.input})
      .event_time(&line::at, weir::bounded_out_of_orderness{5s})
      .flat_map([](const line& l, weir::collector<std::string>& words) {
        std::istringstream in(l.text);
        for (std::string word; in >> word;)
          words.emit(word);
      })
      .key_by([](const std::string& word) { return word; })
      .window("per-minute", weir::tumbling{1min})
      .aggregate(weir::count())
      .map([](const auto& w) {
        return word_total{w.key, w.start, w.template get<0>()};
      })
      .sink("counts", weir::topic<word_total>{c.output}, weir::key{&word_total::word});
  return job;
}
// [graph]

int main(int argc, char** argv) {
  return weir::main(argc, argv, {.services = {weir::service("word-count", "Words per minute.", table(), make_word_count)}});
}
