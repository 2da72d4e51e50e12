#include "services/weir/health/server_certificate.hpp"
#include <boost/asio/ssl/context.hpp>

namespace weir {

result<> load_certificate(boost::asio::ssl::context& tls, const std::string& certificate, const std::string& key) {
  namespace asio = boost::asio;
  boost::system::error_code e;
  tls.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 | asio::ssl::context::no_sslv3 |
                  asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1 | asio::ssl::context::single_dh_use);
  // A key with a password would ask for it on the terminal.
  tls.set_password_callback([](std::size_t, asio::ssl::context::password_purpose) { return std::string(); }, e);
  tls.use_certificate_chain_file(certificate, e);
  if (e)
    return error{errc::invalid_config, "/health/tls.cert: " + certificate + ": " + e.message()};
  tls.use_private_key_file(key, asio::ssl::context::pem, e);
  if (e)
    return error{errc::invalid_config, "/health/tls.key: " + key + ": " + e.message()};
  if (::SSL_CTX_check_private_key(tls.native_handle()) != 1)
    return error{errc::invalid_config, "/health/tls.key: " + key + ": is not the key of tls.cert"};
  return success();
}

} // namespace weir
