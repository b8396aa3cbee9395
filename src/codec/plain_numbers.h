#pragma once
// JSON for people and for scripts that cut it with sed: serializers like to write 0.5 as 5E-1.

#include <string>
#include <string_view>

namespace telpher {

/// `json` with its numbers written out, without exponents; all else stays. It must be well-formed.
std::string plain_numbers(std::string_view json);

}  // namespace telpher
