#pragma once
#include <librdkafka/rdkafka.h>

namespace weir::kafka {

/// Keeps the main thread of a client made with this configuration from spinning before each of its timers.
///
/// librdkafka before 2.4.0 waits for whole milliseconds there and turns in a loop for what is left until the timer is due: half a
/// millisecond of CPU on average, once a second and client, however idle it is. A timer slack of a millisecond lets the thread
/// oversleep the rest. Messages wake it as before; its timers come up to a millisecond late. Other threads keep their slack.
void spare_main_thread(rd_kafka_conf_t* conf);

/// Whether this librdkafka needs it.
[[nodiscard]] bool main_thread_spins();

} // namespace weir::kafka
