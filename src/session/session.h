#pragma once
// Session: the object graph of one command. Each piece is built when it is first asked for, so that
// a command that needs no network opens no socket, and one that needs no journal no database.
// One for each process, on its loop; everything it hands out lives as long as it does.

#include "net/http_client.h"
#include "s3/client_store.h"
#include "session/address.h"
#include "session/copy_settings.h"
#include "session/network.h"
#include "session/run_stats.h"
#include "session/settings.h"
#include "session/store_access.h"
#include "store/layers/adaptive.h"
#include "store/layers/retry.h"
#include "transfer/journal.h"
#include "transfer/transfer.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace telpher {

class Session {
 public:
  Session(Loop& loop, Settings settings, StoreAccess access);
  ~Session();

  Loop& loop() { return loop_; }
  const Settings& settings() const { return settings_; }

  /// The store of a local:// or s3:// address, with its layers. Errors: kInvalid (endpoint,
  /// profile), kIo, kDenied.
  Result<ObjectStore*> store(Address::Kind kind);
  /// The same store without its layers: each call is one request, never repeated. Errors: as
  /// store().
  Result<ObjectStore*> bare_store(Address::Kind kind);
  /// The S3 client itself, for what no other store has: links. Errors: as store().
  Result<S3Store*> s3_store();
  /// Where the S3 service is. Errors: as store().
  Result<Origin> s3_origin();
  /// "s3://host/bucket/key" of an object: the same for every command that means it.
  DestinationName name_of(Address::Kind kind, const ObjectAddress& object) const;

  /// What one copy reads. Errors: those of opening it.
  Task<Result<std::unique_ptr<Source>>> open_source(const Address& address,
                                                    const std::vector<std::string>& headers);

  /// Opens the journal. Errors: kIo, kDenied, kUnsupported.
  Task<Result<Journal*>> journal();
  bool has_journal() const { return journal_ != nullptr; }
  /// What transfers share; with the journal when one can be had. One caller at a time.
  Task<Result<Engine*>> engine(const CopySettings& copy);

  /// Closes what is open, in order. Call it before the loop ends.
  Task<Result<void>> close();

  /// Told to people, once each: what a store taught us, why nothing can be resumed.
  std::function<void(std::string_view)> notice;
  /// What was typed, kept for the journal.
  std::string command;
  /// Calls to one store in flight at once.
  std::uint64_t calls_max = 256;
  /// Connections to the S3 service.
  int connections_max = 256;

  /// Of all calls to the stores: who waits for another attempt, and how often it came to that.
  RetryStats& retries() { return retry_stats_; }

  std::vector<StatsGroup> stats(const CopySettings& copy, const RunFigures& figures) const;

 private:
  struct S3Access;
  Result<ObjectStore*> open_s3();
  Result<ObjectStore*> open_local();
  Result<void> check_journal_can_grow() const;
  Result<const Network*> network();
  Result<HttpClient*> source_client();
  StatsGroup network_stats() const;

  Loop& loop_;
  Settings settings_;
  StoreAccess access_;
  std::optional<Network> network_;
  std::unique_ptr<HttpClient> source_client_;
  std::unique_ptr<S3Access> s3_;
  const HttpClient* s3_client_ = nullptr;  // of s3_
  std::unique_ptr<ObjectStore> local_;
  std::unique_ptr<Journal> journal_;
  TransferStats transfer_stats_;
  std::unique_ptr<BufferPool> buffers_;
  std::unique_ptr<RateLimiter> rate_;
  std::unique_ptr<Engine> engine_;
  RetryQuota retry_quota_;
  RetryStats retry_stats_;
};

}  // namespace telpher
