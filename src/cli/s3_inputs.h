#pragma once
// What the options and the environment of `telpher s3` name: users, certificates, fault scripts.

#include "cli/s3_endpoint.h"
#include "net/tls.h"
#include "s3/service/user.h"
#include "store/layers/fault_script.h"

#include <memory>
#include <string>
#include <vector>

namespace telpher {

struct Users {
  std::vector<S3User> users;
  std::string kept_in;  // the file of those that were made for a store; empty = they were given
  bool made = false;    // just now: they are to be told
};

/// Those of the environment or of --credentials; nobody when neither is given. Says so when others
/// can read the file. Errors: kInvalid.
Result<Users> find_given_users(const S3EndpointOptions& options, const Environment& environment);

/// The one who was made for the store at `root`, or makes it and keeps it there; of several
/// processes that do so at once all get the same. Without a root it is not kept. Errors: kInvalid
/// (the file is damaged), kIo, kDenied.
Result<Users> find_kept_users(const std::string& root);

/// The script of --faults with the time of --latency. Errors: kInvalid.
Result<FaultScript> read_faults(const S3EndpointOptions& options);

/// A small file that an option names. Errors: kInvalid, naming both.
Result<std::string> read_input(std::string_view option, const std::string& path);

/// Null without --tls-cert. Errors: kInvalid.
Result<std::unique_ptr<TlsServerContext>> read_tls(const std::string& cert, const std::string& key);

}  // namespace telpher
