#pragma once
#include <string>
#include <string_view>

namespace weir::detail {

/// RFC 4648, section 4: standard alphabet, with padding.
void encode_base64(std::string_view bytes, std::string& out);
/// False for another form (padding may be missing, bits behind the last byte must be zero); `out` is unspecified then.
bool decode_base64(std::string_view text, std::string& out);

} // namespace weir::detail
