#include "services/weir/scaffold.hpp"
#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace weir {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t longest_name = 48;

// Words of C++; names that CMake keeps for its own targets; names that others hold at the global level.
constexpr auto taken_words = std::to_array<std::string_view>({
    "alignas",
    "alignof",
    "and",
    "asm",
    "auto",
    "bitand",
    "bitor",
    "bool",
    "break",
    "case",
    "catch",
    "char",
    "char16_t",
    "char32_t",
    "char8_t",
    "class",
    "co_await",
    "co_return",
    "co_yield",
    "compl",
    "const_cast",
    "dynamic_cast",
    "reinterpret_cast",
    "static_cast",
    "static_assert",
    "thread_local",
    "wchar_t",
    "and_eq",
    "not_eq",
    "or_eq",
    "xor_eq",
    "concept",
    "const",
    "consteval",
    "constexpr",
    "constinit",
    "continue",
    "decltype",
    "default",
    "delete",
    "do",
    "double",
    "else",
    "enum",
    "explicit",
    "export",
    "extern",
    "false",
    "float",
    "for",
    "friend",
    "goto",
    "if",
    "inline",
    "int",
    "long",
    "mutable",
    "namespace",
    "new",
    "noexcept",
    "not",
    "nullptr",
    "operator",
    "or",
    "private",
    "protected",
    "public",
    "register",
    "requires",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "struct",
    "switch",
    "template",
    "this",
    "throw",
    "true",
    "try",
    "typedef",
    "typeid",
    "typename",
    "union",
    "unsigned",
    "using",
    "virtual",
    "void",
    "volatile",
    "while",
    "xor",
    "all",
    "clean",
    "codegen",
    "depend",
    "edit_cache",
    "help",
    "install",
    "package",
    "package_source",
    "preinstall",
    "rebuild_cache",
    "test",
    "boost",
    "caf",
    "fmt",
    "linux",
    "main",
    "spdlog",
    "std",
    "unix",
    "weir",
});

bool lower(char c) { return c >= 'a' && c <= 'z'; }
bool digit(char c) { return c >= '0' && c <= '9'; }

result<> check_name(std::string_view name) {
  auto good = !name.empty() && name.size() <= longest_name && lower(name.front()) && name.back() != '-' &&
              name.find("--") == std::string_view::npos &&
              std::all_of(name.begin(), name.end(), [](char c) { return lower(c) || digit(c) || c == '-'; });
  if (good)
    return success();
  return {errc::invalid_argument, "'" + std::string(name) +
                                      "' cannot be the name of a service: take 1 to 48 lower-case letters, digits and single "
                                      "'-', beginning with a letter, as in order-totals"};
}

void replace_all(std::string& text, std::string_view word, std::string_view by) {
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + by.size()))
    text.replace(at, word.size(), by);
}

error disk_error(const std::string& path, const std::string& what, const std::error_code& why) {
  return {errc::unavailable, path + " " + what + ": " + why.message()};
}

result<> write_file(const fs::path& path, const std::string& text) {
  std::error_code failed;
  fs::create_directories(path.parent_path(), failed);
  if (failed)
    return disk_error(path.parent_path().string(), "could not be made", failed);
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  if (!out)
    return disk_error(path.string(), "could not be written", {errno, std::generic_category()});
  return success();
}

} // namespace

std::string identifier_of(std::string_view name) {
  std::string out(name);
  std::replace(out.begin(), out.end(), '-', '_');
  if (std::find(taken_words.begin(), taken_words.end(), out) != taken_words.end())
    out += "_service";
  return out;
}

result<std::vector<project_file>> scaffold(std::string_view name, service_kind kind) {
  WEIR_TRY(check_name(name));
  auto id = identifier_of(name);
  std::vector<project_file> files;
  for (const auto& t : project_templates()) {
    if (t.kind != kind)
      continue;
    project_file file{std::string(t.path), std::string(t.text)};
    for (auto* text : {&file.path, &file.text}) {
      replace_all(*text, "@name@", name);
      replace_all(*text, "@id@", id);
      replace_all(*text, "@version@", WEIR_VERSION);
    }
    files.push_back(std::move(file));
  }
  return files;
}

result<> write_project(const std::string& directory, const std::vector<project_file>& files) {
  auto root = fs::path(directory).lexically_normal();
  if (!root.has_filename()) // "x/" and "x" are one directory.
    root = root.parent_path();
  std::error_code failed;
  if (fs::symlink_status(root, failed).type() != fs::file_type::not_found)
    return {errc::already_exists, root.string() + " exists already; nothing was written. Remove it or choose another by --dir"};
  if (auto above = root.parent_path(); !above.empty()) {
    fs::create_directories(above, failed);
    if (failed)
      return disk_error(above.string(), "could not be made", failed);
  }
  // Only one process makes it: whatever is in it after this is ours.
  auto made = fs::create_directory(root, failed);
  if (failed)
    return disk_error(root.string(), "could not be made", failed);
  if (!made)
    return {errc::already_exists, root.string() + " exists already; nothing was written. Remove it or choose another by --dir"};
  for (const auto& file : files)
    if (auto written = write_file(root / file.path, file.text); !written) {
      fs::remove_all(root, failed);
      return written;
    }
  return success();
}

} // namespace weir
