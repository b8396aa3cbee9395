#pragma once
// S3Store: an ObjectStore that speaks to an S3-compatible service over HttpClient. It signs at send
// time with credentials asked for at every request, learns what the store corrects it about (the
// region, the clock, checksum headers), and makes sure that stored bytes are proven: by the
// checksum the store repeats, or by Content-MD5. It does not retry: store/layers/retry does. One
// loop.

#include "net/http_client.h"
#include "runtime/loop.h"
#include "s3/credentials.h"
#include "s3/endpoint.h"
#include "s3/provider.h"
#include "s3/request.h"
#include "s3/sigv4.h"
#include "store/object_store.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace telpher {

struct S3StoreOptions {
  S3Endpoint endpoint;
  const Provider* provider = nullptr;  // nullptr = by the endpoint's host
  std::string region;                  // empty = by the endpoint's host
  std::vector<std::unique_ptr<CredentialsSource>> credentials;
  /// Told what was learned: "Bucket 'b' is in region eu-west-1 …". May be empty.
  std::function<void(std::string_view)> notice;
};

class S3Store final : public ObjectStore {
 public:
  /// Both must outlive the store.
  S3Store(Loop& loop, HttpClient& http, S3StoreOptions options);
  ~S3Store() override;

  /// May change with the first answers of a store that is not known by its host: they tell who it
  /// is and what it takes. head_bucket() is a cheap way to find out.
  const Capabilities& capabilities() const override { return capabilities_; }
  const Provider& provider() const { return *provider_; }
  /// What the store's clock is ahead of ours, once it has been learned.
  std::chrono::seconds clock_offset() const { return clock_offset_; }

  /// The region that requests about a bucket are signed for: as given, or as the store has said.
  std::string_view region_of(std::string_view bucket) { return place(bucket).signer->region(); }

  /// What requests are signed with now, and where it is from. Errors: kDenied (none), and those of
  /// the source that was asked.
  Task<Result<CredentialsCache::Pointer>> credentials() { return credentials_.refresh(); }

  /// A link that lets anyone `method` ("GET", "PUT") the object until `expires` from now.
  /// Errors: kInvalid (over 7 days, anonymous), kDenied (no credentials).
  Task<Result<std::string>> presign(ObjectAddress object, std::string method,
                                    std::chrono::seconds expires);

  Task<Result<ObjectInfo>> head(ObjectAddress object) override;
  Task<Result<GetResult>> get(ObjectAddress object, GetOptions options) override;
  Task<Result<PutResult>> put(ObjectAddress object, Body body, const PutOptions& options) override;
  Task<Result<void>> remove(ObjectAddress object, std::string if_match = {}) override;
  Task<Result<std::vector<RemoveFailure>>> remove_many(std::string bucket,
                                                       std::vector<std::string> keys) override;
  Task<Result<PutResult>> copy(ObjectAddress from, ObjectAddress to, CopyOptions options) override;
  Task<Result<ListPage>> list(std::string bucket, ListOptions options) override;
  Task<Result<std::string>> create_upload(ObjectAddress object,
                                          CreateUploadOptions options) override;
  Task<Result<PartInfo>> put_part(ObjectAddress object, std::string upload_id, PartNumber number,
                                  Body body, PutPartOptions options) override;
  Task<Result<PartInfo>> copy_part(ObjectAddress from, ByteRange range, ObjectAddress object,
                                   std::string upload_id, PartNumber number,
                                   std::string source_if_match) override;
  Task<Result<PutResult>> complete(ObjectAddress object, std::string upload_id,
                                   std::vector<PartInfo> parts, CompleteOptions options) override;
  Task<Result<void>> abort(ObjectAddress object, std::string upload_id) override;
  Task<Result<PartsPage>> list_parts(ObjectAddress object, std::string upload_id,
                                     PartNumber part_number_marker) override;
  Task<Result<UploadsPage>> list_uploads(std::string bucket, ListUploadsOptions options) override;
  Task<Result<std::vector<BucketInfo>>> list_buckets() override;
  Task<Result<void>> create_bucket(std::string bucket, std::string owner = {}) override;
  Task<Result<BucketInfo>> head_bucket(std::string bucket) override;
  Task<Result<void>> remove_bucket(std::string bucket) override;
  Task<Result<Tags>> tags(ObjectAddress object) override;
  Task<Result<void>> set_tags(ObjectAddress object, Tags tags) override;

 private:
  /// A bucket as it has been found so far.
  struct Place {
    BucketRoute route;
    SigV4Signer* signer = nullptr;
    bool settled = false;  // an answer has come from here: region and address are right
  };
  /// What an error answer taught.
  enum class Lesson { kNothing, kRepeatNow, kRepeatLater };
  using Response = std::unique_ptr<HttpResponse>;

  S3Dialect dialect() const {
    return {capabilities_.checksums, list_version_, provider_->quoted_if_match,
            provider_->copy_if_match};
  }
  Place& place(std::string_view bucket);
  SigV4Signer& signer(std::string_view region);
  std::chrono::sys_seconds now() const;

  /// Signs, sends and returns a success with its body unread; anything else is an error. Repeats
  /// at once when the answer has corrected region or address.
  Task<Result<Response>> exchange(S3Request request, Place* place, Body body);
  Task<Error> explain_refusal(S3Request request, Place* place, Error refusal);
  /// The same for answers that are documents, read whole; an <Error> inside 200 is one.
  struct Document {
    std::string body;
    Headers headers;
  };
  Task<Result<Document>> exchange_document(S3Request request, Place* place);
  Task<Result<void>> exchange_empty(S3Request request, Place* place);
  /// PutObject and UploadPart: body out, checksum back. `md5`: the Content-MD5 that was sent.
  Task<Result<PutResult>> exchange_upload(S3Request request, Place* place, Body body,
                                          std::optional<Digest> checksum, std::string md5);
  Result<void> check_md5(const S3Target& target, const Headers& headers, const PutResult& result,
                         std::string_view content_md5) const;
  Task<Result<void>> prove(S3Target target, Body body, const PutResult* result,
                           std::optional<Digest> checksum);
  Task<Result<void>> check_stored(ObjectAddress object, std::string etag, std::string source_etag);
  Task<Result<void>> take_away(ObjectAddress object, std::string etag);
  /// What to send to a store that does not take `checksum`; `given` when it need not be computed.
  Task<Result<std::string>> content_md5(Body body, std::optional<Digest> checksum,
                                        std::string given);
  Error unsupported(std::string_view what) const;
  Result<void> check_condition(const WriteCondition& condition, bool supported) const;
  Task<void> settle(Place* place);
  Task<Result<void>> check_tags_taken(const Tags& tags, Place* place);

  void learn_provider(const Headers& headers);
  /// How a request went out. Others may have taught more while it was under way.
  struct Sent {
    CredentialsCache::Pointer keys;
    const SigV4Signer* signer = nullptr;
    Origin origin;
    std::chrono::sys_seconds at;
  };
  Task<Lesson> learn(const S3ErrorAnswer* answer, const Headers* headers, Place* place, Sent sent);
  bool learn_region(const S3ErrorAnswer& answer, const Headers& headers, Place& place,
                    const Sent& sent);
  bool learn_clock(const S3ErrorAnswer& answer, const Headers& headers,
                   std::chrono::sys_seconds signed_at);
  void give_up_checksums(std::string_view why);
  void notice(const std::string& text) const;
  Task<Result<void>> explain_missing(Place* place);
  Task<Result<void>> check_copied(ObjectAddress from, ByteRange range, std::string if_match);

  Loop& loop_;
  HttpClient& http_;
  S3Endpoint endpoint_;
  const Provider* provider_;
  bool provider_learned_ = false;
  std::string region_;
  Capabilities capabilities_;
  int list_version_;
  bool checksums_proven_ = false;  // an answer has repeated one
  std::chrono::seconds clock_offset_{0};
  CredentialsCache credentials_;
  std::function<void(std::string_view)> notice_;
  std::map<std::string, std::unique_ptr<Place>, std::less<>> places_;
  Place* last_place_ = nullptr;
  std::map<std::string, std::unique_ptr<SigV4Signer>, std::less<>> signers_;
};

}  // namespace telpher
