#include "services/weir/node_commands.hpp"
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include "actors/nodes/certificates.hpp"
#include "tests/catch.hpp"
#include "tests/program/program_fixture.hpp"

using namespace weir;
using namespace weir::test;

namespace {

unsigned mode_of(const std::string& path) {
  struct stat s {};
  return ::stat(path.c_str(), &s) == 0 ? s.st_mode & 0777u : 0;
}

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct free_certificate {
  void operator()(X509* c) const { ::X509_free(c); }
};
std::unique_ptr<X509, free_certificate> certificate(const std::string& path) {
  std::unique_ptr<BIO, int (*)(BIO*)> file(::BIO_new_file(path.c_str(), "r"), ::BIO_free);
  return std::unique_ptr<X509, free_certificate>(file ? ::PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr) : nullptr);
}

/// What OpenSSL says of a certificate by all the rules it knows, as one for this purpose; "ok".
std::string verified(const std::string& authority, const std::string& node, int purpose) {
  auto root = certificate(authority), leaf = certificate(node);
  std::unique_ptr<X509_STORE, void (*)(X509_STORE*)> store(::X509_STORE_new(), ::X509_STORE_free);
  ::X509_STORE_add_cert(store.get(), root.get());
  std::unique_ptr<X509_STORE_CTX, void (*)(X509_STORE_CTX*)> check(::X509_STORE_CTX_new(), ::X509_STORE_CTX_free);
  ::X509_STORE_CTX_init(check.get(), store.get(), leaf.get(), nullptr);
  ::X509_STORE_CTX_set_flags(check.get(), X509_V_FLAG_X509_STRICT);
  ::X509_STORE_CTX_set_purpose(check.get(), purpose);
  ::X509_verify_cert(check.get());
  return ::X509_verify_cert_error_string(::X509_STORE_CTX_get_error(check.get()));
}

} // namespace

TEST_CASE("node certs makes an authority and certificates, keys for their owner only") {
  scratch dir;
  auto certs = dir.path() + "/certs";
  bench b;
  REQUIRE(b.run({"node", "certs", certs, "--cluster", "shop", "a", "b"}) == exit_code::done);
  CHECK(b.out.str() == certs + "/ca.key\n" + certs + "/ca.crt\n" + certs + "/a.key\n" + certs + "/a.crt\n" + certs + "/b.key\n" +
                           certs + "/b.crt\n");
  CHECK(holds(b.err.str(), "made the authority of cluster shop"));
  for (const auto* key : {"/ca.key", "/a.key", "/b.key"}) {
    CHECK(mode_of(certs + key) == 0600);
    CHECK(holds(content(certs + key), "BEGIN PRIVATE KEY"));
    CHECK_FALSE(holds(b.out.str() + b.err.str(), content(certs + key)));
  }
  CHECK(mode_of(certs) == 0700);
  for (auto purpose : {X509_PURPOSE_SSL_SERVER, X509_PURPOSE_SSL_CLIENT})
    CHECK(verified(certs + "/ca.crt", certs + "/a.crt", purpose) == "ok");
  CHECK(verified(certs + "/b.crt", certs + "/a.crt", X509_PURPOSE_SSL_SERVER) != "ok");
}

TEST_CASE("node certs adds nodes to an authority that is there") {
  scratch dir;
  bench first, second;
  REQUIRE(first.run({"node", "certs", dir.path(), "--cluster", "shop", "a"}) == exit_code::done);
  auto authority = content(dir.path() + "/ca.crt");
  REQUIRE(second.run({"node", "certs", dir.path(), "--cluster", "shop", "b"}) == exit_code::done);
  CHECK(second.out.str() == dir.path() + "/b.key\n" + dir.path() + "/b.crt\n");
  CHECK(holds(second.err.str(), "signed by the authority of cluster shop"));
  CHECK(content(dir.path() + "/ca.crt") == authority);
}

TEST_CASE("node certs overwrites nothing and says what is in the way") {
  scratch dir;
  bench first;
  REQUIRE(first.run({"node", "certs", dir.path(), "--cluster", "shop", "a"}) == exit_code::done);
  auto key = content(dir.path() + "/a.key");
  auto refused = [&](const std::vector<std::string>& arguments, exit_code code, const std::string& why) {
    bench b;
    CHECK(b.run(arguments) == code);
    CHECK(holds(b.err.str(), why));
    CHECK(b.out.str().empty());
    CHECK(content(dir.path() + "/a.key") == key);
    CHECK_FALSE(std::filesystem::exists(dir.path() + "/b.crt"));
  };
  SECTION("a node's file") {
    refused({"node", "certs", dir.path(), "--cluster", "shop", "b", "a"}, exit_code_of(errc::already_exists),
            "is not overwritten");
  }
  SECTION("a dangling link in a node's place") {
    std::filesystem::create_symlink("/nowhere/at/all", dir.path() + "/b.key");
    refused({"node", "certs", dir.path(), "--cluster", "shop", "b"}, exit_code_of(errc::already_exists), "is not overwritten");
  }
  SECTION("the authority of another cluster") {
    refused({"node", "certs", dir.path(), "--cluster", "market", "b"}, exit_code_of(errc::already_exists),
            "is of \"weir shop\", not of \"weir market\"");
  }
  SECTION("half an authority") {
    std::filesystem::remove(dir.path() + "/ca.key");
    refused({"node", "certs", dir.path(), "--cluster", "shop", "b"}, exit_code_of(errc::already_exists), "belong together");
  }
  SECTION("a bad name") {
    refused({"node", "certs", dir.path(), "--cluster", "shop", "b", "../x"}, exit_code::usage, "a name has 1 to 63 characters");
  }
  SECTION("the authority's name") {
    refused({"node", "certs", dir.path(), "--cluster", "shop", "b", "ca"}, exit_code::usage, "cannot be called ca");
  }
  SECTION("a name twice") {
    refused({"node", "certs", dir.path(), "--cluster", "shop", "b", "b"}, exit_code::usage, "named twice");
  }
  SECTION("no end") {
    refused({"node", "certs", dir.path(), "--cluster", "shop", "b", "--days", "0"}, exit_code::usage, "valid for 1 to 3650 days");
  }
}
