# Makes a C++ source of files, so that they travel within the program:
#   cmake -DOUT=x.cc -DHEADER=server/page_files.h -DNAME=page_files -DROOT=web/dist -P embed.cmake
# defines `std::span<const EmbeddedFile> NAME()` with all files below ROOT (or the one that ROOT is).
if(IS_DIRECTORY ${ROOT})
  file(GLOB_RECURSE files RELATIVE ${ROOT} ${ROOT}/*)
else()
  get_filename_component(files ${ROOT} NAME)
  get_filename_component(ROOT ${ROOT} DIRECTORY)
endif()
list(SORT files)
set(arrays "")
set(table "")
set(index 0)
foreach(file ${files})
  file(READ ${ROOT}/${file} hex HEX)
  file(SIZE ${ROOT}/${file} size)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "(................................................................................)"
         "\\1\n" bytes "${bytes}")
  string(APPEND arrays "constexpr unsigned char kFile${index}[] = {\n${bytes}0};\n")
  string(APPEND table "    {\"${file}\", {reinterpret_cast<const char*>(kFile${index}), ${size}}},\n")
  math(EXPR index "${index} + 1")
endforeach()
file(WRITE ${OUT}.new "// Made by embed.cmake.
#include \"${HEADER}\"

#include <array>

namespace telpher {
namespace {
${arrays}
const std::array<EmbeddedFile, ${index}> kFiles = {{
${table}}};
}  // namespace

std::span<const EmbeddedFile> ${NAME}() { return kFiles; }

}  // namespace telpher
")
file(RENAME ${OUT}.new ${OUT})
