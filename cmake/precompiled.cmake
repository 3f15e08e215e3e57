# Headers that nearly every source reads, read once: half of a build was their parsing. Packages are
# built without, so that each source still includes what it uses.

# dnspin_reads_precompiled(TARGET...)
function(dnspin_reads_precompiled)
  if(TARGET dnspin_precompiled)
    foreach(target ${ARGN})
      target_precompile_headers(${target} REUSE_FROM dnspin_precompiled)
      target_compile_options(${target} PRIVATE ${precompiled_options})
    endforeach()
  endif()
endfunction()

# dnspin_tests_read_precompiled(TARGET...): in the release flavor they are compiled otherwise.
function(dnspin_tests_read_precompiled)
  if(DNSPIN_FLAVOR STREQUAL "asan")
    dnspin_reads_precompiled(${ARGN})
  endif()
endfunction()

if(NOT DNSPIN_FLAVOR STREQUAL "fuzz" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU"
   AND NOT CMAKE_DISABLE_PRECOMPILE_HEADERS)
  set(headers
      <algorithm> <chrono> <functional> <map> <memory> <optional> <set> <span> <string> <utility>
      <variant> <vector> <absl/container/flat_hash_map.h> <absl/status/status.h>
      <absl/status/statusor.h> <fmt/format.h>)
  set(precompiled_options -pthread -fpch-preprocess)  # alike for all, or it is not read
  if(DNSPIN_FLAVOR STREQUAL "asan")
    list(APPEND headers <gtest/gtest.h>)
    list(APPEND precompiled_options -DGTEST_HAS_PTHREAD=1)
  endif()
  set(source ${PROJECT_BINARY_DIR}/precompiled.cc)
  file(CONFIGURE OUTPUT ${source} CONTENT "")
  add_library(dnspin_precompiled OBJECT ${source})
  target_link_libraries(dnspin_precompiled PRIVATE dnspin_options dnspin_absl fmt::fmt)
  target_compile_options(dnspin_precompiled PRIVATE ${precompiled_options})
  target_precompile_headers(dnspin_precompiled PRIVATE ${headers})
endif()
