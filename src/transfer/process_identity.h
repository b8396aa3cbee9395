#pragma once
// Names this process for leases, and tells whether the bearer of another name still lives.

#include <string>
#include <string_view>

namespace telpher {

enum class Liveness {
  kAlive,
  kDead,
  kUnknown,  // a process of another pid namespace: only its heartbeat can tell
};

/// "pid 1234/START/BOOT/NAMESPACE/INSTANCE". A pid used again has another start time; a machine
/// started again has another boot id. `instance` tells users within one process apart.
std::string process_identity(std::string_view instance);

/// Asks /proc. Names that process_identity() did not make are kUnknown.
Liveness liveness_of(std::string_view identity);

/// The part for people: "pid 1234".
std::string_view display_name(std::string_view identity);

}  // namespace telpher
