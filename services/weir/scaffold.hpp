#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>
#include <weir/core/result.hpp>
#include "services/weir/program.hpp"

namespace weir {

/// A file of a project: its path below the project's directory, and its text.
struct project_file {
  std::string path;
  std::string text;
};

/// A file of services/weir/templates as it was when the program was built. In path and text, `@name@` is the service's
/// name, `@id@` the name as an identifier of C++ and CMake, `@version@` the version of Weir.
struct project_template {
  service_kind kind;
  std::string_view path;
  std::string_view text;
};

/// All templates; made by cmake/embed_templates.cmake.
[[nodiscard]] std::span<const project_template> project_templates();

/// The name as an identifier: `-` becomes `_`, and `_service` follows where the word alone means something to C++, CMake or
/// the project's own code.
[[nodiscard]] std::string identifier_of(std::string_view name);

/// The files of the project of a new service. Errors: invalid_argument when the name is not 1 to 48 lower-case letters,
/// digits and single `-`, beginning with a letter and not ending with `-`.
result<std::vector<project_file>> scaffold(std::string_view name, service_kind kind);

/// Makes the directory, with those above it, and the files in it. Errors: already_exists when something is at the path,
/// which stays as it is; unavailable when the disk refuses, then what was written is removed again. Blocks on the disk.
result<> write_project(const std::string& directory, const std::vector<project_file>& files);

} // namespace weir
