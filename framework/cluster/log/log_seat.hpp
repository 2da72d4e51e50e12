#pragma once
#include <memory>
#include <string>
#include <weir/cluster/seat/running_seat.hpp>

namespace weir::cluster {

/// The seat of the one node that leads a cluster on the embedded log, for good: nobody gives it the lead and nobody takes it. The
/// directory is locked for the process.
struct log_seat_options {
  std::string directory; ///< Of the log that holds the control topic; made when it is missing. On a local disk.
  std::string name_space;
  running_seat::options seat;
};
/// Blocks on the disk. Errors: store_locked (another process leads from here), those of log_control_log::open.
result<std::unique_ptr<running_seat>> open_log_seat(log_seat_options o);

} // namespace weir::cluster
