#pragma once
#include <optional>
#include <queue>
#include <string>
#include <vector>
#include <weir/state/delta_format.hpp>

namespace weir::storage_detail {

/// Merges the rows of many chunks into one ascending sequence in which the newest chunk wins, and range tombstones remove
/// rows of older chunks only. Pure; the chunks' bytes must stay readable (see rebase).
class delta_merge {
 public:
  /// Chunks, oldest first, each checked. Rows below `position` are passed over: they were merged before.
  /// Errors: store_corrupt.
  static result<delta_merge> open(const std::vector<std::string_view>& chunks, const std::string& position);

  struct row {
    row_action action = row_action::put;
    state_kind kind = state_kind::value;
    std::string_view row_key;
    std::string_view value;
    timestamp until; ///< drop_until: the widest of all chunks; to be done before later rows are written.
  };
  /// The next row, valid until the next call; none at the end. Errors: store_corrupt.
  result<std::optional<row>> next();

  /// The chunks' bytes lie elsewhere now (a new read transaction); same order and content.
  void rebase(const std::vector<std::string_view>& chunks);

 private:
  struct drop {
    std::size_t order;
    timestamp until;
  };
  result<> advance(std::size_t source);
  [[nodiscard]] bool covered(std::size_t source) const;
  [[nodiscard]] bool after(std::size_t a, std::size_t b) const;
  void push(std::size_t source);
  std::size_t pop();

  std::vector<delta_chunk_reader> sources_; ///< Index = order: a later one is newer.
  std::vector<std::size_t> heap_;           ///< Sources with a row; the smallest key first, of equal ones the newest.
  std::optional<std::size_t> given_;        ///< The source whose row was handed out last.
  std::string drop_prefix_;
  std::vector<drop> drops_; ///< Of the key group drop_prefix_.
};

} // namespace weir::storage_detail
