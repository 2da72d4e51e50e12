#pragma once
#include <functional>
#include <memory>
#include <string>
#include <weir/state/task_state.hpp>

/// What the model test needs of a store. Checkpoint numbers ascend; participants are numbered from 0.
class model_store {
 public:
  virtual ~model_store() = default;
  /// The process dies and comes back: whatever no complete checkpoint lists is lost.
  virtual void crash() = 0;
  virtual std::uint64_t stage(int participant, const std::string& chunk) = 0;
  /// Ends of the staged chunks that belong to the checkpoint, by participant.
  virtual void complete(std::uint64_t checkpoint, const std::vector<std::uint64_t>& ends) = 0;
  virtual void close(std::uint64_t checkpoint) = 0;
  /// The checkpoints one can go back to, newest first.
  virtual std::vector<std::uint64_t> restorable() = 0;
  /// Forgets what is above a restorable checkpoint; right after a crash only.
  virtual void fall_back(std::uint64_t checkpoint) = 0;
  /// One slice; returns one above the newest checkpoint that the base holds.
  virtual std::uint64_t apply_slice() = 0;
  virtual void read_unapplied(const std::function<void(std::uint64_t checkpoint, std::string_view chunk)>& visit) = 0;
  virtual std::unique_ptr<weir::base_reader> reader() = 0;
  virtual std::function<weir::result<std::string>(std::uint64_t)> chunk_reader(int participant) = 0;
};

std::unique_ptr<model_store> make_memory_store(unsigned retained, unsigned rows_per_slice);
std::unique_ptr<model_store> make_lmdb_store(const std::string& directory, unsigned retained);
