#pragma once
#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace weir {

/// What a handler returns that awaits asks: `weir::async<> on_order(const order& o, context& ctx) { ... co_await ... }`.
/// It runs on its task's thread alone; destroying it ends it where it waits, and its locals are destroyed.
template <class T = void>
class async;

namespace detail {

struct promise_base {
  std::suspend_always initial_suspend() noexcept { return {}; }
  std::suspend_always final_suspend() noexcept { return {}; }
  void unhandled_exception() noexcept { failure = std::current_exception(); }
  std::exception_ptr failure;
};
template <class T>
struct promise_of : promise_base {
  void return_value(T v) { value.emplace(std::move(v)); }
  std::optional<T> value;
};
template <>
struct promise_of<void> : promise_base {
  void return_void() noexcept {}
};

} // namespace detail

template <class T>
class async {
 public:
  struct promise_type : detail::promise_of<T> {
    async get_return_object() { return async(std::coroutine_handle<promise_type>::from_promise(*this)); }
  };
  async(async&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  async& operator=(async&&) = delete;
  ~async() {
    if (handle_)
      handle_.destroy();
  }
  /// Runs to the next await or the end.
  void resume() { handle_.resume(); }
  [[nodiscard]] bool done() const { return handle_.done(); }
  /// After the end: throws what it ended with, if it did.
  [[nodiscard]] T result() {
    auto& p = handle_.promise();
    if (p.failure)
      std::rethrow_exception(p.failure);
    if constexpr (!std::is_void_v<T>)
      return std::move(*p.value);
  }

 private:
  explicit async(std::coroutine_handle<promise_type> h) : handle_(h) {}
  std::coroutine_handle<promise_type> handle_;
};

namespace detail {
template <class T>
struct is_async : std::false_type {};
template <class T>
struct is_async<async<T>> : std::true_type {};

/// A coroutine of unknown result.
class running_call {
 public:
  virtual ~running_call() = default;
  virtual void resume() = 0;
  [[nodiscard]] virtual bool done() const = 0;
  /// After the end: keeps the result, or throws what the coroutine ended with.
  virtual void finish() = 0;
};
} // namespace detail

} // namespace weir
