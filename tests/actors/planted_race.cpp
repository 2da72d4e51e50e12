// Two actors write one integer without any synchronisation. Built with the thread sanitizer only, and must be reported:
// this is how we know that the sanitizer sees through CAF's scheduler and mailboxes.
#include <caf/all.hpp>
#include <cstdio>

namespace {

int shared = 0;

caf::behavior writer(caf::event_based_actor* self) {
  return {
      [self](int left) {
        ++shared;
        if (left > 0)
          self->send(self, left - 1);
        else
          self->quit();
      },
  };
}

} // namespace

int main() {
  caf::actor_system_config config;
  config.set("scheduler.max-threads", std::size_t{2});
  caf::actor_system system(config);
  for (int i = 0; i < 2; ++i)
    caf::anon_send(system.spawn<caf::detached>(writer), 20'000);
  system.await_all_actors_done();
  std::printf("wrote %d times\n", shared);
  return 0;
}
