#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <atomic>
#include <weir/core/clock.hpp>
#include <weir/core/log_line.hpp>
#include <weir/core/logger.hpp>

namespace weir {
namespace {

std::atomic<log_level> threshold{log_level::info};
std::atomic<log_format> format{log_format::text};
std::atomic<void (*)(std::string_view)> redirected{nullptr};

// The line is finished before spdlog sees it: spdlog brings the sink, its lock and its error handling.
spdlog::logger& output() {
  static auto* instance = [] {
    auto made = new spdlog::logger("weir", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");
    made->set_level(spdlog::level::trace);
    return made;
  }();
  // Never destroyed: actors may log while static objects go.
  return *instance;
}

} // namespace

logger::logger(std::string service, std::string op, int subtask)
    : service_(std::move(service)), operator_(std::move(op)), subtask_(subtask) {}

logger logger::for_operator(std::string op, int subtask) const { return {service_, std::move(op), subtask}; }

void logger::log(log_level level, std::string_view message, std::initializer_list<log_field> fields) const {
  if (level < threshold.load(std::memory_order_relaxed) || level == log_level::off)
    return;
  log_line line{system_clock().now(), level, service_, operator_, subtask_, message, {fields.begin(), fields.size()}};
  auto text = format.load(std::memory_order_relaxed) == log_format::json ? to_json(line) : to_text(line);
  if (auto* sink = redirected.load(std::memory_order_acquire)) {
    sink(text);
    return;
  }
  output().log(spdlog::level::info, spdlog::string_view_t(text.data(), text.size()));
}

void configure_logging(log_level level, log_format f) {
  threshold.store(level);
  format.store(f);
}

void redirect_log(void (*sink)(std::string_view line)) { redirected.store(sink, std::memory_order_release); }

} // namespace weir
