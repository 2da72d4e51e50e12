#include <weir/record/raw_record.hpp>

namespace weir {

bool unpack_headers(std::string_view packed, header_list& headers) {
  headers.clear();
  if (packed.empty())
    return true;
  byte_reader in(packed);
  auto n = in.varint();
  for (; in.ok() && n > 0; --n) {
    auto key = in.string();
    auto flag = in.u8();
    if (flag > 1)
      in.fail();
    std::optional<std::string> value;
    if (flag == 1)
      value.emplace(in.string());
    if (in.ok())
      headers.emplace_back(std::string(key), std::move(value));
  }
  if (in.done())
    return true;
  headers.clear();
  return false;
}

header_list headers_view::unpack() const {
  header_list headers;
  unpack_headers(packed(), headers);
  return headers;
}

std::string pack_headers(const header_list& headers) {
  std::string out;
  if (headers.empty())
    return out;
  byte_writer w(out);
  w.varint(headers.size());
  for (const auto& [key, value] : headers) {
    w.string(key);
    w.u8(value ? 1 : 0);
    if (value)
      w.string(*value);
  }
  return out;
}

} // namespace weir
