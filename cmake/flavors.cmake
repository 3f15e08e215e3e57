# Compiler and linker options of each flavor, as the target dnspin_options that everything links.
include(CheckCXXCompilerFlag)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})

# dnspin_compile_fast(SOURCE...): tests need no optimizing of their own; what they test has it.
function(dnspin_compile_fast)
  if(DNSPIN_FLAVOR STREQUAL "release")
    set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS "-O0;-U_FORTIFY_SOURCE")
  endif()
endfunction()

find_program(CCACHE ccache)
if(CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  # What ccache wants of precompiled headers (cmake/precompiled.cmake).
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros
                                  ${CCACHE})
endif()

add_library(dnspin_options INTERFACE)
target_include_directories(dnspin_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(dnspin_options INTERFACE DNSPIN_VERSION="${PROJECT_VERSION}")
target_compile_options(dnspin_options INTERFACE -Wall -Wextra -Wconversion -Wshadow -Werror)

# Options that a compiler or a processor may not know.
function(dnspin_option_if_known option)
  string(MAKE_C_IDENTIFIER "knows${option}" known)
  check_cxx_compiler_flag("${option} -Werror" ${known})
  if(${known})
    target_compile_options(dnspin_options INTERFACE ${option})
  endif()
endfunction()

if(DNSPIN_FLAVOR STREQUAL "release")
  # A distribution may have set its own _FORTIFY_SOURCE; twice is an error. -g1: what a backtrace needs.
  target_compile_options(
    dnspin_options
    INTERFACE -O2 -g1 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -D_GLIBCXX_ASSERTIONS -fPIE
              -fstack-protector-strong)
  dnspin_option_if_known(-ftrivial-auto-var-init=zero)
  dnspin_option_if_known(-fstack-clash-protection)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|i.86)$")
    dnspin_option_if_known(-fcf-protection)
  endif()
  target_link_options(dnspin_options INTERFACE -pie LINKER:-z,relro,-z,now,-z,noexecstack)
elseif(DNSPIN_FLAVOR STREQUAL "asan")
  # -Og: g++ takes half the time of -O1 here, and the tests run as fast.
  set(sanitize -fsanitize=address,undefined -fno-sanitize-recover=all)
  target_compile_options(dnspin_options INTERFACE -Og -g1 -fno-omit-frame-pointer
                                                  -D_GLIBCXX_ASSERTIONS ${sanitize})
  target_link_options(dnspin_options INTERFACE ${sanitize})
elseif(DNSPIN_FLAVOR STREQUAL "fuzz")
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "libFuzzer is clang's: configure with -DCMAKE_CXX_COMPILER=clang++")
  endif()
  set(sanitize -fsanitize=address,undefined -fno-sanitize-recover=all)
  target_compile_options(dnspin_options INTERFACE -O1 -g -fno-omit-frame-pointer
                                                  -D_GLIBCXX_ASSERTIONS
                                                  -fsanitize=fuzzer-no-link ${sanitize})
  target_link_options(dnspin_options INTERFACE ${sanitize})
else()
  message(FATAL_ERROR "DNSPIN_FLAVOR is '${DNSPIN_FLAVOR}'; known are release, asan and fuzz")
endif()
