#pragma once
// How unfinished transfers are named to people.

#include "transfer/journal.h"

#include <string>

namespace telpher {

/// "s3://bucket/key (at host:9000)", "local://bucket/key", a path: as it is typed, and where that
/// is.
std::string destination_for_people(const JournalEntry& entry);

}  // namespace telpher
