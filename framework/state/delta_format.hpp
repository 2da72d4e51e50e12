#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <weir/core/result.hpp>
#include <weir/core/timestamp.hpp>
#include <weir/state/keyed_state.hpp>

namespace weir {

/// What a row of a delta chunk does. Persisted: never renumber.
enum class row_action : std::uint8_t {
  put = 0,
  erase = 1,
  drop_until = 2, ///< Row key = state id and key group; removes rows of older chunks with time <= until.
  declare = 3,    ///< Row key = state id; the value is an encoded declaration.
};

/// Builds one chunk; docs/formats/state.md. Rows are added in ascending order of row key, none twice.
class delta_chunk_writer {
 public:
  delta_chunk_writer();
  void put(state_kind kind, std::string_view row_key, std::string_view value);
  void erase(state_kind kind, std::string_view row_key);
  void drop_until(std::string_view group_prefix, timestamp until);
  void declare(std::uint64_t state_id, const state_declaration& d);
  [[nodiscard]] std::size_t bytes() const { return out_.size(); }
  [[nodiscard]] std::size_t rows() const { return rows_; }
  /// Ends the chunk with its row count and checksum; the writer is as new after it.
  [[nodiscard]] std::string finish();

 private:
  void key(row_action action, state_kind kind, std::string_view row_key);
  std::string out_;
  std::string last_;
  std::uint32_t rows_ = 0;
};

/// Reads the rows of a chunk in order. The chunk's bytes must outlive it.
class delta_chunk_reader {
 public:
  /// Checks form and checksum of the whole chunk. Errors: store_corrupt, incompatible (a newer version).
  static result<delta_chunk_reader> open(std::string_view chunk);
  /// The same without computing the checksum, for a chunk this process has checked before.
  static result<delta_chunk_reader> open_checked(std::string_view chunk);

  /// Steps to the next row; false behind the last one. Errors: store_corrupt.
  result<bool> next();

  [[nodiscard]] row_action action() const { return action_; }
  [[nodiscard]] state_kind kind() const { return kind_; }
  /// Valid until the next step.
  [[nodiscard]] std::string_view row_key() const { return key_; }
  [[nodiscard]] std::string_view value() const { return value_; }
  [[nodiscard]] timestamp until() const { return until_; }
  /// Where the current row's value lies in the chunk.
  [[nodiscard]] std::size_t value_offset() const { return value_offset_; }
  [[nodiscard]] std::uint32_t rows() const { return rows_; }
  /// Continues in the same bytes at another address, as when a store maps them anew.
  void rebase(std::string_view chunk) {
    chunk_ = chunk;
    value_ = chunk.substr(value_offset_, value_.size());
  }

 private:
  delta_chunk_reader() = default;
  std::string_view chunk_;
  std::size_t position_ = 0;
  std::size_t end_ = 0;
  std::uint32_t rows_ = 0;
  std::uint32_t seen_ = 0;
  row_action action_ = row_action::put;
  state_kind kind_ = state_kind::value;
  std::string key_;
  std::string_view value_;
  std::size_t value_offset_ = 0;
  timestamp until_;
};

std::string encode_declaration(const state_declaration& d);
/// Errors: store_corrupt.
result<state_declaration> decode_declaration(std::string_view bytes);

} // namespace weir
