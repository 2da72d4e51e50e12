#include <sys/stat.h>
#include <unistd.h>
#include <cstdlib>
#include <fstream>
#include <weir/config/substitution.hpp>
#include "tests/catch.hpp"
#include "tests/config/config_fixture.hpp"

using namespace weir;
using namespace weir::test;

namespace {

constexpr const char* canary = "canary-7f3a91";

std::string kafka(const std::string& members) {
  return R"({"version": 1, "connections": {"main": {"type": "kafka", "brokers": "b:9092", )" + members +
         R"(}}, "services": [{"name": "one", "type": "sample", "settings": {"input": {"connection": "main", "topic": "in"}}}]})";
}

// A file of its own for one test, removed after it.
class secret_file {
 public:
  secret_file(const std::string& content, mode_t mode) {
    char name[] = "/tmp/weir-secret-XXXXXX";
    int fd = ::mkstemp(name);
    REQUIRE(fd >= 0);
    ::close(fd);
    path_ = name;
    std::ofstream(path_) << content;
    REQUIRE(::chmod(name, mode) == 0);
  }
  ~secret_file() { ::unlink(path_.c_str()); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

} // namespace

TEST_CASE("environment variables are substituted, with defaults") {
  variables v{{{"A", "alpha"}, {"EMPTY", ""}}};
  auto in = [&](std::string_view text) { return substitute(text, v.environment(), false); };
  CHECK(in("${env:A}").value().text == "alpha");
  CHECK(in("x-${env:A}/${env:A}").value().text == "x-alpha/alpha");
  CHECK(in("${env:B:-beta}").value().text == "beta");
  CHECK(in("${env:EMPTY:-beta}").value().text == "beta");
  CHECK(in("${env:EMPTY}").value().text.empty());
  CHECK(in("${env:B:-}").value().text.empty());
  CHECK(in("$${env:A} $5 $").value().text == "${env:A} $5 $");
  CHECK(in("${env:B}").err().message.find("variable B is not set") != std::string::npos);
  auto bad = GENERATE("${env:A", "${A}", "${}", "${env:}", "${env:1A}", "${exec:ls}", "${file:relative}");
  INFO(bad);
  CHECK(in(bad).err().code == errc::invalid_config);
}

TEST_CASE("a substituted value is not substituted again") {
  variables v{{{"A", "${env:B}"}, {"B", "beta"}}};
  CHECK(substitute("${env:A}", v.environment(), false).value().text == "${env:B}");
}

TEST_CASE("numbers and booleans may come from the environment") {
  variables v{{{"N", "5"}, {"F", "true"}, {"G", "none"}, {"BAD", canary}}};
  auto c = read(with_settings(R"("parallelism": "${env:N}", "fast": "${env:F}", "guarantee": "${env:G}")"), v);
  INFO(all_text(c));
  REQUIRE(c.ok());
  CHECK(sample_table().make(c.value.services[0].settings).parallelism == 5);
  CHECK(only_problem(read(with_settings(R"("parallelism": "${env:BAD}")"), v), "/services/0/settings/parallelism",
                     "must be a whole number, not '${env:BAD}'"));
}

TEST_CASE("a secret in plain text is refused and not shown") {
  auto members = GENERATE(R"("sasl.mechanism": "PLAIN", "sasl.password": "canary-7f3a91")",
                          R"("sasl.mechanism": "PLAIN", "sasl.password": "${env:X:-canary-7f3a91}")",
                          R"("sasl.mechanism": "PLAIN", "sasl.password": "canary-7f3a91${env:X}")",
                          R"("properties": {"ssl.keystore.password": "canary-7f3a91"})",
                          R"("properties": {"sasl.oauthbearer.client.secret": "canary-7f3a91"})");
  auto c = read(kafka(members), {{{"X", ""}}});
  INFO(members);
  REQUIRE(c.problems.size() == 1);
  CHECK(c.problems[0].message.find("is a secret") != std::string::npos);
  CHECK(all_text(c).find(canary) == std::string::npos);
}

TEST_CASE("a secret by environment or private file is taken") {
  secret_file file(std::string(canary) + "\n", 0600);
  auto c = read(kafka(R"("sasl.mechanism": "PLAIN", "sasl.username": "u", "sasl.password": "${file:)" + file.path() +
                      R"(}", "properties": {"ssl.keystore.password": "${env:P}"})"),
                {{{"P", "q"}}});
  INFO(all_text(c));
  REQUIRE(c.ok());
  CHECK(c.value.connections[0].options.at("sasl.password") == canary);
  CHECK(c.value.connections[0].properties.at("ssl.keystore.password") == "q");
}

TEST_CASE("a secret file that others can get at is refused") {
  auto mode = GENERATE(0604, 0644, 0660, 0602);
  secret_file file(canary, static_cast<mode_t>(mode));
  auto c = read(kafka(R"("sasl.mechanism": "PLAIN", "sasl.password": "${file:)" + file.path() + "}\""));
  CHECK(only_problem(c, "/connections/main/sasl.password", "other users can get at this secret"));
  CHECK(all_text(c).find(canary) == std::string::npos);
}

TEST_CASE("a secret file that is missing, too large or no file is refused") {
  auto message = [](const std::string& path) {
    return substitute("${file:" + path + "}", config_environment::of_process(), true).err().message;
  };
  CHECK(message("/nonexistent/secret").find("No such file") != std::string::npos);
  CHECK(message("/tmp").find("not a regular file") != std::string::npos);
  secret_file large(std::string(65 << 10, 'x'), 0600);
  CHECK(message(large.path()).find("larger than 64KiB") != std::string::npos);
}

// Whatever goes wrong around a secret, its value must not come out: the value is put into every place that quotes values.
TEST_CASE("the canary: a substituted value never appears in a problem") {
  variables v{{{"SECRET", canary},
               {"WEIR_CHECKPOINT_INTERVAL", canary},
               {"WEIR_LOGGING_LEVEL", canary},
               {"WEIR_MEMORY_LIMIT", canary},
               {"WEIR_RUNTIME_THREADS", canary}}};
  secret_file file(canary, 0600);
  for (const auto& written : {std::string("${env:SECRET}"), "${file:" + file.path() + "}"}) {
    for (const char* name : {"window", "cache", "parallelism", "fast", "start", "guarantee"}) {
      auto c = read(with_settings("\"" + std::string(name) + "\": \"" + written + "\""), v);
      INFO(name);
      CHECK_FALSE(c.ok());
      CHECK(all_text(c).find(canary) == std::string::npos);
    }
    for (const std::string& text : {R"({"version": ")" + written + R"(", "connections": {"m": {"type": ")" + written +
                                        R"("}}, "services": [{"name": ")" + written + R"(", "type": ")" + written + R"("}]})",
                                    with_settings(R"("start": {"timestamp": ")" + written + R"("}, "extra": {"connection": ")" +
                                                  written + R"(", "topic": "x"})")}) {
      auto c = read(text, v);
      CHECK_FALSE(c.ok());
      CHECK(all_text(c).find(canary) == std::string::npos);
    }
  }
}

TEST_CASE("the canary: a secret in a place of the wrong form is not quoted") {
  auto c = read(kafka(R"("sasl.mechanism": "PLAIN", "sasl.password": {"canary-7f3a91": "canary-7f3a91"})"));
  CHECK_FALSE(c.ok());
  CHECK(all_text(c).find(canary) == std::string::npos);
}
