#pragma once
#include <typeinfo>
#include <weir/record/batch.hpp>
#include <weir/record/binary.hpp>
#include <weir/record/key.hpp>

namespace weir {

namespace detail {
/// Everything of a batch but its values.
void encode_batch_frame(const any_batch& rows, std::uint64_t schema, byte_writer& out);
/// Reads it into an empty batch and returns the number of rows; fails the reader for another schema or a slice that
/// lies outside the arena.
std::size_t decode_batch_frame(byte_reader& in, std::uint64_t schema, any_batch& rows);

template <class T>
class typed_batch_codec final : public batch_codec {
 public:
  typed_batch_codec() : schema_(hash_bytes(schema_fingerprint<T>())) {}

  void encode(const any_batch& rows, byte_writer& out) const override {
    const auto& typed = static_cast<const batch<T>&>(rows);
    encode_batch_frame(rows, schema_, out);
    for (const auto& v : typed.values)
      encode_binary(v, out);
  }

  [[nodiscard]] result<std::unique_ptr<any_batch>> decode(byte_reader& in) const override {
    auto rows = std::make_unique<batch<T>>();
    auto n = decode_batch_frame(in, schema_, *rows);
    rows->values.reserve(n);
    for (std::size_t i = 0; i < n && in.ok(); ++i) {
      T v{};
      if (decode_binary(in, v))
        rows->append_value(std::move(v));
    }
    if (!in.ok())
      return {errc::decode_failed, "batch of rows: malformed bytes or another schema than " + schema_fingerprint<T>()};
    return std::unique_ptr<any_batch>(std::move(rows));
  }

 private:
  std::uint64_t schema_;
};
} // namespace detail

/// The codec of batches of T: rows, row_meta and kept original bytes. `encode` wants a batch<T>. Lives for ever; any thread.
template <class T>
const batch_codec& codec_for() {
  static const detail::typed_batch_codec<T> codec;
  return codec;
}

} // namespace weir
