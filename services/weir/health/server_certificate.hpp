#pragma once
#include <string>
#include <weir/core/result.hpp>

namespace boost::asio::ssl {
class context;
}

namespace weir {

/// Reads certificate and key from their files into `tls` and turns off everything before TLS 1.2. Errors: invalid_config,
/// naming setting and file. Blocks on the disk.
result<> load_certificate(boost::asio::ssl::context& tls, const std::string& certificate, const std::string& key);

} // namespace weir
