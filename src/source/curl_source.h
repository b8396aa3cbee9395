#pragma once
// ftp://, ftps:// and sftp:// through libcurl.

#include "codec/uri.h"
#include "runtime/loop.h"
#include "source/source.h"

#include <chrono>
#include <memory>
#include <string>

namespace telpher {

struct CurlOptions {
  std::chrono::milliseconds connect_timeout{60'000};
  std::chrono::milliseconds idle_timeout{60'000};
  std::string proxy;      // URL of an HTTP or SOCKS proxy; empty = the environment's, if any
  bool direct = false;    // no proxy, whatever the environment says
  std::string ca_bundle;  // file; empty = the system's
  bool verify_tls = true;
  /// Keys of SSH hosts; empty = ~/.ssh/known_hosts. Hosts that are not in it are refused.
  std::string ssh_known_hosts;
  /// Private key for SSH; empty = the agent's and ~/.ssh/id_ed25519, id_ecdsa, id_rsa.
  std::string ssh_key;
};

/// Ranges (REST, seek) are announced for files of known size whose time of modification is known
/// and a minute old: size and time are asked for again with every range, and by
/// check_unchanged(); another value is kSourceChanged. Connections are kept from one read to the
/// next. Errors: kNotFound, kDenied (log-in), kProtocol (unknown host key, certificate), kThrottled
/// (421), kNetwork, kTimeout, all temporary where a repeat may help.
std::unique_ptr<Source> make_curl_source(Uri uri, CurlOptions options);

}  // namespace telpher
