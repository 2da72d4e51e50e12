#include <ostream>
#include "services/weir/commands.hpp"
#include "services/weir/running_process.hpp"
#include "services/weir/status_text.hpp"

namespace weir {

exit_code status_command(const program& p, const status_options& o, const program_seams& seams) {
  running_process asked;
  if (auto code = ask_process(p, o.source, o.address, seams, asked); code != exit_code::done)
    return code;
  auto text = o.json ? result<std::string>(asked.status) : status_text(asked.status);
  if (!text)
    return report(text.err(), seams);
  seams.out << *text;
  if (!o.ready)
    return exit_code::done;
  auto ready = says_ready(asked.status);
  if (!ready)
    return report(ready.err(), seams);
  return *ready ? exit_code::done : report({errc::unavailable, "not every service runs as it should"}, seams);
}

} // namespace weir
