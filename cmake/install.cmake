# What `cmake --install` and the package hold: the program, one library (weir::weir), what tests need (weir::testing), what plain CAF actors need (weir::caf), the
# headers a user's code reaches, CMake files for find_package(weir CONFIG), configurations, units and manifests, documents.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(WEIR_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/weir)

# How a user's build finds what Weir links: the tree's target, the arguments of find_dependency, the target it makes.
set(weir_finds
    "Threads::Threads|Threads|Threads::Threads"
    "fmt::fmt|fmt|fmt::fmt"
    "spdlog::spdlog|spdlog|spdlog::spdlog"
    "simdjson::simdjson|simdjson|simdjson::simdjson"
    "Boost::boost|Boost 1.81|Boost::headers"
    "Boost::json|Boost 1.81 COMPONENTS json|Boost::json"
    "OpenSSL::SSL|OpenSSL|OpenSSL::SSL"
    "OpenSSL::Crypto|OpenSSL|OpenSSL::Crypto"
    "caf::core|CAF|caf::core"
    "PkgConfig::lmdb|LMDB|LMDB::lmdb"
    "PkgConfig::rdkafka|RdKafka|RdKafka::rdkafka"
    "PkgConfig::xxhash|XxHash|XxHash::xxhash"
    "PkgConfig::prometheus|PrometheusCpp|PrometheusCpp::core")
# Used while Weir is compiled, and nothing of it is left to link.
set(weir_finds_nothing weir_flags CLI11::CLI11)

# All parts of Weir behind a target, and the foreign targets they link, each once.
function(weir_closure target parts foreign)
  set(open ${target})
  set(seen "")
  set(ours "")
  set(others "")
  while(open)
    list(POP_FRONT open next)
    string(REGEX REPLACE "^\\$<LINK_ONLY:(.*)>$" "\\1" next ${next})
    if(next IN_LIST seen OR next IN_LIST weir_finds_nothing)
      continue()
    endif()
    list(APPEND seen ${next})
    if(next MATCHES "^weir_")
      list(APPEND ours ${next})
      get_target_property(links ${next} INTERFACE_LINK_LIBRARIES)
      if(links)
        list(APPEND open ${links})
      endif()
    else()
      list(APPEND others ${next})
    endif()
  endwhile()
  set(${parts} ${ours} PARENT_SCOPE)
  set(${foreign} ${others} PARENT_SCOPE)
endfunction()

# The objects of the given parts of Weir as one library, with the foreign libraries it needs under the names of an installation.
function(weir_library target name parts foreign)
  set(objects "")
  foreach(part IN LISTS ${parts})
    get_target_property(type ${part} TYPE)
    if(type STREQUAL "STATIC_LIBRARY")
      list(APPEND objects $<TARGET_OBJECTS:${part}>)
    endif()
  endforeach()
  add_library(${target} STATIC ${objects})
  set_target_properties(${target} PROPERTIES LINKER_LANGUAGE CXX OUTPUT_NAME ${name} EXPORT_NAME ${ARGV4})
  target_compile_features(${target} INTERFACE cxx_std_20)
  target_include_directories(${target} INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  foreach(other IN LISTS ${foreign})
    set(found FALSE)
    foreach(row IN LISTS weir_finds)
      string(REPLACE "|" ";" row "${row}")
      list(GET row 0 here)
      if(here STREQUAL other)
        list(GET row 1 package)
        list(GET row 2 there)
        target_link_libraries(${target} INTERFACE $<INSTALL_INTERFACE:${there}>)
        set_property(GLOBAL APPEND PROPERTY weir_find_dependencies "find_dependency(${package})")
        set(found TRUE)
      endif()
    endforeach()
    if(NOT found)
      message(FATAL_ERROR "${other} is linked by Weir: say in weir_finds of cmake/install.cmake how a user's build finds it")
    endif()
  endforeach()
  install(TARGETS ${target} EXPORT weirTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  # CMake strips programs and shared libraries only; of an archive, names must stay and line numbers may go.
  install(CODE "if(CMAKE_INSTALL_DO_STRIP)
  execute_process(COMMAND \"${CMAKE_STRIP}\" -g \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/lib${name}.a\" COMMAND_ERROR_IS_FATAL ANY)
endif()")
endfunction()

weir_closure(weir_program program_parts program_foreign)
weir_closure(weir_testing testing_parts testing_foreign)
list(REMOVE_ITEM testing_parts ${program_parts})
list(REMOVE_ITEM testing_foreign ${program_foreign})
weir_library(weir_installed weir program_parts program_foreign weir)
weir_library(weir_installed_testing weir_testing testing_parts testing_foreign testing)
target_link_libraries(weir_installed_testing INTERFACE weir_installed)
# weir::caf, for those who include <weir/caf.hpp>: its code is in weir::weir, which runs the actors.
add_library(weir_installed_caf INTERFACE)
set_target_properties(weir_installed_caf PROPERTIES EXPORT_NAME caf)
target_link_libraries(weir_installed_caf INTERFACE weir_installed $<INSTALL_INTERFACE:caf::core>)
install(TARGETS weir_installed_caf EXPORT weirTargets)

get_property(WEIR_FIND_DEPENDENCIES GLOBAL PROPERTY weir_find_dependencies)
list(REMOVE_DUPLICATES WEIR_FIND_DEPENDENCIES)
list(JOIN WEIR_FIND_DEPENDENCIES "\n" WEIR_FIND_DEPENDENCIES)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/weirConfig.cmake.in ${CMAKE_BINARY_DIR}/cmake/weirConfig.cmake
                              INSTALL_DESTINATION ${WEIR_CMAKE_DIR} NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor release may change what users write.
write_basic_package_version_file(${CMAKE_BINARY_DIR}/cmake/weirConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/cmake/weirConfig.cmake ${CMAKE_BINARY_DIR}/cmake/weirConfigVersion.cmake
        DESTINATION ${WEIR_CMAKE_DIR})
install(DIRECTORY ${CMAKE_CURRENT_LIST_DIR}/modules/ DESTINATION ${WEIR_CMAKE_DIR} FILES_MATCHING PATTERN "Find*.cmake")
install(EXPORT weirTargets NAMESPACE weir:: DESTINATION ${WEIR_CMAKE_DIR})

# The headers that users name; those they include come along, the others stay private.
install(CODE "set(weir_include \"${CMAKE_INSTALL_INCLUDEDIR}\")\nset(weir_tree \"${CMAKE_BINARY_DIR}/include\")
set(weir_public_headers weir/weir.hpp weir/program.hpp weir/testing/local_run.hpp weir/testing/operator_kit.hpp weir/services/actor_service.hpp weir/caf.hpp)
set(weir_caf_headers weir/caf.hpp weir/caf/hosted_service.hpp)")
install(SCRIPT ${CMAKE_CURRENT_LIST_DIR}/install_headers.cmake)

install(TARGETS weir RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY config/ DESTINATION ${CMAKE_INSTALL_DATADIR}/weir/config FILES_MATCHING PATTERN "*.json")
install(DIRECTORY deploy/kubernetes DESTINATION ${CMAKE_INSTALL_DATADIR}/weir)
# Where systemd looks, below /usr and /usr/local: lib, whatever the libraries' folder is called.
install(FILES deploy/systemd/weir@.service deploy/systemd/weir-node@.service DESTINATION lib/systemd/system)
install(FILES deploy/systemd/weir.sysusers DESTINATION lib/sysusers.d RENAME weir.conf)
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)
