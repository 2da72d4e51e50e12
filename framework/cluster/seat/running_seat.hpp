#pragma once
#include <functional>
#include <memory>
#include <weir/cluster/control_seat.hpp>
#include <weir/cluster/seat/seat_loop.hpp>

namespace weir::cluster {

/// A control seat with the thread it lives on.
class running_seat {
 public:
  struct options {
    control_seat::options seat; ///< Its callbacks run on the seat's thread; `say` and `random` are set here.
    /// Called on the seat's thread at each turn; `log_answered` is filled in. Must not block. Empty: nothing to say.
    std::function<control_seat::surroundings(duration now)> surroundings;
  };
  /// What a kind of control topic brings; made once, ends with the seat.
  struct made {
    std::unique_ptr<lead_source> source;
    std::unique_ptr<control_log> log; ///< Ends before `source`.
    std::function<duration()> answered;
    std::function<void(control_entry)> say; ///< May be empty.
  };
  /// `post` runs a function on the seat's thread, soon; any thread may call it.
  using maker = std::function<result<made>(std::function<void(std::function<void()>)> post)>;

  /// Begins. Errors: those of `make`.
  static result<std::unique_ptr<running_seat>> open(options o, const maker& make);
  /// Gives the lead up and leaves. Blocks for the calls under way.
  ~running_seat();
  running_seat(const running_seat&) = delete;

  /// Runs `f` on the seat's thread, soon; dropped when the seat ends first. Any thread.
  void with(std::function<void(control_seat&)> f);

 private:
  running_seat() = default;
  void turn();

  seat_loop loop_;
  made parts_;
  std::unique_ptr<control_seat> seat_;
  std::function<control_seat::surroundings(duration)> surroundings_;
};

/// `<namespace>.weir-control`: the control topic, and the one transactional id of all who lead.
[[nodiscard]] std::string control_topic_of(const std::string& name_space);

} // namespace weir::cluster
