#include "tests/e2e/nodes/lossy_link.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

namespace weir::e2e {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t destination_at = 16, ip_header = 20;
constexpr milliseconds reordered_by{30};

std::uint32_t number_of(const std::string& address) {
  in_addr a{};
  if (::inet_pton(AF_INET, address.c_str(), &a) != 1)
    throw std::invalid_argument("no address: " + address);
  return a.s_addr;
}

} // namespace

lossy_link::lossy_link(std::vector<end> ends, std::uint64_t seed)
    : ends_(std::move(ends)), rules_(ends_.size(), std::vector<rule>(ends_.size())), random_(seed) {
  for (std::size_t i = 0; i < ends_.size(); ++i)
    by_address_[number_of(ends_[i].address)] = i;
  if (::pipe2(stop_, O_CLOEXEC) != 0)
    throw std::system_error(errno, std::generic_category(), "pipe");
  thread_ = std::thread([this] { work(); });
}

lossy_link::~lossy_link() {
  ::close(stop_[1]);
  thread_.join();
  ::close(stop_[0]);
}

void lossy_link::set(const std::string& from, const std::string& to, rule r) {
  const std::lock_guard lock(mutex_);
  rules_.at(by_address_.at(number_of(from))).at(by_address_.at(number_of(to))) = r;
}

void lossy_link::set_all(rule r) {
  const std::lock_guard lock(mutex_);
  for (auto& row : rules_)
    std::fill(row.begin(), row.end(), r);
}

lossy_link::counts lossy_link::counted() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void lossy_link::work() {
  std::vector<pollfd> fds;
  for (const auto& e : ends_)
    fds.push_back({e.tun, POLLIN, 0});
  fds.push_back({stop_[0], POLLIN, 0});
  for (;;) {
    int wait = -1;
    if (!delayed_.empty())
      wait = static_cast<int>(
          std::max<std::int64_t>(0, std::chrono::ceil<milliseconds>(delayed_.begin()->first - clock::now()).count()));
    if (::poll(fds.data(), fds.size(), wait) < 0 && errno != EINTR)
      return;
    if (fds.back().revents != 0)
      return;
    pass_due();
    for (std::size_t i = 0; i < ends_.size(); ++i)
      if (fds[i].revents != 0)
        take(i);
  }
}

void lossy_link::take(std::size_t from) {
  std::array<char, 65536> buffer;
  // Not without end: what is due on the other ends must not wait.
  for (int n = 0; n < 64; ++n) {
    const auto size = ::read(ends_[from].tun, buffer.data(), buffer.size());
    if (size <= 0)
      return;
    if (static_cast<std::size_t>(size) < ip_header || (buffer[0] & 0xf0) != 0x40)
      continue;
    std::uint32_t destination = 0;
    std::memcpy(&destination, buffer.data() + destination_at, sizeof destination);
    const auto to = by_address_.find(destination);
    if (to == by_address_.end())
      continue;
    std::uniform_real_distribution<double> dice;
    auto due = clock::time_point::min();
    {
      const std::lock_guard lock(mutex_);
      const auto& r = rules_[from][to->second];
      if (r.cut) {
        ++counts_.cut;
        continue;
      }
      if (r.loss > 0 && dice(random_) < r.loss) {
        ++counts_.lost;
        continue;
      }
      auto later = r.delay;
      if (r.reorder > 0 && dice(random_) < r.reorder)
        later += reordered_by;
      if (later > milliseconds(0)) {
        due = clock::now() + later;
        ++counts_.late;
      }
      ++counts_.passed;
    }
    if (due == clock::time_point::min())
      static_cast<void>(::write(ends_[to->second].tun, buffer.data(), static_cast<std::size_t>(size)) > 0);
    else
      delayed_.emplace(due, packet{ends_[to->second].tun, {buffer.data(), buffer.data() + size}});
  }
}

void lossy_link::pass_due() {
  const auto now = clock::now();
  while (!delayed_.empty() && delayed_.begin()->first <= now) {
    const auto& p = delayed_.begin()->second;
    static_cast<void>(::write(p.to, p.bytes.data(), p.bytes.size()) > 0);
    delayed_.erase(delayed_.begin());
  }
}

} // namespace weir::e2e
