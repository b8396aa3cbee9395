#pragma once
// What all copies have to be told, as a user says it.

#include "session/settings.h"
#include "source/name_filter.h"
#include "transfer/transfer.h"

#include <string>
#include <string_view>
#include <vector>

namespace telpher {

struct CopySettings {
  TransferOptions transfer;
  ByteCount memory = 0;  // budget of part buffers
  ByteCount rate = 0;    // bytes per second; 0 = unlimited
  std::vector<std::string> source_headers;
  std::vector<NameRule> filters;
  bool overwrite_given = false;
  bool dry_run = false;
  bool follow_links = true;
  bool no_journal = false;
};

/// What depends on several options at once. Errors: kInvalid.
Result<void> check_copy_settings(const CopySettings& copy);

/// What files and standard output cannot have, instead of ignoring it. Errors: kInvalid, naming the
/// option.
Result<void> check_file_settings(const CopySettings& copy, std::string_view destination);

}  // namespace telpher
