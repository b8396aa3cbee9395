// S3Service: operations on buckets, listings, and what clients ask in passing.

#include "codec/text.h"
#include "s3/service/exchange.h"
#include "s3/service/refusals.h"
#include "s3/service/request_options.h"
#include "s3/service/xml_answer.h"
#include "s3/service/xml_request.h"
#include "store/rules.h"

#include <algorithm>

namespace telpher {
namespace {

Result<ListQuestion> parse_list_question(const S3Call& call, int page_size, ErrorDetails& details) {
  ListQuestion question;
  question.version_2 = call.operation == Operation::kListObjects;
  question.fetch_owner = call.parameter("fetch-owner") == "true";
  TRY(question.encode_url, wants_url_encoding(call, details));
  ListOptions& options = question.options;
  options.prefix = call.parameter("prefix");
  options.delimiter = call.parameter("delimiter");
  TRY(options.max_keys, number_of(call, "max-keys", options.max_keys, details));
  options.max_keys = std::min(options.max_keys, page_size);
  if (question.version_2) {
    options.start_after = call.parameter("start-after");
    options.continuation = call.parameter("continuation-token");
    if (call.has_parameter("continuation-token") && options.continuation.empty()) {
      return invalid_argument("The continuation token provided is incorrect", "continuation-token",
                              "", details);
    }
  } else {
    question.marker =
        call.parameter(call.operation == Operation::kListObjectVersions ? "key-marker" : "marker");
    options.start_after = question.marker;
    if (call.has_parameter("version-id-marker") && !call.has_parameter("key-marker")) {
      return invalid_argument("A version-id marker cannot be specified without a key marker.",
                              "version-id-marker", call.parameter("version-id-marker"), details);
    }
  }
  return question;
}

/// How many buckets a page has at most. Errors: kInvalid.
Result<int> max_buckets_of(const S3Call& call, ErrorDetails& details) {
  constexpr unsigned kMost = 10'000;
  const std::string_view text = call.parameter("max-buckets");
  if (text.empty()) return kMost;
  const auto number = parse_decimal<unsigned>(text);
  if (number && *number >= 1 && *number <= kMost) return static_cast<int>(*number);
  return invalid_argument("Argument max-buckets must be an integer between 1 and 10000",
                          "max-buckets", text, details);
}

/// "eu-central-1" and its like: new ones come every year.
bool is_region_name(std::string_view name) {
  const std::size_t dash = name.rfind('-');
  if (dash == std::string_view::npos || name.find('-') == dash) return false;
  const auto all = [](std::string_view text, auto is) {
    return !text.empty() && std::ranges::all_of(text, is);
  };
  return all(name.substr(dash + 1), is_ascii_digit) &&
         all(name.substr(0, dash), [](char c) { return c == '-' || (c >= 'a' && c <= 'z'); }) &&
         !name.starts_with('-') && name.find("--") == std::string_view::npos;
}

/// LocationConstraint: us-east-1 is said by saying nothing.
Result<void> check_location(std::string_view location, std::string_view region,
                            ErrorDetails& details) {
  if (location.empty()) return {};
  const bool known = is_region_name(location) || location == "EU" || location == region;
  if (!known || location == "us-east-1") {
    details = {{"LocationConstraint", std::string(location)}};
    return store_error(ErrorKind::kInvalid, "InvalidLocationConstraint", 400,
                       "The specified location-constraint is not valid");
  }
  if (region.empty() || location == region) return {};
  return store_error(ErrorKind::kInvalid, "IllegalLocationConstraintException", 400,
                     "The " + std::string(location) +
                         " location constraint is incompatible for the region specific "
                         "endpoint this request was sent to.");
}

/// x-amz-object-ownership: the known ones come to the same where only the owner writes.
Result<void> check_ownership(const Headers& headers, ErrorDetails& details) {
  constexpr std::string_view kName = "x-amz-object-ownership";
  const auto ownership = headers.find(kName);
  constexpr std::string_view kKnown[] = {"BucketOwnerEnforced", "BucketOwnerPreferred",
                                         "ObjectWriter"};
  if (!ownership || std::ranges::find(kKnown, *ownership) != std::end(kKnown)) return {};
  return invalid_argument("Invalid x-amz-object-ownership header: " + std::string(*ownership),
                          kName, *ownership, details);
}

/// Of PutBucketAcl and PutObjectAcl: that nothing is to change.
Result<void> check_acl_stays(const Headers& headers, std::optional<ByteCount> body) {
  TRY_VOID(check_headers_are_spoken(headers));  // grants
  TRY_VOID(check_canned_acl(headers));
  if (body != ByteCount{0}) return not_implemented("an access control list");
  if (headers.contains("x-amz-acl")) return {};
  return store_error(ErrorKind::kInvalid, "MissingSecurityHeader", 400,
                     "Your request was missing a required header");
}

/// What S3 says of a bucket that has no such configuration.
struct InPassing {
  std::string_view subresource;
  std::string_view code;      // of the 404; empty = a document
  std::string_view document;  // its root
  std::string_view message;
};

constexpr InPassing kOfBuckets[] = {
    {"accelerate", "", "AccelerateConfiguration", ""},
    {"logging", "", "BucketLoggingStatus", ""},
    {"notification", "", "NotificationConfiguration", ""},
    {"versioning", "", "VersioningConfiguration", ""},
    {"cors", "NoSuchCORSConfiguration", "", "The CORS configuration does not exist"},
    {"encryption", "ServerSideEncryptionConfigurationNotFoundError", "",
     "The server side encryption configuration was not found"},
    {"lifecycle", "NoSuchLifecycleConfiguration", "", "The lifecycle configuration does not exist"},
    {"object-lock", "ObjectLockConfigurationNotFoundError", "",
     "Object Lock configuration does not exist for this bucket"},
    {"ownershipControls", "OwnershipControlsNotFoundError", "",
     "The bucket ownership controls were not found"},
    {"policy", "NoSuchBucketPolicy", "", "The bucket policy does not exist"},
    {"policyStatus", "NoSuchBucketPolicy", "", "The bucket policy does not exist"},
    {"publicAccessBlock", "NoSuchPublicAccessBlockConfiguration", "",
     "The public access block configuration was not found"},
    {"replication", "ReplicationConfigurationNotFoundError", "",
     "The replication configuration was not found"},
    {"tagging", "NoSuchTagSet", "", "The TagSet does not exist"},
    {"website", "NoSuchWebsiteConfiguration", "",
     "The specified bucket does not have a website configuration"},
};

}  // namespace

Task<Result<void>> S3Service::list_buckets(Exchange* exchange) {
  CO_TRY(std::vector<BucketInfo> buckets, co_await store_.list_buckets());
  const S3User& user = owner_of(*exchange);
  std::erase_if(buckets, [&](const BucketInfo& bucket) { return !serves(bucket.owner, user); });
  const S3Call& call = exchange->call;
  const std::string prefix(call.parameter("prefix"));
  const std::string_view after = call.parameter("continuation-token");  // the last bucket before
  CO_TRY(const int most, max_buckets_of(call, exchange->details));
  if (call.has_parameter("bucket-region")) {
    const std::string_view wanted = call.parameter("bucket-region");
    if (!is_region_name(wanted) && wanted != region()) {
      co_return invalid_argument(
          "Argument value " + std::string(wanted) + " is not a valid AWS Region", "bucket-region",
          wanted, exchange->details);
    }
    if (wanted != region()) buckets.clear();
  }
  std::erase_if(buckets, [&](const BucketInfo& bucket) {
    return !bucket.name.starts_with(prefix) || bucket.name <= after;
  });
  const std::size_t count = std::min(buckets.size(), static_cast<std::size_t>(most));
  constexpr std::string_view kQuestions[] = {"prefix", "continuation-token", "max-buckets",
                                             "bucket-region"};
  const bool asks = std::ranges::any_of(
      kQuestions, [&](std::string_view name) { return call.has_parameter(name); });
  const std::string next = count < buckets.size() ? buckets[count - 1].name : "";
  co_return co_await send(exchange, 200,
                          buckets_document(std::span(buckets).first(count), user,
                                           {prefix, next, asks ? region() : ""}));
}

Task<Result<void>> S3Service::create_bucket(Exchange* exchange) {
  const std::string& bucket = exchange->call.object.bucket;
  for (const Header header : exchange->headers()) {
    const bool lock =
        istarts_with(header.name, "x-amz-bucket-object-lock") && iequals(header.value, "true");
    const bool grant = istarts_with(header.name, "x-amz-grant-");
    if (lock || grant) co_return header_not_implemented(header.name);
  }
  CO_TRY_VOID(check_canned_acl(exchange->headers()));
  CO_TRY_VOID(check_ownership(exchange->headers(), exchange->details));
  CO_TRY(const std::string xml, co_await read_xml(exchange, kSmallDocumentBytesMax));
  CO_TRY(const std::string location, parse_create_bucket_body(xml));
  CO_TRY_VOID(check_location(location, options_.region, exchange->details));
  const S3User& user = owner_of(*exchange);
  const Result<BucketInfo> there = co_await base_.head_bucket(bucket);
  if (there && !serves(there->owner, user)) co_return bucket_already_exists(bucket);
  // Making one's own bucket again succeeds in us-east-1 alone, for history's sake.
  if (there && region() != "us-east-1") {
    co_return store_error(ErrorKind::kConflict, "BucketAlreadyOwnedByYou", 409,
                          "Your previous request to create the named bucket succeeded and you "
                          "already own it.");
  }
  CO_TRY_VOID(co_await store_.create_bucket(bucket, there ? there->owner : user.id));
  owners_.erase(bucket);
  exchange->response.headers.add("Location", "/" + bucket);
  co_return co_await send(exchange, 200, "");
}

Task<Result<void>> S3Service::head_bucket(Exchange* exchange) {
  CO_TRY_VOID(co_await store_.head_bucket(exchange->call.object.bucket));
  exchange->response.headers.add("x-amz-bucket-region", region());
  co_return co_await send(exchange, 200, "");
}

Task<Result<void>> S3Service::delete_bucket(Exchange* exchange) {
  const std::string& bucket = exchange->call.object.bucket;
  CO_TRY_VOID(co_await store_.remove_bucket(bucket));
  owners_.erase(bucket);
  co_return co_await send(exchange, 204, "");
}

Task<Result<void>> S3Service::get_location(Exchange* exchange) {
  const std::string& bucket = exchange->call.object.bucket;
  CO_TRY_VOID(co_await store_.disturb<BucketInfo>(Operation::kGetBucketLocation, "",
                                                  base_.head_bucket(bucket)));
  const bool classic = region() == "us-east-1";
  std::string document =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<LocationConstraint "
      "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";
  document += classic ? "/>" : ">" + options_.region + "</LocationConstraint>";
  co_return co_await send(exchange, 200, std::move(document));
}

Task<Result<void>> S3Service::list_objects(Exchange* exchange) {
  const S3Call& call = exchange->call;
  const std::string& bucket = call.object.bucket;
  CO_TRY(const ListQuestion question,
         parse_list_question(call, options_.page_size, exchange->details));
  const ListOptions& options = question.options;
  Result<ListPage> page = call.operation == Operation::kListObjects
                              ? co_await store_.list(bucket, options)
                              : co_await store_.disturb<ListPage>(call.operation, options.prefix,
                                                                  base_.list(bucket, options));
  if (!page && page.error().kind == ErrorKind::kInvalid && !options.continuation.empty()) {
    co_return invalid_argument("The continuation token provided is incorrect", "continuation-token",
                               options.continuation, exchange->details);
  }
  if (!page) co_return std::move(page).error();
  if (!offers_checksums()) {
    for (ListEntry& entry : page->objects) entry.checksum = ChecksumAlgorithm::kNone;
  }
  const S3User& owner = owner_of(*exchange);
  co_return co_await send(exchange, 200,
                          call.operation == Operation::kListObjectVersions
                              ? versions_document(bucket, question, *page, owner)
                              : list_document(bucket, question, *page, owner));
}

Task<Result<void>> S3Service::answer_in_passing(Exchange* exchange) {
  const S3Call& call = exchange->call;
  const bool of_object = !call.object.key.empty();
  if (of_object) {
    CO_TRY_VOID(co_await store_.disturb<ObjectInfo>(Operation::kOther, call.object.key,
                                                    base_.head(call.object)));
  } else {
    CO_TRY_VOID(co_await store_.disturb<BucketInfo>(Operation::kOther, "",
                                                    base_.head_bucket(call.object.bucket)));
  }
  if (of_object && (call.subresource == "legal-hold" || call.subresource == "retention")) {
    co_return invalid_request("Bucket is missing Object Lock Configuration");
  }
  if (exchange->request.method() == "DELETE") co_return co_await send(exchange, 204, "");
  if (exchange->request.method() == "PUT") {  // an ACL
    CO_TRY_VOID(check_acl_stays(exchange->headers(), exchange->request.length()));
    co_return co_await send(exchange, 200, "");
  }
  if (call.subresource == "acl") {
    co_return co_await send(exchange, 200, acl_document(owner_of(*exchange)));
  }
  if (call.subresource == "requestPayment" && !of_object) {
    Xml xml("RequestPaymentConfiguration");
    co_return co_await send(exchange, 200, xml.element("Payer", "BucketOwner").finish());
  }
  const auto answer = std::ranges::find(kOfBuckets, call.subresource, &InPassing::subresource);
  if (of_object || answer == std::end(kOfBuckets)) {
    co_return not_implemented("?" + call.subresource);
  }
  if (answer->code.empty()) {
    co_return co_await send(exchange, 200, Xml(answer->document).finish());
  }
  co_return store_error(ErrorKind::kNotFound, answer->code, 404, std::string(answer->message));
}

}  // namespace telpher
