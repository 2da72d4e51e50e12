#include <weir/caf.hpp>
#include <weir/program.hpp>

// Reads lines, publishes each again with the word that the settings say.

struct echo_settings {
  weir::topic_ref in, out;
  std::string word = "heard";
};

caf::behavior echo(caf::event_based_actor* self, const weir::caf_context& ctx, weir::caf_publication<std::string> out,
                   const std::string& word) {
  return {[=](const weir::caf_event<std::string>& e) { return ctx.answer_with(self, out, e.offset, word + " " + e.value); }};
}

weir::caf_service make_echo(const echo_settings& c) {
  weir::caf_service s{"echo"};
  auto out = s.publishes("out", weir::topic<std::string>{c.out});
  s.subscribe("in", weir::topic<std::string>{c.in});
  s.spawns([out, word = c.word](const weir::caf_context& ctx) { return ctx.spawn(echo, ctx, out, word); });
  return s;
}

int main(int argc, char** argv) {
  weir::settings_of<echo_settings> table;
  table.add("in", &echo_settings::in, "Topic of the lines.", {.required = true});
  table.add("out", &echo_settings::out, "Topic of what was heard.", {.required = true});
  table.add("word", &echo_settings::word, "Comes before each line.");
  return weir::main(argc, argv, {.services = {weir::service("echo", "Says what it hears.", table, make_echo)}});
}
