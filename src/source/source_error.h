#pragma once
// Errors that several sources word the same way.

#include "base/error.h"

#include <string>
#include <string_view>

namespace telpher {

/// kSourceChanged, permanent: "the source changed while it was being copied: <how>".
inline Error make_source_changed_error(std::string_view how) {
  return make_error(ErrorKind::kSourceChanged,
                    "the source changed while it was being copied: " + std::string(how));
}

}  // namespace telpher
