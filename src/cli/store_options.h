#pragma once
// How stores are reached: the options of every verb that talks to one.

#include "session/store_access.h"

#include <span>

namespace telpher {

class CommandLine;

void add_store_options(CommandLine& line, StoreAccess& access);

/// What such options say among `arguments` of any verb; what is no good value is left out.
StoreAccess access_in(std::span<const std::string> arguments);

}  // namespace telpher
