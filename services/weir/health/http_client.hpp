#pragma once
#include <string>
#include <weir/core/result.hpp>
#include <weir/core/timestamp.hpp>

namespace weir {

struct http_request {
  std::string address; ///< host:port, an address.
  std::string path;
  std::string token;       ///< Empty: none is sent.
  std::string certificate; ///< File: the very certificate the server must show; empty: plain HTTP.
  duration timeout = std::chrono::seconds(10);
};

struct http_reply {
  unsigned code = 0;
  std::string body;
};

/// GET over a connection of its own. Errors: unavailable (nobody listens, no answer in time, another certificate),
/// invalid_argument (the address), invalid_config (the certificate's file). The token appears in none. Blocks.
result<http_reply> http_get(const http_request& r);
/// The same as an order: POST without a body, with the header of orders. After an error it may have been carried out.
result<http_reply> http_post(const http_request& r);

} // namespace weir
