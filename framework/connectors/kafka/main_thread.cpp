#include <sys/prctl.h>
#include <cstddef>
#include <cstdint>
#include <weir/connectors/kafka/main_thread.hpp>

namespace weir::kafka {
namespace {

constexpr const char* name = "weir";
constexpr unsigned long whole_wait = 1'000'000; // ns, librdkafka's unit of waiting.

rd_kafka_resp_err_t on_thread_start(rd_kafka_t*, rd_kafka_thread_type_t type, const char*, void* usual) {
  // Threads inherit the slack of the one that makes them, and the main thread makes those of the brokers.
  auto slack = type == RD_KAFKA_THREAD_MAIN ? whole_wait : reinterpret_cast<std::uintptr_t>(usual);
  prctl(PR_SET_TIMERSLACK, slack, 0, 0, 0);
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t on_new(rd_kafka_t* rk, const rd_kafka_conf_t*, void*, char*, std::size_t) {
  auto usual = static_cast<std::uintptr_t>(prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0));
  // NOLINTNEXTLINE(performance-no-int-to-ptr): librdkafka carries a number as a pointer of the application.
  return rd_kafka_interceptor_add_on_thread_start(rk, name, &on_thread_start, reinterpret_cast<void*>(usual));
}

} // namespace

bool main_thread_spins() { return rd_kafka_version() < 0x02040000; }

void spare_main_thread(rd_kafka_conf_t* conf) {
  if (main_thread_spins())
    rd_kafka_conf_interceptor_add_on_new(conf, name, &on_new, nullptr);
}

} // namespace weir::kafka
