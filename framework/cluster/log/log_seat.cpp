#include <weir/cluster/log/log_control_log.hpp>
#include <weir/cluster/log/log_seat.hpp>
#include <weir/storage/job_store.hpp>

namespace weir::cluster {

namespace {

/// The configuration has decided.
class appointed final : public lead_source {
 public:
  explicit appointed(std::unique_ptr<store_lock> lock) : lock_(std::move(lock)) {}
  standing poll() override { return wanted_ ? standing::holds : standing::out; }
  void give_up() override { wanted_ = false; }
  void rejoin() override { wanted_ = true; }

 private:
  std::unique_ptr<store_lock> lock_;
  bool wanted_ = false;
};

} // namespace

result<std::unique_ptr<running_seat>> open_log_seat(log_seat_options o) {
  return running_seat::open(std::move(o.seat), [&](auto post) -> result<running_seat::made> {
    WEIR_ASSIGN(auto lock, lock_store(o.directory));
    WEIR_ASSIGN(auto log, log_control_log::open(o.directory, control_topic_of(o.name_space), std::move(post)));
    running_seat::made made;
    made.source = std::make_unique<appointed>(std::move(lock));
    made.answered = [control = log.get()] { return control->answered(); };
    made.log = std::move(log);
    return made;
  });
}

} // namespace weir::cluster
