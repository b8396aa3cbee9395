#pragma once
// Runs a server from Debian on loopback for as long as this lives.

#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

namespace telpher {

/// A port that was free a moment ago.
std::uint16_t free_port();

/// The first of `paths` that can be executed; empty if none can.
std::string find_program(const std::vector<std::string>& paths);

/// Runs a program to its end; true when it succeeded.
bool run_program(const std::vector<std::string>& command);

class RealServer {
 public:
  /// Starts it and waits until `port` answers (at most 10 s).
  RealServer(const std::vector<std::string>& command, std::uint16_t port);
  ~RealServer();
  RealServer(const RealServer&) = delete;
  RealServer& operator=(const RealServer&) = delete;

  bool answers() const { return answers_; }

 private:
  pid_t pid_;
  bool answers_ = false;
};

}  // namespace telpher
