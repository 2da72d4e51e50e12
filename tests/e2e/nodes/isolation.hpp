#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace weir::e2e {

/// Why this process may not make namespaces and network devices of its own; empty: it may. Tries it in a child.
[[nodiscard]] std::string cannot_isolate();

/// Runs `body` in a child process with network, mounts and processes of its own and returns its exit code. All that the body
/// started ends with it, and it ends with this process, also by SIGKILL. Call before any thread is started.
int run_isolated(const std::function<int()>& body);

/// The end of a network in user space, as an open tun device of this thread's network namespace with that address of a /24.
[[nodiscard]] int open_tun(const std::string& address);

/// What the process of a node sees: a network with nothing but a tun device, and mounts in which one folder can be taken away.
/// Within run_isolated; throws std::system_error.
class node_space {
 public:
  node_space(const std::string& address, std::filesystem::path directory);
  ~node_space();
  node_space(const node_space&) = delete;
  node_space& operator=(const node_space&) = delete;

  [[nodiscard]] int tun() const { return tun_; }
  [[nodiscard]] std::vector<int> namespaces() const { return {net_, mounts_}; }

  enum class folder { there, read_only, gone };
  /// `gone`: what is looked up from now on finds an empty folder that nobody can write to; files that are open stay.
  void set(folder f);

 private:
  int net_ = -1, mounts_ = -1, tun_ = -1;
  std::filesystem::path directory_;
  folder now_ = folder::there;
};

} // namespace weir::e2e
