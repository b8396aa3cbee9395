#pragma once
// The types of telpher/telpher.h from and into ours. Pure, but for the environment that Settings
// are read from.

#include "session/exit_code.h"
#include "session/settings.h"
#include "session/store_access.h"
#include "transfer/transfer.h"

#include <string>
#include <telpher/telpher.h>

namespace telpher {

Failure failure_of(const Error& error, CopyEnds ends = {});

/// Errors: kInvalid, kNotFound (no home).
Result<Settings> settings_of(const Client::Options& options);
/// Errors: kInvalid.
Result<StoreAccess> access_of(const Client::Options& options);

/// @param concurrency  where the options leave it open
/// Errors: kInvalid, naming the option.
Result<TransferOptions> transfer_options(const Client::CopyOptions& options, int concurrency);

Client::Copied copied_from(const TransferResult& result, std::string destination);
Client::Entry entry_of(const std::string& bucket, const ListEntry& entry);

}  // namespace telpher
