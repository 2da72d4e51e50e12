#include <arpa/inet.h>
#include <charconv>
#include <weir/config/config.hpp>

namespace weir {

result<listen_address> parse_listen_address(std::string_view text) {
  auto wrong = [&](const char* why) {
    return error{errc::invalid_argument,
                 "'" + std::string(text) + "' " + why + "; it is host:port, such as 127.0.0.1:9347 or [::1]:9347"};
  };
  auto colon = text.rfind(':');
  if (colon == std::string_view::npos)
    return wrong("has no port");
  auto host = text.substr(0, colon), port = text.substr(colon + 1);
  listen_address out;
  auto [end, code] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (code != std::errc{} || end != port.data() + port.size())
    return wrong("has no port from 0 to 65535");
  if (host == "localhost")
    host = "127.0.0.1";
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    out.host = host.substr(1, host.size() - 2);
    in6_addr six{};
    if (::inet_pton(AF_INET6, out.host.c_str(), &six) != 1)
      return wrong("has no IPv6 address in its brackets");
    out.loopback = IN6_IS_ADDR_LOOPBACK(&six);
    return out;
  }
  out.host = host;
  in_addr four{};
  if (::inet_pton(AF_INET, out.host.c_str(), &four) != 1)
    return wrong("names neither an address nor localhost");
  out.loopback = (ntohl(four.s_addr) >> 24) == 127;
  return out;
}

} // namespace weir
