#pragma once
// Comma-separated values, record by record. Pure. Source: RFC 4180; besides, LF alone ends a line,
// and blanks around fields are kept.

#include "base/result.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace telpher {

/// Where the first record of `bytes` ends, behind its line break; nullopt: more bytes are needed
/// (a quoted field may go over several lines).
std::optional<std::size_t> csv_record_end(std::string_view bytes);

/// The fields of one record, with or without its line break. Errors: kInvalid (a quote that is not
/// closed, or that stands inside a field).
Result<std::vector<std::string>> parse_csv_record(std::string_view record);

}  // namespace telpher
