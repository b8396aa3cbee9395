#pragma once
// What a server may take of the system.

#include <cstddef>

namespace telpher {

/// As many connections as the system lets us have, once it has been asked for all there are; some
/// descriptors are left to the store.
std::size_t find_connections_max();

}  // namespace telpher
