#pragma once
// The floor of many small uploads.

#include "peers/arguments.h"

namespace telpher::bench {

/// PUTs every file below --dir to --to over --connections (64) keep-alive connections: a bare
/// epoll loop that opens, reads and closes the file, sends head and body in one call and reads the
/// answer in one. Prints one line of JSON with microseconds of CPU per object.
void put_small(const Arguments& arguments);

}  // namespace telpher::bench
