#pragma once
#include <openssl/ssl.h>
#include <sys/types.h>
#include <memory>
#include <string>
#include <vector>
#include <weir/core/result.hpp>

namespace weir {

/// Files of a node's identity, PEM.
struct tls_files {
  std::string authority;   ///< The cluster's own CA: every certificate of it is one of the cluster.
  std::string certificate; ///< The node's, with its SAN URI `weir://CLUSTER/NODE`.
  std::string key;         ///< Private by is_private_key_mode.
};

/// Whether a key's file is its owner's alone; one of root may be read by its group too. That is how a service manager hands a
/// key to a program that is not root (systemd's credentials, Kubernetes with fsGroup), and only root can make such a file.
[[nodiscard]] bool is_private_key_mode(mode_t mode, uid_t owner);

/// TLS 1.3 and nothing older, both sides with a certificate of the authority. Shared by all connections of a process; any thread.
class tls_context {
 public:
  /// Reads the files; blocks. Errors: invalid_config, for a file that cannot be read, a key that others may read or that is not
  /// the certificate's, or a certificate that its own authority did not sign.
  static result<tls_context> load(const tls_files& files);

  [[nodiscard]] SSL_CTX* native() const { return context_.get(); }
  /// URIs in the node's own certificate.
  [[nodiscard]] const std::vector<std::string>& uris() const { return uris_; }

 private:
  struct free_context {
    void operator()(SSL_CTX* c) const { ::SSL_CTX_free(c); }
  };
  std::unique_ptr<SSL_CTX, free_context> context_;
  std::vector<std::string> uris_;
};

/// The SAN URIs of a certificate; none for a null pointer.
std::vector<std::string> certificate_uris(const X509* certificate);

} // namespace weir
