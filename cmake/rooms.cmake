# A folder is a room of the house: one static library of all its .cc files but main.cc, and, where
# there is a main.cc, one program.

# dnspin_room(NAME LIBRARY...): the library dnspin_NAME of this folder.
function(dnspin_room name)
  file(GLOB sources CONFIGURE_DEPENDS *.cc)
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
  if(sources)
    add_library(dnspin_${name} STATIC ${sources})
    target_link_libraries(dnspin_${name} PUBLIC dnspin_options ${ARGN})
    dnspin_reads_precompiled(dnspin_${name})
  else()
    add_library(dnspin_${name} INTERFACE)
    target_link_libraries(dnspin_${name} INTERFACE dnspin_options ${ARGN})
  endif()
endfunction()

# dnspin_program(NAME LIBRARY...): the program of this folder's main.cc; target `programs` is all of them.
add_custom_target(programs)
function(dnspin_program name)
  file(GLOB source CONFIGURE_DEPENDS main.cc)
  if(source AND NOT DNSPIN_FLAVOR STREQUAL "fuzz")
    add_executable(${name} ${source})
    target_link_libraries(${name} PRIVATE dnspin_options ${ARGN})
    dnspin_reads_precompiled(${name})
    add_dependencies(programs ${name})
  endif()
endfunction()
