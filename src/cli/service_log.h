#pragma once
// A line for each request to the service: for people on a terminal, else JSON.

#include "monitor/alerts.h"
#include "server/api_service.h"

#include <string>

namespace telpher {

/// Without queries and secrets. `time` is now.
std::string text_log_line(const ApiService::Answered& request, WallTime time);
std::string json_log_line(const ApiService::Answered& request, WallTime time);

/// "alert firing: store_put_object errorRate is 0.2, beyond 0.05".
std::string alert_text(const Alert& alert);
/// Anything else that is to be said.
std::string json_log_message(std::string_view level, std::string_view message, WallTime time);

}  // namespace telpher
