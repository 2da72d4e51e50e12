#pragma once
#include <cstdint>
#include <functional>
#include <vector>
#include <weir/graph/plan.hpp>
#include <weir/record/frame.hpp>

namespace weir {

/// An outgoing channel of one task: to one subtask of one downstream vertex.
struct out_channel {
  std::uint32_t channel = 0; ///< Identity in the job, unique.
  const batch_codec* codec = nullptr;
  std::int64_t credit = 0; ///< Bytes; a frame may be sent while above zero and may take it below.
};

/// The out-edges of one task: routes batches to channels, counts credit, gathers what one step sends into one message per
/// channel. Only the owning task's thread.
class output_router final : public chain_output {
 public:
  using send_function = std::function<void(const out_channel&, std::vector<frame>)>;

  explicit output_router(send_function send) : send_(std::move(send)) {}

  /// Adds the next out-port. `channels` are the downstream subtasks in order (one for forward).
  void add_edge(routing route, std::uint32_t max_parallelism, const std::vector<out_channel>& channels);

  void emit(std::size_t port, std::unique_ptr<any_batch> rows) override;
  [[nodiscard]] bool has_credit() const override;

  /// A control frame on every channel, behind what was emitted before.
  void broadcast(const std::function<frame()>& make);
  /// Sends what was gathered. Call at the end of each step.
  void flush();
  /// The receiver processed frames of this many bytes.
  void add_credit(std::uint32_t channel, std::size_t bytes);
  /// A further condition for credit (a sink's own back pressure).
  void also_needs(std::function<bool()> condition) { condition_ = std::move(condition); }

  [[nodiscard]] std::uint64_t rows_sent() const { return rows_sent_; }

  /// What one out-edge carries, over all its channels.
  struct edge_load {
    std::uint64_t rows = 0;
    std::int64_t in_flight = 0; ///< Bytes whose credit did not come back yet.
    std::int64_t capacity = 0;  ///< Bytes of credit in all.
  };
  [[nodiscard]] const edge_load& load(std::size_t port) const { return edges_[port].load; }

 private:
  struct outgoing {
    out_channel channel;
    std::size_t port = 0;
    std::vector<frame> gathered;
  };
  struct edge {
    routing route;
    std::size_t first = 0, count = 0; ///< Range in channels_.
    std::size_t turn = 0;
    std::vector<std::uint32_t> task_of_group; ///< Of a hash edge.
    edge_load load;
  };
  void put(outgoing& to, frame f);

  send_function send_;
  std::function<bool()> condition_;
  std::vector<outgoing> channels_;
  std::vector<edge> edges_;
  std::vector<std::uint32_t> targets_;
  std::vector<std::unique_ptr<any_batch>> split_;
  std::size_t without_credit_ = 0;
  std::uint64_t rows_sent_ = 0;
};

} // namespace weir
