#include "actors/nodes/tls.hpp"
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <cerrno>
#include <cstring>
#include "actors/nodes/secure_socket.hpp"

namespace weir {
namespace {

error bad(const std::string& file, const std::string& why) { return {errc::invalid_config, file + ": " + why}; }

result<> check_private(const std::string& file) {
  struct stat s {};
  if (::stat(file.c_str(), &s) != 0)
    return bad(file, std::strerror(errno));
  if (!is_private_key_mode(s.st_mode, s.st_uid))
    return bad(file, "others than its owner may use this key: chmod 600 it");
  return success();
}

/// Whether the context's certificate is one that its authority signed: without this it is the peers who find out.
result<> check_own(SSL_CTX* context, const tls_files& files) {
  std::unique_ptr<X509_STORE_CTX, void (*)(X509_STORE_CTX*)> check(::X509_STORE_CTX_new(), ::X509_STORE_CTX_free);
  if (!check ||
      ::X509_STORE_CTX_init(check.get(), ::SSL_CTX_get_cert_store(context), ::SSL_CTX_get0_certificate(context), nullptr) != 1)
    return bad(files.certificate, openssl_failure());
  if (::X509_verify_cert(check.get()) != 1)
    return bad(files.certificate, std::string("is no valid certificate of ") + files.authority + ": " +
                                      ::X509_verify_cert_error_string(::X509_STORE_CTX_get_error(check.get())));
  return success();
}

} // namespace

bool is_private_key_mode(mode_t mode, uid_t owner) {
  const auto forbidden = owner == 0 ? S_IWGRP | S_IXGRP | S_IRWXO : S_IRWXG | S_IRWXO;
  return (mode & forbidden) == 0;
}

std::vector<std::string> certificate_uris(const X509* certificate) {
  std::vector<std::string> uris;
  if (certificate == nullptr)
    return uris;
  auto* names = static_cast<GENERAL_NAMES*>(::X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const auto* name = sk_GENERAL_NAME_value(names, i);
    if (name->type == GEN_URI)
      uris.emplace_back(reinterpret_cast<const char*>(::ASN1_STRING_get0_data(name->d.uniformResourceIdentifier)),
                        static_cast<std::size_t>(::ASN1_STRING_length(name->d.uniformResourceIdentifier)));
  }
  ::GENERAL_NAMES_free(names);
  return uris;
}

result<tls_context> tls_context::load(const tls_files& files) {
  tls_context made;
  made.context_.reset(::SSL_CTX_new(::TLS_method()));
  auto* c = made.context_.get();
  if (c == nullptr || ::SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) != 1)
    return error{errc::internal, "OpenSSL cannot make a context for TLS 1.3: " + openssl_failure()};
  WEIR_TRY(check_private(files.key));
  // A key with a password would ask for it on the terminal.
  ::SSL_CTX_set_default_passwd_cb(c, [](char*, int, int, void*) { return 0; });
  if (::SSL_CTX_load_verify_file(c, files.authority.c_str()) != 1)
    return bad(files.authority, openssl_failure());
  if (::SSL_CTX_use_certificate_chain_file(c, files.certificate.c_str()) != 1)
    return bad(files.certificate, openssl_failure());
  if (::SSL_CTX_use_PrivateKey_file(c, files.key.c_str(), SSL_FILETYPE_PEM) != 1)
    return bad(files.key, openssl_failure());
  if (::SSL_CTX_check_private_key(c) != 1)
    return bad(files.key, "is not the key of " + files.certificate);
  WEIR_TRY(check_own(c, files));
  ::SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  ::SSL_CTX_set_verify_depth(c, 4);
  // Neither resumption nor early data: every connection shows its certificate, and nothing can be replayed.
  ::SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
  ::SSL_CTX_set_num_tickets(c, 0);
  ::SSL_CTX_set_options(c, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  made.uris_ = certificate_uris(::SSL_CTX_get0_certificate(c));
  return made;
}

} // namespace weir
