# Warnings are errors and the program is hardened, in every build that is not a sanitizer's.
add_library(weir_flags INTERFACE)
target_compile_options(weir_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
                                            -Wimplicit-fallthrough -fno-omit-frame-pointer)
# GCC 12 reports false overflows inside inlined standard containers at -O2; the real ones are AddressSanitizer's to find.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(weir_flags INTERFACE -Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds
                                              -Wno-restrict -Wno-maybe-uninitialized -Wno-dangling-pointer)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG -g1")
# Of the sanitizers' trees: fast to compile, with line numbers.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g1")
if(WEIR_SANITIZE)
  add_compile_options(-fsanitize=${WEIR_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${WEIR_SANITIZE})
else()
  # Not with instrumentation, which makes GCC report paths that cannot happen.
  target_compile_options(weir_flags INTERFACE -Werror)
  add_compile_options(-fstack-protector-strong -D_GLIBCXX_ASSERTIONS)
  if(CMAKE_BUILD_TYPE STREQUAL "Release")
    add_compile_options(-D_FORTIFY_SOURCE=2)
  endif()
  add_link_options(-Wl,-z,relro,-z,now)
endif()
find_program(WEIR_CCACHE ccache)
if(WEIR_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${WEIR_CCACHE})
endif()
