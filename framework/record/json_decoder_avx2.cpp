// The same decoder with AVX2. The headers it needs are included before the target changes: code that the standard
// library shares between files stays baseline, or a machine without AVX2 could end up in it.
#include <bit>
#include <charconv>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <weir/record/detail/base64.hpp>
#include <weir/record/detail/json_failure.hpp>
#include <weir/record/json_type.hpp>
#include <weir/record/time_text.hpp>

#if defined(__x86_64__)
#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi,lzcnt"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,bmi,lzcnt")
#endif
#define WEIR_SCAN_AVX2

#include <weir/record/detail/json_decoder.hpp>

namespace weir::detail {

bool decode_json_avx2(const char* text, std::size_t size, const json_type& type, void* out, int max_depth,
                      json_failure& failure) {
  return json_decoder({text, size}, max_depth, failure).document(type, out);
}

} // namespace weir::detail

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
