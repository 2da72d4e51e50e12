#include <condition_variable>
#include <mutex>
#include <thread>
#include <weir/connectors/kafka/call_thread.hpp>

namespace weir::kafka {

struct call_thread::state {
  std::mutex mutex;
  std::condition_variable changed;
  std::function<void()> work;
  bool busy = false;
  bool hung = false;
  bool stop = false;
  bool ended = false;
};

call_thread::call_thread() : state_(std::make_shared<state>()) {
  std::thread([s = state_] {
    std::unique_lock lock(s->mutex);
    for (;;) {
      s->changed.wait(lock, [&] { return s->stop || s->work; });
      if (!s->work)
        break;
      auto f = std::move(s->work);
      s->work = nullptr;
      lock.unlock();
      f();
      f = nullptr;
      lock.lock();
      s->busy = false;
      s->changed.notify_all();
    }
    s->ended = true;
    s->changed.notify_all();
  }).detach();
}

call_thread::~call_thread() {
  std::unique_lock lock(state_->mutex);
  state_->stop = true;
  state_->changed.notify_all();
  if (!state_->busy)
    state_->changed.wait(lock, [&] { return state_->ended; });
}

bool call_thread::run(std::function<void()> f, std::chrono::milliseconds limit) {
  std::unique_lock lock(state_->mutex);
  if (state_->hung)
    return false;
  state_->work = std::move(f);
  state_->busy = true;
  state_->changed.notify_all();
  state_->hung = !state_->changed.wait_for(lock, limit, [&] { return !state_->busy; });
  return !state_->hung;
}

} // namespace weir::kafka
