# Writes OUTPUT, C++ that holds the files below ROOT/job and ROOT/actor as they are: cmake -DROOT=… -DOUTPUT=… -P this.
# A file x is called x.in in the tree, so that no tool takes it for code of Weir.
set(entries "")
foreach(kind job actor)
  file(GLOB_RECURSE paths RELATIVE ${ROOT}/${kind} ${ROOT}/${kind}/*.in)
  list(SORT paths)
  foreach(path IN LISTS paths)
    file(READ ${ROOT}/${kind}/${path} text)
    string(FIND "${text}" ")embedded\"" ends_early)
    if(NOT ends_early EQUAL -1)
      message(FATAL_ERROR "${path} holds the delimiter )embedded\"")
    endif()
    string(REGEX REPLACE "\\.in$" "" path "${path}")
    string(APPEND entries "    {service_kind::${kind}, \"${path}\", R\"embedded(${text})embedded\"},\n")
  endforeach()
endforeach()
file(WRITE ${OUTPUT} "// Generated from services/weir/templates.
#include <array>
#include \"services/weir/scaffold.hpp\"

namespace weir {
std::span<const project_template> project_templates() {
  static constexpr auto all = std::to_array<project_template>({
${entries}  });
  return all;
}
} // namespace weir
")
