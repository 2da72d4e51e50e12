#pragma once
#include <deque>
#include <set>
#include <vector>
#include <weir/checkpoint/alignment.hpp>
#include <weir/checkpoint/types.hpp>
#include "tests/simulation/store.hpp"
#include "tests/simulation/world.hpp"

namespace weir::simulation {

class process;

struct frame {
  enum class kind { data, barrier, end };
  kind what = kind::data;
  std::vector<item> rows;
  std::uint64_t checkpoint = 0;
  bool final_barrier = false;
};

/// Hands chunks to the store one behind the other, slowly, and acks a checkpoint when all that belongs to it is there.
class stager {
 public:
  stager(process& p, participant_id who, int actor) : process_(&p), who_(std::move(who)), actor_(actor) {}
  void stage(bool output, chunk c);
  /// When everything staged so far is stored.
  void ack(std::uint64_t checkpoint, std::string inline_state, bool finished);

 private:
  struct waiting {
    bool output;
    chunk content;
  };
  struct pending_ack {
    std::uint64_t checkpoint;
    contribution what;
  };
  void pump();
  void flush();
  process* process_;
  participant_id who_;
  int actor_;
  bool busy_ = false;
  std::deque<waiting> waiting_;
  std::deque<pending_ack> acks_;
  std::uint64_t delta_queued_ = 0, delta_stored_ = 0, outbox_queued_ = 0, outbox_stored_ = 0;
};

class task;
struct channel_end {
  task* to = nullptr;
  std::size_t channel = 0;
};

/// A partition reader: the records of one partition from an offset on, some of which come later.
class source {
 public:
  source(process& p, int partition, int actor, std::size_t offset);
  void start();
  void on_barrier(std::uint64_t checkpoint, bool final_barrier);
  [[nodiscard]] int actor() const { return actor_; }
  std::vector<channel_end> outputs;

 private:
  void read();
  process* process_;
  int partition_, actor_;
  std::size_t offset_;
  bool stopped_ = false, finished_ = false;
  stager stager_;
};

/// A keyed task that counts per key, or a sink. Holds channels as the real alignment says.
class task {
 public:
  enum class role { first, second, sink };
  task(process& p, role r, int index, int actor, std::size_t inputs);
  void restore(table rows) { counts_ = std::move(rows); }
  void receive(std::size_t channel, frame f);
  void on_closed(std::uint64_t checkpoint);
  [[nodiscard]] int actor() const { return actor_; }
  std::vector<channel_end> outputs;

 private:
  void handle(std::size_t channel, frame f);
  void process_rows(std::vector<item> rows);
  void on_barrier(std::size_t channel, const frame& f);
  void freeze(std::uint64_t checkpoint, bool final_barrier);
  void stage_changes();
  void go_on();
  process* process_;
  role role_;
  participant_id who_;
  int actor_;
  alignment alignment_;
  std::vector<std::deque<frame>> held_;
  std::set<std::size_t> ended_;
  table counts_, dirty_;
  std::vector<item> output_;
  stager stager_;
};

} // namespace weir::simulation
