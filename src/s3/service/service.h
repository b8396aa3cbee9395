#pragma once
// S3Service: an S3 endpoint over any store. It verifies, takes requests apart, runs them on the
// store and answers as S3 does; a fault script makes it fail on purpose, in the store (through
// ChaosStore) and on the wire. One loop, one thread.
//
//   GET    /_telpher/stats     requests by operation, bytes, what is under way, open uploads
//   GET    /_telpher/faults    the rules, how often each has acted, and whether all were met
//   PUT    /_telpher/faults    another script (JSON); forgets history and counts
//   DELETE /_telpher/faults    no script; lifts a partition
//   GET    /_telpher/history   the latest operations: operation, key, success, at
//
// All of these want "Authorization: Bearer ADMIN-KEY".

#include "net/http_server.h"
#include "s3/service/call.h"
#include "s3/service/completed_uploads.h"
#include "s3/service/request_body.h"
#include "s3/service/user.h"
#include "s3/service/xml_request.h"
#include "s3/sigv4_verify.h"
#include "store/layers/chaos.h"

#include <array>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace telpher {

struct UploadsAnswer;
struct UploadsQuestion;

/// Which pages of other origins may use the endpoint from a browser. Empty = none.
struct CorsOptions {
  std::vector<std::string> origins;  // "https://app.example", or "*"
};

struct S3ServiceOptions {
  std::vector<S3User> users;  // at least one, unless allow_unsigned
  std::string admin_key;      // of /_telpher/; empty = there is no such thing
  std::string region;         // set: requests signed for another one are sent away
  /// Below which the first label of a Host names a bucket, in lower case.
  std::vector<std::string> domains = {"localhost"};
  CorsOptions cors;
  std::string server = "Telpher";  // Server header; empty = none

  // To be like other services, for tests of clients.
  bool allow_unsigned = false;
  enum class Checksums { kFull, kIgnored, kRejected };
  Checksums checksums = Checksums::kFull;
  int page_size = 1000;
  std::size_t completed_remembered = 1000;  // see CompletedUploads
};

class S3Service final : public HttpHandler {
 public:
  /// `store` and `faults` must outlive it.
  S3Service(Loop& loop, ObjectStore& store, FaultInjector& faults, S3ServiceOptions options);

  Task<Result<void>> handle(ServerRequest& request, ServerResponse& response) override;
  /// What is no proper request is refused in S3's words.
  HttpRefusal refusal(int status, const Error& error) override;

  /// How the "refuse" fault makes the listener refuse connections for a while; unset = a reset.
  std::function<void(Duration)> refuse_connections;
  /// Told of each request once it has been answered; unset = nobody is.
  struct Answered {
    Operation operation;
    const ObjectAddress& object;
    int status;  // 0: the connection was closed without an answer
    Duration took;
  };
  std::function<void(const Answered&)> on_answer;
  /// Hears of what is wrong below (disk, descriptors, damage), in full: clients do not.
  std::function<void(const S3Call&, const Error&)> on_trouble;

  struct Stats {
    std::array<std::uint64_t, kOperationCount> requests{};
    std::uint64_t refused = 0;  // not authenticated
    ByteCount body_bytes_received = 0;
    ByteCount body_bytes_sent = 0;
    std::uint64_t under_way = 0;
    std::uint64_t under_way_max = 0;
  };
  const Stats& stats() const { return stats_; }
  std::uint64_t requests(Operation operation) const {
    return stats_.requests[static_cast<std::size_t>(operation)];
  }

 private:
  struct Exchange;

  // service.cc
  Task<Result<void>> serve(Exchange* exchange);
  Result<void> admit(Exchange& exchange);
  Result<void> change_times(Exchange& exchange);
  Result<void> authenticate(Exchange& exchange);
  const S3User* find_user(std::string_view access_key) const;
  /// Where buckets are said to be.
  std::string_view region() const {
    return options_.region.empty() ? std::string_view("us-east-1") : options_.region;
  }
  /// A bucket serves its owner alone; one nobody in particular owns the first user; a sole user
  /// all, also what he made when he had other keys.
  bool serves(std::string_view owner, const S3User& user) const;
  /// @param seen_owner  told whose the bucket is, when there are several users
  Task<Result<void>> check_owner(Exchange* exchange, std::string bucket,
                                 std::optional<std::string>* seen_owner = nullptr);
  /// What fails before the store is asked fails as the operation: the script has its say first, and
  /// the history knows it.
  Task<Result<void>> fail(Exchange* exchange, Error error);
  Task<Result<void>> run(Exchange* exchange);
  Task<Result<void>> send(Exchange* exchange, int status, std::string body);
  Task<Result<void>> send_error(Exchange* exchange, Error error);
  Task<Result<void>> send_content(Exchange* exchange, int status, GetResult* content);
  Task<Result<RequestBody*>> open_body(Exchange* exchange);
  /// The body, proven by the checksums sent with it. Errors also: kCorrupt ("BadDigest").
  enum class Proof { kWhenGiven, kRequired };  // a digest of the body
  Task<Result<std::string>> read_xml(Exchange* exchange, std::size_t size_max,
                                     Proof proof = Proof::kWhenGiven);
  std::chrono::sys_seconds now() const;
  const S3User& owner_of(const Exchange& exchange) const;
  std::string new_request_id();

  // objects.cc
  Task<Result<void>> get_object(Exchange* exchange);
  Task<Result<void>> head_object(Exchange* exchange);
  Task<Result<void>> put_object(Exchange* exchange);
  Task<Result<void>> copy_object(Exchange* exchange);
  Task<Result<void>> delete_object(Exchange* exchange);
  Task<Result<void>> delete_objects(Exchange* exchange);
  using EachError = std::vector<std::optional<Error>>;
  Task<Result<EachError>> remove_each(std::string bucket, std::vector<DeleteTarget> targets);
  Task<Result<void>> get_attributes(Exchange* exchange);
  Task<Result<void>> run_tags(Exchange* exchange);
  Task<Result<ObjectInfo>> check_copy_source(Exchange* exchange, ObjectAddress from);

  // uploads.cc
  Task<Result<void>> create_upload(Exchange* exchange);
  Task<Result<void>> put_part(Exchange* exchange);
  Task<Result<void>> copy_part(Exchange* exchange);
  Task<Result<void>> complete(Exchange* exchange);
  Task<Result<PartsPage>> look_up(ObjectAddress object, std::string upload_id);
  Task<Result<void>> abort(Exchange* exchange);
  Task<Result<void>> list_parts(Exchange* exchange);
  Task<Result<void>> list_uploads(Exchange* exchange);
  Task<Result<UploadsAnswer>> collect_uploads(std::string bucket, const UploadsQuestion* question);

  // buckets.cc
  Task<Result<void>> list_buckets(Exchange* exchange);
  Task<Result<void>> create_bucket(Exchange* exchange);
  Task<Result<void>> head_bucket(Exchange* exchange);
  Task<Result<void>> delete_bucket(Exchange* exchange);
  Task<Result<void>> get_location(Exchange* exchange);
  Task<Result<void>> list_objects(Exchange* exchange);
  Task<Result<void>> answer_in_passing(Exchange* exchange);

  // admin.cc
  Task<Result<void>> handle_admin(Exchange* exchange);
  Task<Result<void>> answer_preflight(Exchange* exchange);
  void add_cors_headers(Exchange& exchange);
  Task<Result<std::string>> stats_json();
  std::string history_json() const;

  bool offers_checksums() const { return options_.checksums == S3ServiceOptions::Checksums::kFull; }
  /// What was announced for a body is expected of it, where checksums are known at all.
  template <class Options>
  void expect_checksums(Options& options, const RequestBody& body) const {
    if (offers_checksums()) {
      options.trailer = &body.trailer();
    } else {
      options.checksum.reset();
      options.algorithm = ChecksumAlgorithm::kNone;
    }
  }
  std::optional<StoredChecksum> shown(const std::optional<StoredChecksum>& checksum) const {
    return offers_checksums() ? checksum : std::nullopt;
  }

  Loop& loop_;
  CompletedUploads base_;
  FaultInjector& faults_;
  const S3ServiceOptions options_;
  ChaosStore store_;  // base_, disturbed by the script
  SigV4Verifier verifier_;
  std::chrono::seconds skew_{0};
  std::set<std::pair<std::string, std::string>> expired_;  // access key, session token
  std::uint64_t request_number_ = 0;
  std::uint64_t request_base_;
  Stats stats_;

  struct OwnerSeen {
    std::string owner;
    TimePoint at;
  };
  std::map<std::string, OwnerSeen, std::less<>> owners_;  // of buckets, believed for a second
};

}  // namespace telpher
