#include <ostream>
#include "services/weir/commands.hpp"
#include "services/weir/running_process.hpp"
#include "services/weir/status_text.hpp"

namespace weir {

exit_code status_command(const program& p, const status_options& o, const program_seams& seams) {
  running_process asked;
  if (auto code = ask_process(p, o.source, o.address, seams, asked); code != exit_code::done)
    return code;
  if (o.json) {
    seams.out << asked.status;
    return exit_code::done;
  }
  auto text = status_text(asked.status);
  if (!text)
    return report(text.err(), seams);
  seams.out << *text;
  return exit_code::done;
}

} // namespace weir
