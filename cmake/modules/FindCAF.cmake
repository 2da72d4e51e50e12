# The C++ Actor Framework (core), which Debian packages without CMake files: caf::core. CAF_ROOT may say where it is.
find_path(CAF_INCLUDE_DIR caf/actor_system.hpp)
find_library(CAF_CORE_LIBRARY NAMES caf_core caf_core_static)
mark_as_advanced(CAF_INCLUDE_DIR CAF_CORE_LIBRARY)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(CAF REQUIRED_VARS CAF_CORE_LIBRARY CAF_INCLUDE_DIR REASON_FAILURE_MESSAGE "On Debian: apt-get install libcaf-dev")
if(CAF_FOUND AND NOT TARGET caf::core)
  find_package(Threads REQUIRED)
  add_library(caf::core UNKNOWN IMPORTED)
  set_target_properties(caf::core PROPERTIES IMPORTED_LOCATION ${CAF_CORE_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${CAF_INCLUDE_DIR}
                                             INTERFACE_LINK_LIBRARIES Threads::Threads)
endif()
