#include "actors/nodes/token.hpp"
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <cstring>
#include "actors/nodes/secure_socket.hpp"

namespace weir {
namespace {

constexpr std::size_t shortest_secret = 32;
constexpr std::size_t longest_secret = 4096;

error bad(const std::string& file, const std::string& why) { return {errc::invalid_config, "token file " + file + ": " + why}; }

} // namespace

result<node_token> node_token::load(const std::string& file) {
  unique_fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat s {};
  if (!fd || ::fstat(fd.value(), &s) != 0)
    return bad(file, std::strerror(errno));
  if ((s.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return bad(file, "others than its owner may read it: chmod 600 it");
  node_token t;
  t.secret_.resize(longest_secret);
  auto n = ::read(fd.value(), t.secret_.data(), t.secret_.size());
  if (n < 0)
    return bad(file, std::strerror(errno));
  t.secret_.resize(static_cast<std::size_t>(n));
  while (!t.secret_.empty() && (t.secret_.back() == '\n' || t.secret_.back() == '\r'))
    t.secret_.pop_back();
  if (t.secret_.size() < shortest_secret)
    return bad(file, "holds less than 32 bytes: remove it, and a new one is made");
  return t;
}

result<> node_token::make(const std::string& file) {
  std::array<unsigned char, 32> random{};
  if (::RAND_bytes(random.data(), random.size()) != 1)
    return error{errc::unavailable, "no random numbers: " + openssl_failure()};
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (auto b : random) {
    text += digits[b >> 4];
    text += digits[b & 15];
  }
  text += '\n';
  // Whole or not at all: two nodes may start at once.
  auto draft = file + "." + text.substr(0, 16);
  unique_fd fd(::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd || ::write(fd.value(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) || ::fsync(fd.value()) != 0)
    return error{errc::unavailable, file + ": " + std::strerror(errno)};
  auto linked = ::link(draft.c_str(), file.c_str()) == 0 || errno == EEXIST;
  auto why = errno;
  ::unlink(draft.c_str());
  return linked ? success() : result<>{errc::unavailable, file + ": " + std::strerror(why)};
}

std::string node_token::proof(std::string_view text) const {
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned int size = 0;
  ::HMAC(::EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()), reinterpret_cast<const unsigned char*>(text.data()),
         text.size(), mac.data(), &size);
  return {reinterpret_cast<const char*>(mac.data()), size};
}

bool node_token::proves(std::string_view proof_given, std::string_view text) const {
  auto expected = proof(text);
  return expected.size() == proof_given.size() && ::CRYPTO_memcmp(expected.data(), proof_given.data(), expected.size()) == 0;
}

} // namespace weir
