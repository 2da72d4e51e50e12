#pragma once
#include <cstddef>
#include <string>

namespace weir::detail {

struct json_type;

/// Where and why a text could not be decoded.
struct json_failure {
  std::size_t offset = 0;
  std::string path; ///< `bid.price`, `items[3].name`; empty at the top.
  std::string what;
};

/// What stands at p, in words: "string", "number", "end of text", "'x'".
std::string describe_json_at(const char* p, const char* end);

/// One decoder, compiled for an instruction set.
using json_decode_fn = bool (*)(const char* text, std::size_t size, const json_type& type, void* out, int max_depth,
                                json_failure& failure);
bool decode_json_baseline(const char* text, std::size_t size, const json_type& type, void* out, int max_depth,
                          json_failure& failure);
#if defined(__x86_64__)
bool decode_json_avx2(const char* text, std::size_t size, const json_type& type, void* out, int max_depth, json_failure& failure);
#endif

} // namespace weir::detail
