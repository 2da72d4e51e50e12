#pragma once
#include <memory>
#include <vector>
#include <weir/operators/chain.hpp>
#include <weir/operators/operator.hpp>

namespace weir {

/// A tree of linked operators as the chain that a task drives. The operators are in an order in which each comes behind
/// the one that feeds it: the head first, ports among the last.
class operator_chain final : public chain {
 public:
  explicit operator_chain(std::vector<std::unique_ptr<chain_operator>> operators, batch_limits limits = {});

  result<> open(chain_context& ctx) override;
  result<> accept_raw(const record_view& record) override;
  result<progress> flush_source() override;
  [[nodiscard]] timestamp source_watermark() const override;
  [[nodiscard]] std::optional<duration> idle_after() const override;
  result<progress> accept(std::size_t input, std::unique_ptr<any_batch> rows) override;
  result<progress> advance(timestamp watermark) override;
  result<progress> processing_time(timestamp now) override;
  result<std::optional<timestamp>> next_processing_time() override;
  result<progress> resume() override;
  [[nodiscard]] std::optional<timestamp> waits_until() const override;
  /// Format: u8 version 1, i64 operator watermark, varint n, then n times operator name and its bytes (strings).
  void save(std::string& out) const override;
  result<> restore(std::string_view saved) override;
  [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> counters() const override;
  [[nodiscard]] service_port* service() override { return head().service(); }

 private:
  /// Every way out of the chain: what ports have buffered leaves with the input that made it.
  result<progress> leave(result<progress> p);
  [[nodiscard]] chain_operator& head() { return *operators_.front(); }
  [[nodiscard]] const chain_operator* time_operator() const;

  chain_runtime runtime_;
  std::vector<std::unique_ptr<chain_operator>> operators_;
  source_head* source_ = nullptr;
};

} // namespace weir
