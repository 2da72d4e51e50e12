#include "services/weir/program.hpp"
#include <malloc.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <thread>
#include <weir/core/fail_point.hpp>
#include "services/weir/commands.hpp"
#include "services/weir/connections.hpp"
#include "services/weir/stop_signals.hpp"

namespace weir {
namespace {

// No abort: a core file would hold the secrets of the configuration and everybody's records.
[[noreturn]] void on_terminate() {
  static std::atomic_flag again;
  if (!again.test_and_set()) {
    const char* what = "not an exception";
    if (auto current = std::current_exception()) {
      try {
        std::rethrow_exception(current);
      } catch (const std::exception& e) {
        what = e.what();
      } catch (...) {
        what = "an exception of an unknown type";
      }
    }
    std::cerr << "weir: bug: the process was ended by " << what << "; please report it" << std::endl;
  }
  ::_exit(static_cast<int>(exit_code::bug));
}

// Each arena of the allocator keeps its own free memory; batches are made in one thread and freed in another, so that many
// arenas only spread the same bytes. Small programs stay small, large machines keep some parallelism.
void bound_arenas() {
  auto cores = std::max(1u, std::thread::hardware_concurrency());
  ::mallopt(M_ARENA_MAX, static_cast<int>(std::clamp(cores / 2, 2u, 8u)));
}

} // namespace

int main(int argc, char** argv, const program& p) {
  std::set_terminate(on_terminate);
  bound_arenas();
  // A reader that goes away is an error of the write, not a death.
  std::signal(SIGPIPE, SIG_IGN);
  stop_signals signals;
  program_seams seams{std::cout,
                      std::cerr,
                      ::isatty(STDERR_FILENO) == 1,
                      config_environment::of_process(),
                      make_connection,
                      check_connection,
                      start_runtime,
                      signals,
                      [](int code) { ::_exit(code); }};
  seams.serve_health = start_health;
  try {
    if (const char* points = std::getenv("WEIR_FAIL_POINT"))
      if (auto armed = arm_fail_points(points); !armed)
        return static_cast<int>(report(armed.err().in("WEIR_FAIL_POINT"), seams));
    auto code = run_program(p, {argv + 1, argv + std::max(argc, 1)}, seams);
    std::cout.flush();
    if (!std::cout && code == exit_code::done) {
      std::cerr << "weir: standard output could not be written\n";
      code = exit_code::environment;
    }
    return static_cast<int>(code);
  } catch (const std::exception& e) {
    std::cerr << "weir: bug: " << e.what() << "; please report it\n";
  } catch (...) {
    std::cerr << "weir: bug: an exception of an unknown type; please report it\n";
  }
  return static_cast<int>(exit_code::bug);
}

} // namespace weir
