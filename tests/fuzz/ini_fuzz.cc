// An ini file written from what was read is read as the same.

#include "codec/ini.h"
#include "tests/fuzz/fuzz.h"

#include <string>

FUZZ(std::string_view input) {
  const auto file = parse_ini(input);
  if (!file) return;
  std::string text;
  for (const auto& [name, section] : file->sections) {
    CHECK(!name.empty());
    text += "[" + name + "]\n";
    for (const auto& [setting, value] : section) {
      CHECK(!setting.empty());
      CHECK(file->find(name, setting) == &value);
      text += setting + "=" + value + "\n";
    }
  }
  const auto again = parse_ini(text);
  if (!again && again.error().kind == ErrorKind::kLimit) return;  // "block.name" outgrew its line
  CHECK(again.has_value() && again->sections == file->sections);
}
