#include "actors/nodes/node_connection.hpp"
#include <sys/socket.h>

namespace weir {

void node_connection::close(const std::string& why) {
  std::lock_guard lock(mutex_);
  if (reason_.empty())
    reason_ = why;
  if (fd_ >= 0)
    ::shutdown(fd_, SHUT_RDWR);
}

void node_connection::drives(int fd) {
  std::lock_guard lock(mutex_);
  fd_ = fd;
  if (fd >= 0 && !reason_.empty())
    ::shutdown(fd, SHUT_RDWR);
}

void node_connection::on_closed(closed_function f) {
  {
    std::lock_guard lock(mutex_);
    if (!gone_) {
      closed_ = std::move(f);
      return;
    }
  }
  f(*this, reason());
}

void node_connection::holds(std::shared_ptr<void> place) {
  std::lock_guard lock(mutex_);
  if (!gone_)
    place_ = std::move(place);
}

void node_connection::gone() {
  closed_function f;
  std::shared_ptr<void> place;
  std::string why;
  {
    std::lock_guard lock(mutex_);
    if (gone_)
      return;
    gone_ = true;
    fd_ = -1;
    if (reason_.empty())
      reason_ = "the peer closed the connection";
    why = reason_;
    f = std::move(closed_);
    place = std::move(place_);
  }
  place.reset(); // Whoever hears of it may connect again at once.
  if (f)
    f(*this, why);
}

std::string node_connection::reason() const {
  std::lock_guard lock(mutex_);
  return reason_;
}

} // namespace weir
