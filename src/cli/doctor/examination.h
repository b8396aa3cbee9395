#pragma once
// Examination: the checks of one `telpher doctor`, in their order, and what they know of each
// other. The checks are data (examination.cc); each is a member here, in a file by its theme.

#include "cli/doctor/explain.h"
#include "cli/doctor/report.h"
#include "cli/store_options.h"
#include "net/address.h"
#include "session/address.h"
#include "session/session.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace telpher {

struct DoctorOptions {
  StoreAccess access;
  bool read_only = false;
  bool json = false;
};

class Examination {
 public:
  /// @param address  a bucket; empty = the machine, and the service without a bucket
  Examination(Loop& loop, Settings settings, DoctorOptions options, std::optional<Address> address);
  ~Examination();

  /// Runs all checks and prints what they find; what was written is removed again, also when it is
  /// cancelled. Returns the exit code.
  Task<int> run();

 private:
  using CheckTask = Task<Result<Finding>>;
  struct Check {
    std::string_view name;
    CheckTask (Examination::*run)();
    unsigned needs = 0;   // steps without which it makes no sense
    unsigned breaks = 0;  // steps that are not there when it fails
  };
  std::vector<Check> plan() const;
  Task<Result<void>> run_all(const std::vector<Check>& checks, DoctorReport* report);
  Task<Finding> run_one(Check check);

  // machine_checks.cc
  CheckTask check_home();
  CheckTask check_memory();
  CheckTask check_open_files();
  CheckTask check_files();

  // network_checks.cc
  CheckTask check_endpoint();
  CheckTask check_proxy();
  CheckTask check_name();
  CheckTask check_connection();
  CheckTask check_tls();
  CheckTask check_service();
  CheckTask check_clock();
  Task<Result<std::unique_ptr<Socket>>> connect_there();
  Task<bool> speaks_tls();
  Task<Result<void>> ask_unsigned();

  // access_checks.cc
  CheckTask check_credentials();
  CheckTask check_sign_in();
  CheckTask check_region();
  CheckTask check_buckets();
  CheckTask check_bucket();
  CheckTask check_list();
  Task<Result<void>> open_store();
  Task<Result<ListPage>> ask_for_listing();

  // object_checks.cc
  CheckTask check_write();
  CheckTask check_checksums();
  CheckTask check_read();
  CheckTask check_ranges();
  CheckTask check_multipart();
  CheckTask check_no_overwrite();
  CheckTask check_copy();
  CheckTask check_tags();
  CheckTask check_remove();
  CheckTask check_latency();
  CheckTask check_versions();
  CheckTask check_open_uploads();
  Task<Result<bool>> put_refused_where_there_is_one();
  Task<Result<bool>> complete_refused_where_there_is_one();
  Task<Result<std::string>> read_range(ByteRange range, std::string if_match);

  // examination.cc
  Task<Result<void>> clean_up();
  Task<Result<void>> end_uploads();
  Task<Result<void>> remove_written();

  ObjectAddress place(std::string_view name) const;
  /// Remembers that something may be at `name` now.
  ObjectAddress written_at(std::string_view name);
  bool is_local() const { return address_ && address_->kind == Address::Kind::kLocal; }
  bool is_anonymous() const { return keys_ && keys_->anonymous(); }
  /// Where requests about the bucket (or the service) go.
  const Origin& origin() const { return route_.origin; }
  TimePoint connect_deadline() const { return loop_.now() + options_.access.connect_timeout; }

  Loop& loop_;
  const DoctorOptions options_;
  const std::optional<Address> address_;
  const std::string bucket_;  // empty = none
  Settings settings_;
  Session session_;
  Circumstances known_;

  // What checks leave for later ones.
  S3Config config_;
  std::optional<Network> network_;
  BucketRoute route_;
  const HttpProxy* proxy_ = nullptr;  // of network_; before origin()
  std::vector<SocketAddress> addresses_;
  struct Greeting {  // the answer to an unsigned request
    int status = 0;
    Headers headers;
    std::string body;
    std::optional<std::chrono::seconds> clock_ahead;  // the store's clock of ours
  };
  Greeting greeting_;
  std::unique_ptr<HttpClient> http_;
  Provider provider_;  // as S3Store sees it: able to do all, so that all is tried
  std::unique_ptr<S3Store> s3_;
  CredentialsCache::Pointer keys_;
  ObjectStore* store_ = nullptr;
  std::optional<Result<ListPage>> listing_;
  bool may_look_ = false;  // at the bucket

  // Objects that are written, and how.
  const std::string prefix_;  // ".telpher-doctor/…/"
  std::string sample_;        // what is written
  std::vector<std::string> written_;
  bool uploading_ = false;                // a multipart upload may be open
  PutResult whole_;                       // of the object "whole"
  std::optional<ObjectAddress> subject_;  // what is read: ours, or the first that is listed
  ObjectInfo subject_info_;
  bool keeps_versions_ = false;
};

}  // namespace telpher
