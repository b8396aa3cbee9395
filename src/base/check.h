#pragma once
// Programmer errors end the process with the place and the condition. Bytes from outside are never
// checked this way: they come back as an Error.

#include <cstdio>
#include <cstdlib>

namespace telpher {

[[noreturn]] inline void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace telpher

#define CHECK(condition) \
  ((condition) ? (void)0 : ::telpher::check_failed(#condition, __FILE__, __LINE__))

#ifdef NDEBUG
#define DCHECK(condition) ((void)sizeof(!(condition)))
#else
#define DCHECK(condition) CHECK(condition)
#endif
