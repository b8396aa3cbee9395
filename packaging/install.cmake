# What is installed: the program with its manual and completions (component "program"), and the
# library (components "library" and "development"). packaging/make_packages.sh makes .debs of them.
include(CMakePackageConfigHelpers)
set(CMAKE_INSTALL_LIBDIR lib)  # on Debian, too: the tarball and the packages are laid out alike
include(GNUInstallDirs)

# --- libtelpher.so: our modules and what they link statically, behind telpher/telpher.h ------------
# The release's objects are position-independent, so nothing is compiled twice.
add_library(telpher_shared SHARED $<TARGET_OBJECTS:telpher_library>)
target_link_libraries(telpher_shared PRIVATE telpher_session)
set(map ${CMAKE_CURRENT_LIST_DIR}/libtelpher.map)
target_link_options(telpher_shared PRIVATE -Wl,--version-script=${map} -Wl,-z,defs
                    -Wl,--gc-sections)
# Until 1.0 a minor version may break it.
set(interface_version ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
set_target_properties(telpher_shared PROPERTIES
  OUTPUT_NAME telpher EXPORT_NAME telpher VERSION ${PROJECT_VERSION}
  SOVERSION ${interface_version} LINK_DEPENDS ${map})
target_include_directories(telpher_shared INTERFACE $<INSTALL_INTERFACE:include>)
target_compile_features(telpher_shared INTERFACE cxx_std_20)

install(TARGETS telpher_shared EXPORT telpher
  LIBRARY DESTINATION lib COMPONENT library NAMELINK_COMPONENT development)
install(FILES ${PROJECT_SOURCE_DIR}/include/telpher/telpher.h DESTINATION include/telpher
  COMPONENT development)
# It needs nothing else to be found: the exported targets are the whole package.
install(EXPORT telpher NAMESPACE telpher:: FILE telpherConfig.cmake DESTINATION lib/cmake/telpher
  COMPONENT development)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/telpherConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
configure_file(${CMAKE_CURRENT_LIST_DIR}/telpher.pc.in ${CMAKE_BINARY_DIR}/telpher.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/telpherConfigVersion.cmake DESTINATION lib/cmake/telpher
  COMPONENT development)
install(FILES ${CMAKE_BINARY_DIR}/telpher.pc DESTINATION lib/pkgconfig COMPONENT development)

# --- the program, and what it says about itself ------------------------------------------------
set(said ${CMAKE_BINARY_DIR}/said)
add_custom_command(OUTPUT ${said}/telpher.1 ${said}/telpher ${said}/_telpher ${said}/telpher.fish
  DEPENDS telpher
  COMMAND ${CMAKE_COMMAND} -E make_directory ${said}
  COMMAND telpher help --man > ${said}/telpher.1
  COMMAND telpher completion bash > ${said}/telpher
  COMMAND telpher completion zsh > ${said}/_telpher
  COMMAND telpher completion fish > ${said}/telpher.fish)
add_custom_target(telpher_said DEPENDS ${said}/telpher.1)
add_custom_target(telpher_package DEPENDS telpher telpher_shared telpher_said)

install(TARGETS telpher DESTINATION bin COMPONENT program)
install(FILES ${said}/telpher.1 DESTINATION share/man/man1 COMPONENT program)
install(FILES ${said}/telpher DESTINATION share/bash-completion/completions COMPONENT program)
install(FILES ${said}/_telpher DESTINATION share/zsh/vendor-completions COMPONENT program)
install(FILES ${said}/telpher.fish DESTINATION share/fish/vendor_completions.d COMPONENT program)
install(FILES ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/CHANGELOG.md
  DESTINATION share/doc/telpher COMPONENT program)
