#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <weir/config/substitution.hpp>

namespace weir {
namespace {

constexpr std::size_t max_file_bytes = std::size_t{64} << 10;

struct descriptor {
  int fd;
  ~descriptor() {
    if (fd >= 0)
      ::close(fd);
  }
};

error bad(std::string message) { return {errc::invalid_config, std::move(message)}; }

result<std::string> read_value_file(const std::string& path, bool private_file) {
  if (path.empty() || path.front() != '/')
    return bad("${file:" + path + "}: the path must begin with /");
  // Not blocking on a pipe that nobody writes to; it is refused below.
  descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0)
    return bad("${file:" + path + "}: " + std::strerror(errno));
  struct stat facts {};
  if (::fstat(file.fd, &facts) != 0)
    return bad("${file:" + path + "}: " + std::strerror(errno));
  if (!S_ISREG(facts.st_mode))
    return bad("${file:" + path + "}: is not a regular file");
  if (private_file && (facts.st_mode & (S_IRWXO | S_IWGRP)) != 0)
    return bad("${file:" + path + "}: other users can get at this secret; chmod 600 it (or 640)");
  std::string content(max_file_bytes + 1, '\0');
  std::size_t used = 0;
  while (used < content.size()) {
    auto n = ::read(file.fd, content.data() + used, content.size() - used);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return bad("${file:" + path + "}: " + std::strerror(errno));
    if (n == 0)
      break;
    used += static_cast<std::size_t>(n);
  }
  if (used > max_file_bytes)
    return bad("${file:" + path + "}: is larger than 64KiB");
  content.resize(used);
  if (content.ends_with('\n'))
    content.pop_back();
  if (content.ends_with('\r'))
    content.pop_back();
  return content;
}

bool is_variable_name(std::string_view name) {
  for (std::size_t i = 0; i < name.size(); ++i) {
    char c = name[i];
    bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
    if (!letter && (i == 0 || c < '0' || c > '9'))
      return false;
  }
  return !name.empty();
}

result<> substitute_one(std::string_view inside, const config_environment& environment, bool private_file, substituted& out) {
  auto whole = "${" + std::string(inside) + "}";
  out.any = true;
  if (inside.starts_with("file:")) {
    WEIR_ASSIGN(auto content, read_value_file(std::string(inside.substr(5)), private_file));
    out.text += content;
    return success();
  }
  if (!inside.starts_with("env:"))
    return bad("'" + whole + "' is none of ${env:NAME}, ${env:NAME:-default}, ${file:/path}; for a plain '${' write '$${'");
  inside.remove_prefix(4);
  auto split = inside.find(":-");
  auto name = std::string(inside.substr(0, split));
  if (!is_variable_name(name))
    return bad("'" + whole + "' does not name an environment variable");
  auto value = environment.variable(name);
  if (split != std::string_view::npos && (!value || value->empty())) {
    auto fallback = inside.substr(split + 2);
    out.text += fallback;
    out.literal = out.literal || !fallback.empty();
    return success();
  }
  if (!value)
    return bad("the environment variable " + name + " is not set; set it or write ${env:" + name + ":-default}");
  out.text += *value;
  return success();
}

} // namespace

result<substituted> substitute(std::string_view text, const config_environment& environment, bool private_file) {
  substituted out;
  while (!text.empty()) {
    if (text.starts_with("$${")) {
      out.text += "${";
      out.literal = true;
      text.remove_prefix(3);
    } else if (text.starts_with("${")) {
      auto close = text.find('}');
      if (close == std::string_view::npos)
        return bad("a '${' has no '}'; for a plain '${' write '$${'");
      WEIR_TRY(substitute_one(text.substr(2, close - 2), environment, private_file, out));
      text.remove_prefix(close + 1);
    } else {
      out.text += text.front();
      out.literal = true;
      text.remove_prefix(1);
    }
  }
  return out;
}

} // namespace weir
