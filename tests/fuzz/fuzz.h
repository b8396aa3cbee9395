#pragma once
// What every fuzz target starts with. A target is one file:
//
//   #include "tests/fuzz/fuzz.h"
//   FUZZ(std::string_view input) { … CHECK(property); … }

#include "base/check.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace telpher {
void fuzz_one(std::string_view input);
}

extern "C" inline __attribute__((used)) int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                                                   std::size_t size) {
  telpher::fuzz_one({reinterpret_cast<const char*>(data), size});
  return 0;
}

#define FUZZ(parameter) void telpher::fuzz_one(parameter)
