# What `cmake --install` puts where, for packages (packaging/debian, packaging/rpm). What is Qubes
# OS's alone: packaging/qubes/install.sh --netvm.
include(GNUInstallDirs)
set(DNSPIN_ZSH_DIR ${CMAKE_INSTALL_DATADIR}/zsh/site-functions CACHE STRING "Zsh's completions")
set(packaging ${PROJECT_SOURCE_DIR}/packaging)
set(units lib/systemd/system)

install(TARGETS dnspind dnspin-resolver DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/dnspin)
install(PROGRAMS ${packaging}/dnspin-refresh DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/dnspin)
install(TARGETS dnspin DESTINATION ${CMAKE_INSTALL_BINDIR})
foreach(section 1 5 8)
  file(GLOB pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/man/*.${section})
  install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()
install(FILES ${packaging}/router.toml DESTINATION ${CMAKE_INSTALL_DATADIR}/dnspin)
install(DIRECTORY ${packaging}/profiles.d DESTINATION /etc/dnspin)  # where dnspind looks

# systemd looks below /usr/lib, whatever CMAKE_INSTALL_LIBDIR is.
install(FILES ${packaging}/dnspin.service ${packaging}/dnspin-refresh@.service
              ${packaging}/dnspin-refresh@.timer DESTINATION ${units})
install(FILES ${packaging}/qubes/sandbox.conf ${packaging}/closed-router.nft DESTINATION lib/dnspin)
install(FILES ${packaging}/qubes/sysusers.conf DESTINATION lib/sysusers.d RENAME dnspin.conf)
install(FILES ${packaging}/qubes/tmpfiles.conf DESTINATION lib/tmpfiles.d RENAME dnspin.conf)

# dnspin_install_link(TEXT PATH)
function(dnspin_install_link text path)
  get_filename_component(folder ${path} DIRECTORY)
  install(
    CODE "set(root \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}\")
file(MAKE_DIRECTORY \"\${root}/${folder}\")
file(CREATE_LINK ${text} \"\${root}/${path}\" SYMBOLIC)")
endfunction()
dnspin_install_link(../../../dnspin/sandbox.conf ${units}/dnspin.service.d/sandbox.conf)
# dnspind is called by hand for --check and --teardown: where root's PATH finds it.
dnspin_install_link(../${CMAKE_INSTALL_LIBEXECDIR}/dnspin/dnspind ${CMAKE_INSTALL_SBINDIR}/dnspind)

# The program itself writes them, where it runs on the machine that builds it.
function(dnspin_install_completion shell path)
  install(
    CODE "execute_process(COMMAND $<TARGET_FILE:dnspin> completion ${shell} RESULT_VARIABLE failed
                                OUTPUT_VARIABLE script ERROR_QUIET)
if(NOT failed AND NOT script STREQUAL \"\")
  file(WRITE \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${path}\" \"\${script}\")
endif()")
endfunction()
dnspin_install_completion(bash ${CMAKE_INSTALL_DATADIR}/bash-completion/completions/dnspin)
dnspin_install_completion(zsh ${DNSPIN_ZSH_DIR}/_dnspin)
dnspin_install_completion(fish ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d/dnspin.fish)
