#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>

namespace weir {

/// Where one event is between being read and being done.
enum class event_state : std::uint8_t {
  waiting, ///< Read, and not sent yet: leaves by `send`.
  open,    ///< The actor has it: leaves by `rest`, `write` or `close`.
  resting, ///< Waits for its next try: leaves by `send`.
  letter,  ///< Its dead letter is on its way: leaves by `close`.
  done,    ///< Stays only while one before it is not done.
};

/// The events of one partition from the lowest that is not done to the next one to be read. Decides what may be committed and how
/// much may be read; pure. An event is named by its number, which rises by one from event to event. One thread.
template <class Event>
class event_window {
 public:
  struct entry {
    std::int64_t offset = 0;
    event_state state = event_state::waiting;
    unsigned attempt = 0; ///< Times it was sent.
    Event event{};
  };

  /// `in_flight`: events that may be there without being done; `ahead`: how many may lie between the lowest that is not done and
  /// the next, which bounds what a restart repeats.
  event_window(std::int64_t next_offset, std::size_t in_flight, std::size_t ahead)
      : next_offset_(next_offset), in_flight_(in_flight), ahead_(ahead) {}

  /// How many more may be read.
  [[nodiscard]] std::size_t room() const {
    if (undone_ >= in_flight_ || entries_.size() >= ahead_)
      return 0;
    return std::min(in_flight_ - undone_, ahead_ - entries_.size());
  }
  /// Offsets rise from call to call. Returns the event's number.
  std::uint64_t read(std::int64_t offset, Event event) {
    entries_.push_back({offset, event_state::waiting, 0, std::move(event)});
    ++undone_;
    next_offset_ = offset + 1;
    return first_ + entries_.size() - 1;
  }
  /// Reading goes on from here, also past offsets without a record.
  void read_up_to(std::int64_t next_offset) { next_offset_ = std::max(next_offset_, next_offset); }

  /// Number of the lowest that is not done.
  [[nodiscard]] std::uint64_t first() const { return first_; }
  /// Null: done and forgotten.
  [[nodiscard]] entry* find(std::uint64_t number) {
    return number >= first_ && number - first_ < entries_.size() ? &entries_[number - first_] : nullptr;
  }
  /// It may be sent: fewer than in_flight are open.
  [[nodiscard]] bool may_send() const { return open_ < in_flight_; }
  void send(entry& e) {
    e.state = event_state::open;
    ++e.attempt;
    ++open_;
  }
  void rest(entry& e) { leave_open(e, event_state::resting); }
  void write(entry& e) { leave_open(e, event_state::letter); }
  /// Nothing more happens to the event.
  void close(entry& e) {
    if (e.state == event_state::done)
      return;
    leave_open(e, event_state::done);
    e.event = Event{};
    --undone_;
    while (!entries_.empty() && entries_.front().state == event_state::done) {
      entries_.pop_front();
      ++first_;
    }
  }

  /// Everything before it is done: what may be committed.
  [[nodiscard]] std::int64_t lowest_not_done() const { return entries_.empty() ? next_offset_ : entries_.front().offset; }
  [[nodiscard]] std::int64_t next_offset() const { return next_offset_; }
  [[nodiscard]] std::size_t undone() const { return undone_; }
  [[nodiscard]] std::size_t open() const { return open_; }

 private:
  void leave_open(entry& e, event_state to) {
    open_ -= e.state == event_state::open ? 1 : 0;
    e.state = to;
  }

  std::int64_t next_offset_;
  std::size_t in_flight_, ahead_;
  std::uint64_t first_ = 0; ///< Number of entries_.front().
  std::deque<entry> entries_;
  std::size_t undone_ = 0, open_ = 0;
};

} // namespace weir
