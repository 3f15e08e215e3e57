# Headers that nearly every source of the asan flavor reads, read once: half of its build was their
# parsing. The release flavor has none, so that each source still includes what it uses.

# dnspin_reads_precompiled(TARGET...)
function(dnspin_reads_precompiled)
  if(TARGET dnspin_precompiled)
    foreach(target ${ARGN})
      target_precompile_headers(${target} REUSE_FROM dnspin_precompiled)
      target_compile_options(${target} PRIVATE ${precompiled_options})
    endforeach()
  endif()
endfunction()

if(DNSPIN_FLAVOR STREQUAL "asan" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU"
   AND NOT CMAKE_DISABLE_PRECOMPILE_HEADERS)
  set(precompiled_options -pthread -DGTEST_HAS_PTHREAD=1 -fpch-preprocess)  # alike for all, or unread
  set(source ${PROJECT_BINARY_DIR}/precompiled.cc)
  file(CONFIGURE OUTPUT ${source} CONTENT "")
  add_library(dnspin_precompiled OBJECT ${source})
  target_link_libraries(dnspin_precompiled PRIVATE dnspin_options dnspin_absl fmt::fmt)
  target_compile_options(dnspin_precompiled PRIVATE ${precompiled_options})
  target_precompile_headers(
    dnspin_precompiled PRIVATE
    <algorithm> <chrono> <functional> <map> <memory> <optional> <set> <span> <string> <utility>
    <variant> <vector> <absl/container/flat_hash_map.h> <absl/status/status.h>
    <absl/status/statusor.h> <fmt/format.h> <gtest/gtest.h>)
endif()
