# The libraries of the distribution, found by pkg-config but for those that speak CMake themselves.
find_package(PkgConfig REQUIRED)
find_package(absl REQUIRED)
find_package(fmt REQUIRED)

foreach(module libnftables libnftnl libmnl libnetfilter_conntrack libnetfilter_log
               libnetfilter_queue re2 libpsl libidn2 tomlplusplus nlohmann_json ldns libseccomp
               ncursesw)
  pkg_check_modules(${module} REQUIRED IMPORTED_TARGET ${module})
endforeach()
set(instrumented_ldns ${PROJECT_BINARY_DIR}/ldns)
if(DNSPIN_FLAVOR STREQUAL "fuzz" AND EXISTS ${instrumented_ldns}/libldns.a)  # fuzz/build_ldns.sh
  set_target_properties(
    PkgConfig::ldns
    PROPERTIES INTERFACE_LINK_LIBRARIES "${instrumented_ldns}/libldns.a;ssl;crypto"
               INTERFACE_INCLUDE_DIRECTORIES ${instrumented_ldns}/source)
endif()
if(NOT DNSPIN_FLAVOR STREQUAL "fuzz")
  pkg_check_modules(gtest_main REQUIRED IMPORTED_TARGET gtest_main)
endif()

# Abseil's shared libraries are 28 small ones, which every reader would load and relocate for itself:
# half of its start, and pages of its own. Where the distribution has archives too, these are it.
get_directory_property(imported IMPORTED_TARGETS)
foreach(target IN LISTS imported)
  if(NOT target MATCHES "^absl::")
    continue()
  endif()
  get_target_property(configurations ${target} IMPORTED_CONFIGURATIONS)
  foreach(configuration IN LISTS configurations)
    get_target_property(shared ${target} IMPORTED_LOCATION_${configuration})
    string(REGEX REPLACE "\\.so.*$" ".a" archive "${shared}")
    if(EXISTS "${archive}")
      set_target_properties(${target} PROPERTIES IMPORTED_LOCATION_${configuration} "${archive}")
    endif()
  endforeach()
endforeach()

# Abseil's parts that any folder may use.
add_library(dnspin_absl INTERFACE)
target_link_libraries(
  dnspin_absl INTERFACE absl::status absl::statusor absl::strings absl::hash absl::flat_hash_map
                        absl::flat_hash_set absl::inlined_vector absl::any_invocable)
