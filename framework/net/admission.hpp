#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>
#include <weir/core/timestamp.hpp>

namespace weir {

/// How many connections may be in their handshake, and for how long: what strangers can cost. Time is given by the caller, of a
/// clock that never goes back. Pure.
class admission {
 public:
  struct limits {
    std::size_t pending = 64;
    std::size_t per_address = 4;
    duration time = std::chrono::seconds(3);
  };
  enum class answer : std::uint8_t {
    admitted,
    full,         ///< Too many in all.
    address_full, ///< Too many from this address.
  };
  explicit admission(limits l) : limits_(l) {}

  /// A connection that came from this address; if it is admitted, `id` (unique among those pending) is counted until `done`.
  answer admit(std::uint64_t id, const std::string& address, duration now);
  /// The handshake ended, one way or the other.
  void done(std::uint64_t id);
  /// Those whose time is over; each is to be closed and `done`.
  [[nodiscard]] std::vector<std::uint64_t> overdue(duration now) const;
  /// When the next one's time is over.
  [[nodiscard]] std::optional<duration> next() const;
  [[nodiscard]] std::size_t pending() const { return pending_.size(); }

 private:
  struct entry {
    std::string address;
    duration until;
  };
  limits limits_;
  std::map<std::uint64_t, entry> pending_;
  std::map<std::string, std::size_t> by_address_;
};

} // namespace weir
