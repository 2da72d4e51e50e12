#include <weir/record/detail/json_decoder.hpp>

namespace weir::detail {

bool decode_json_baseline(const char* text, std::size_t size, const json_type& type, void* out, int max_depth,
                          json_failure& failure) {
  return json_decoder({text, size}, max_depth, failure).document(type, out);
}

} // namespace weir::detail
