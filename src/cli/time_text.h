#pragma once
// Times as every verb writes them. Pure.

#include <chrono>
#include <string>

namespace telpher {

/// "2026-03-01T12:00:00Z"
std::string time_text(std::chrono::system_clock::time_point time);

}  // namespace telpher
