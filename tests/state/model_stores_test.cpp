#include <map>
#include <weir/state/row_key.hpp>
#include <weir/storage/delta_merge.hpp>
#include <weir/storage/job_store.hpp>
#include "tests/catch.hpp"
#include "tests/state/map_base.hpp"
#include "tests/state/model_store.hpp"

using namespace weir;

namespace {

template <class T>
T must(result<T> r) {
  if (!r)
    throw std::runtime_error(std::to_string(static_cast<int>(r.err().code)) + ": " + r.err().message);
  return std::move(*r);
}

/// The store's rules on maps: fast enough for thousands of seeds. Merges with the real merge.
class memory_store final : public model_store {
 public:
  memory_store(unsigned retained, unsigned rows) : retained_(retained), rows_per_slice_(rows) {}
  void crash() override { staged_.clear(); }
  std::uint64_t stage(int participant, const std::string& chunk) override {
    auto& p = staged_[participant];
    p.chunks.push_back(chunk);
    return p.chunks.size() - 1;
  }
  void complete(std::uint64_t checkpoint, const std::vector<std::uint64_t>& ends) override {
    auto& deltas = complete_[checkpoint];
    for (std::size_t i = 0; i < ends.size(); ++i) {
      auto& p = staged_[static_cast<int>(i)];
      for (; p.done < ends[i]; ++p.done)
        deltas.push_back({checkpoint, p.chunks[p.done]});
    }
    // A spilled chunk stays readable until it is applied: see chunk_reader.
  }
  void close(std::uint64_t) override {}
  std::vector<std::uint64_t> restorable() override {
    std::vector<std::uint64_t> list;
    for (auto it = complete_.rbegin(); it != complete_.rend(); ++it)
      if (!running_ || it->first >= target_)
        list.push_back(it->first);
    if (!running_ && applied_end_ > 0)
      list.push_back(applied_end_ - 1); // The base itself.
    list.resize(std::min<std::size_t>(list.size(), retained_));
    return list;
  }
  void fall_back(std::uint64_t checkpoint) override { complete_.erase(complete_.upper_bound(checkpoint), complete_.end()); }
  std::uint64_t apply_slice() override {
    if (!running_) {
      std::vector<std::uint64_t> waiting;
      for (auto& [k, d] : complete_)
        if (k >= applied_end_)
          waiting.push_back(k);
      if (waiting.size() <= retained_)
        return applied_end_;
      target_ = waiting[waiting.size() - retained_ - 1];
      running_ = true;
      position_.clear();
    }
    std::vector<std::string_view> chunks;
    for (auto& [k, d] : complete_)
      if (k >= applied_end_ && k <= target_)
        for (auto& c : d)
          chunks.push_back(c.bytes);
    auto merge = must(storage_detail::delta_merge::open(chunks, position_));
    auto rows = base_.current();
    unsigned done = 0;
    for (;;) {
      auto row = must(merge.next());
      if (!row) {
        running_ = false;
        applied_end_ = target_ + 1;
        complete_.erase(complete_.begin(), complete_.lower_bound(applied_end_));
        break;
      }
      if (++done > rows_per_slice_) {
        position_ = row->row_key;
        break;
      }
      if (row->action == row_action::drop_until) {
        std::string prefix(row->row_key);
        for (auto it = rows.lower_bound(prefix); it != rows.end() && it->first.compare(0, prefix.size(), prefix) == 0;) {
          if (parse_row_key(state_kind::ordered, it->first)->time > row->until)
            break;
          it = rows.erase(it);
        }
      } else if (row->action == row_action::erase) {
        rows.erase(std::string(row->row_key));
      } else {
        rows[std::string(row->row_key)] = row->value;
      }
    }
    base_.publish(std::move(rows));
    return applied_end_;
  }
  void read_unapplied(const std::function<void(std::uint64_t, std::string_view)>& visit) override {
    for (auto& [k, d] : complete_)
      for (auto& c : d)
        visit(k, c.bytes);
  }
  std::unique_ptr<base_reader> reader() override { return base_.reader(); }
  std::function<result<std::string>(std::uint64_t)> chunk_reader(int participant) override {
    return [this, participant](std::uint64_t number) -> result<std::string> {
      auto& p = staged_[participant];
      // As in the store: gone once its checkpoint is applied, which is known by its bytes being listed no more.
      if (number < p.done) {
        for (auto& [k, d] : complete_)
          for (auto& c : d)
            if (c.bytes == p.chunks[number])
              return p.chunks[number];
        return error{errc::not_found, "applied"};
      }
      return p.chunks[number];
    };
  }

 private:
  struct staged_chunks {
    std::vector<std::string> chunks;
    std::uint64_t done = 0;
  };
  struct delta {
    std::uint64_t checkpoint;
    std::string bytes;
  };
  unsigned retained_, rows_per_slice_;
  map_base base_;
  std::map<std::uint64_t, std::vector<delta>> complete_;
  std::map<int, staged_chunks> staged_;
  std::uint64_t applied_end_ = 0, target_ = 0;
  bool running_ = false;
  std::string position_;
};

class lmdb_store final : public model_store {
 public:
  lmdb_store(const std::string& directory, unsigned retained) {
    options_.directory = directory;
    options_.map_size = std::size_t{32} << 20;
    options_.retained = retained;
    options_.apply_checkpoints = 1;
    options_.stage_buffer = 300;
    open();
  }
  void crash() override {
    store_.reset();
    open();
  }
  std::uint64_t stage(int participant, const std::string& chunk) override {
    auto n = must(store_->stage_delta(who(participant), chunk));
    must(store_->flush_staged());
    return n;
  }
  void complete(std::uint64_t checkpoint, const std::vector<std::uint64_t>& ends) override {
    checkpoint_manifest m;
    m.number = checkpoint;
    for (std::size_t i = 0; i < ends.size(); ++i)
      m.contributions.push_back({who(static_cast<int>(i)), "", ends[i], 0, false});
    must(store_->complete(m));
  }
  void close(std::uint64_t checkpoint) override { must(store_->close(checkpoint)); }
  std::vector<std::uint64_t> restorable() override {
    std::vector<std::uint64_t> list;
    for (auto& m : must(store_->checkpoints()))
      list.push_back(m.number);
    return list;
  }
  void fall_back(std::uint64_t checkpoint) override {
    if (auto r = store_->fall_back(checkpoint); !r)
      throw std::runtime_error("going back: " + r.err().message);
    // Durable at once: also for whoever opens it next.
    crash();
  }
  std::uint64_t apply_slice() override {
    auto p = must(store_->apply_slice());
    return p.applied_checkpoint == 0 ? 0 : p.applied_checkpoint + 1;
  }
  void read_unapplied(const std::function<void(std::uint64_t, std::string_view)>& visit) override {
    must(store_->read_unapplied([&](const participant_id&, std::uint64_t k, std::string_view chunk) {
      visit(k, chunk);
      return success();
    }));
  }
  std::unique_ptr<base_reader> reader() override { return must(store_->open_base()); }
  std::function<result<std::string>(std::uint64_t)> chunk_reader(int participant) override {
    return store_->chunk_reader(who(participant));
  }

 private:
  static participant_id who(int i) { return {"op", i}; }
  void open() {
    store_ = must(open_job_store(options_));
    must(store_->begin_incarnation());
  }
  job_store_options options_;
  std::unique_ptr<job_store> store_;
};

} // namespace

std::unique_ptr<model_store> make_memory_store(unsigned retained, unsigned rows_per_slice) {
  return std::make_unique<memory_store>(retained, rows_per_slice);
}

std::unique_ptr<model_store> make_lmdb_store(const std::string& directory, unsigned retained) {
  return std::make_unique<lmdb_store>(directory, retained);
}
