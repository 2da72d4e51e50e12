#include "actors/nodes/certificates.hpp"
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <set>
#include <weir/net/identity.hpp>

namespace weir {
namespace {

struct openssl_free {
  void operator()(X509* p) const { ::X509_free(p); }
  void operator()(EVP_PKEY* p) const { ::EVP_PKEY_free(p); }
  void operator()(BIO* p) const { ::BIO_free(p); }
  void operator()(X509_EXTENSION* p) const { ::X509_EXTENSION_free(p); }
};
template <class T>
using owned = std::unique_ptr<T, openssl_free>;

struct pair {
  owned<X509> certificate;
  owned<EVP_PKEY> key;
};

error openssl_error(const std::string& what) {
  char text[256] = "";
  ::ERR_error_string_n(::ERR_get_error(), text, sizeof text);
  ::ERR_clear_error();
  return {errc::internal, what + ": " + text};
}

error disk_error(const std::string& path) { return {errc::unavailable, path + ": " + std::strerror(errno)}; }

bool add_extension(X509* to, X509* issuer, int id, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  ::X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
  owned<X509_EXTENSION> e(::X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str()));
  return e && ::X509_add_ext(to, e.get(), -1) == 1;
}

/// A key and a certificate for it with these extensions; signed by itself without an issuer.
result<pair> make_pair(const std::string& common_name, const std::string& organisation, int days, const pair* issuer,
                       const std::vector<std::pair<int, std::string>>& extensions) {
  pair made{owned<X509>(::X509_new()), owned<EVP_PKEY>(::EVP_EC_gen("P-256"))};
  if (!made.certificate || !made.key)
    return openssl_error("cannot make a key");
  auto* c = made.certificate.get();
  unsigned char serial[16];
  ::RAND_bytes(serial, sizeof serial);
  serial[0] = static_cast<unsigned char>((serial[0] & 0x7f) | 0x01); // Positive and of full length.
  std::unique_ptr<BIGNUM, void (*)(BIGNUM*)> number(::BN_bin2bn(serial, sizeof serial, nullptr), ::BN_free);
  auto* name = ::X509_get_subject_name(c);
  auto entry = [name](const char* field, const std::string& text) {
    return ::X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(text.data()),
                                        static_cast<int>(text.size()), -1, 0) == 1;
  };
  auto* signer = issuer != nullptr ? issuer->certificate.get() : c;
  auto good =
      number && ::BN_to_ASN1_INTEGER(number.get(), ::X509_get_serialNumber(c)) != nullptr && ::X509_set_version(c, 2) == 1 &&
      // Clocks of nodes differ.
      ::X509_gmtime_adj(::X509_getm_notBefore(c), -3600) != nullptr &&
      ::X509_gmtime_adj(::X509_getm_notAfter(c), 86400L * days) != nullptr && ::X509_set_pubkey(c, made.key.get()) == 1 &&
      entry("O", organisation) && entry("CN", common_name) && ::X509_set_issuer_name(c, ::X509_get_subject_name(signer)) == 1;
  for (const auto& [id, value] : extensions)
    good = good && add_extension(c, signer, id, value);
  if (!good || ::X509_sign(c, issuer != nullptr ? issuer->key.get() : made.key.get(), ::EVP_sha256()) == 0)
    return openssl_error("cannot make a certificate");
  return made;
}

/// Writes a file that must not be there yet, synced.
result<> write_new(const std::string& path, mode_t mode, BIO* content) {
  auto fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0)
    return disk_error(path);
  char* bytes = nullptr;
  auto left = static_cast<std::size_t>(BIO_get_mem_data(content, &bytes));
  while (left > 0) {
    auto n = ::write(fd, bytes, left);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0) {
      auto e = disk_error(path);
      ::close(fd);
      return e;
    }
    bytes += n;
    left -= static_cast<std::size_t>(n);
  }
  auto synced = ::fsync(fd) == 0;
  auto e = disk_error(path);
  ::close(fd);
  return synced ? success() : result<>{e};
}

result<> write_pair(const pair& p, const certificate_paths& to, made_certificates& made) {
  owned<BIO> key(::BIO_new(::BIO_s_mem()));
  owned<BIO> certificate(::BIO_new(::BIO_s_mem()));
  if (!key || !certificate || ::PEM_write_bio_PrivateKey(key.get(), p.key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1 ||
      ::PEM_write_bio_X509(certificate.get(), p.certificate.get()) != 1)
    return openssl_error("cannot write a certificate");
  WEIR_TRY(write_new(to.key, 0600, key.get()));
  made.files.push_back(to.key);
  WEIR_TRY(write_new(to.certificate, 0644, certificate.get()));
  made.files.push_back(to.certificate);
  return success();
}

result<pair> read_authority(const certificate_paths& from, const std::string& cluster) {
  owned<BIO> certificate(::BIO_new_file(from.certificate.c_str(), "r"));
  owned<BIO> key(::BIO_new_file(from.key.c_str(), "r"));
  ::ERR_clear_error();
  if (!certificate || !key)
    return error{errc::already_exists, from.certificate + " and " + from.key + " belong together and one cannot be read: " +
                                           "put it back, or take another directory"};
  pair p{owned<X509>(::PEM_read_bio_X509(certificate.get(), nullptr, nullptr, nullptr)),
         owned<EVP_PKEY>(::PEM_read_bio_PrivateKey(
             key.get(), nullptr, [](char*, int, int, void*) { return 0; }, nullptr))};
  if (!p.certificate || !p.key || ::X509_check_private_key(p.certificate.get(), p.key.get()) != 1)
    return openssl_error(from.certificate + " or its key");
  char name[256] = "";
  ::X509_NAME_get_text_by_NID(::X509_get_subject_name(p.certificate.get()), NID_organizationName, name, sizeof name);
  if (name != "weir " + cluster)
    return error{errc::already_exists, from.certificate + " is of \"" + name + "\", not of \"weir " + cluster +
                                           "\": every cluster needs an authority, and a directory, of its own"};
  return p;
}

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(std::filesystem::symlink_status(path, ignored));
}

result<> check_request(const std::string& directory, const std::string& cluster, const std::vector<std::string>& nodes) {
  WEIR_TRY(check_node_name(cluster, "cluster"));
  if (nodes.empty())
    return error{errc::invalid_argument, "name at least one node"};
  std::set<std::string> seen;
  for (const auto& node : nodes) {
    WEIR_TRY(check_node_name(node, "node"));
    if (node == "ca")
      return error{errc::invalid_argument, "a node cannot be called ca: its files would be those of the authority"};
    if (!seen.insert(node).second)
      return error{errc::invalid_argument, "node " + node + " is named twice"};
    for (const auto& path : {node_paths(directory, node).certificate, node_paths(directory, node).key})
      if (exists(path))
        return error{errc::already_exists,
                     path + " is there already and is not overwritten: remove it first if it is to be replaced"};
  }
  return success();
}

} // namespace

certificate_paths authority_paths(const std::string& directory) { return {directory + "/ca.crt", directory + "/ca.key"}; }

certificate_paths node_paths(const std::string& directory, const std::string& node) {
  return {directory + "/" + node + ".crt", directory + "/" + node + ".key"};
}

result<made_certificates> make_certificates(const std::string& directory, const std::string& cluster,
                                            const std::vector<std::string>& nodes, int days) {
  WEIR_TRY(check_request(directory, cluster, nodes));
  if (days < 1 || days > 3650)
    return error{errc::invalid_argument, "certificates are valid for 1 to 3650 days, not " + std::to_string(days)};
  std::error_code e;
  if (std::filesystem::create_directories(directory, e))
    std::filesystem::permissions(directory, std::filesystem::perms::owner_all, e);
  if (e)
    return error{errc::unavailable, directory + ": " + e.message()};
  made_certificates made;
  auto at = authority_paths(directory);
  pair authority;
  if (exists(at.certificate) || exists(at.key)) {
    WEIR_ASSIGN(authority, read_authority(at, cluster));
  } else {
    WEIR_ASSIGN(authority, make_pair("authority", "weir " + cluster, 3650, nullptr,
                                     {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                                      {NID_key_usage, "critical,keyCertSign,cRLSign"},
                                      {NID_subject_key_identifier, "hash"}}));
    WEIR_TRY(write_pair(authority, at, made));
    made.authority = true;
  }
  for (const auto& node : nodes) {
    WEIR_ASSIGN(auto p, make_pair(node, "weir " + cluster, days, &authority,
                                  {{NID_basic_constraints, "critical,CA:FALSE"},
                                   {NID_key_usage, "critical,digitalSignature"},
                                   {NID_ext_key_usage, "serverAuth,clientAuth"},
                                   {NID_subject_key_identifier, "hash"},
                                   {NID_authority_key_identifier, "keyid"},
                                   {NID_subject_alt_name, "URI:" + to_uri({cluster, node})}}));
    WEIR_TRY(write_pair(p, node_paths(directory, node), made));
  }
  return made;
}

} // namespace weir
