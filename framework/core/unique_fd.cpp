#include <unistd.h>
#include <weir/core/unique_fd.hpp>

namespace weir {

void unique_fd::reset(int fd) {
  if (fd_ >= 0)
    ::close(fd_);
  fd_ = fd;
}

} // namespace weir
