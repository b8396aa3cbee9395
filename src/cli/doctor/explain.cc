#include "cli/doctor/explain.h"

#include "cli/json_event.h"
#include "session/exit_code.h"

#include <algorithm>
#include <array>

namespace telpher {
namespace {

struct Permission {
  std::string_view operation;
  std::string_view action;
  bool of_objects;  // else of the bucket
};

constexpr auto kPermissions = std::to_array<Permission>({
    {"GetObject", "s3:GetObject", true},
    {"HeadObject", "s3:GetObject", true},
    {"PutObject", "s3:PutObject", true},
    {"CopyObject", "s3:PutObject and s3:GetObject", true},
    {"DeleteObject", "s3:DeleteObject", true},
    {"DeleteObjects", "s3:DeleteObject", true},
    {"CreateMultipartUpload", "s3:PutObject", true},
    {"UploadPart", "s3:PutObject", true},
    {"CompleteMultipartUpload", "s3:PutObject", true},
    {"AbortMultipartUpload", "s3:AbortMultipartUpload", true},
    {"ListParts", "s3:ListMultipartUploadParts", true},
    {"ListMultipartUploads", "s3:ListBucketMultipartUploads", false},
    {"PutObjectTagging", "s3:PutObjectTagging", true},
    {"GetObjectTagging", "s3:GetObjectTagging", true},
    {"ListObjectsV2", "s3:ListBucket", false},
    {"ListObjects", "s3:ListBucket", false},
    {"ListObjectVersions", "s3:ListBucketVersions", false},
    {"HeadBucket", "s3:ListBucket", false},
});

std::string keys_of(const Circumstances& known) {
  return known.access_key.empty() ? "everybody, or sign requests" : "the key " + known.access_key;
}

std::string place_of_secret(const Circumstances& known) {
  return known.keys_from == "environment" ? "AWS_SECRET_ACCESS_KEY" : known.keys_from;
}

std::string place_of_key(const Circumstances& known) {
  return known.keys_from == "environment" ? "AWS_ACCESS_KEY_ID" : known.keys_from;
}

Finding explain_denied(const Error& error, const Circumstances& known) {
  const auto row = std::ranges::find(kPermissions, error.context.operation, &Permission::operation);
  if (row == kPermissions.end() || known.bucket.empty()) {
    const bool lists = error.context.operation == "ListBuckets";
    return failure(kExitDestination, error.message,
                   "Have s3:" + std::string(lists ? "ListAllMyBuckets" : "*") + " allowed for " +
                       keys_of(known) +
                       (lists ? ", or name a bucket: telpher doctor s3://NAME" : ""));
  }
  const std::string place = "arn:aws:s3:::" + known.bucket + (row->of_objects ? "/*" : "");
  return failure(kExitDestination,
                 std::string(row->operation) + " is refused (" +
                     (error.context.code.empty() ? "403" : error.context.code) + ")",
                 "Have the bucket's owner allow " + std::string(row->action) + " on " + place +
                     " for " + keys_of(known));
}

Finding explain_code(const std::string& code, const Circumstances& known) {
  if (code == "NoSuchBucket") {
    return failure(kExitDestination,
                   known.is_local
                       ? "there is no bucket '" + known.bucket + "'"
                       : "there is no bucket '" + known.bucket + "' at " + known.endpoint,
                   "Make it: telpher mb " + std::string(known.is_local ? "local" : "s3") + "://" +
                       known.bucket);
  }
  if (code == "InvalidAccessKeyId") {
    return failure(
        kExitDestination,
        "the store does not know the access key " + known.access_key + " (" + known.keys_from + ")",
        "Correct it in " + place_of_key(known) + "; keys of one service are unknown to " +
            "another, and this is " + known.endpoint);
  }
  if (code == "SignatureDoesNotMatch") {
    return failure(kExitDestination,
                   "the secret key is not that of the access key " + known.access_key + " (" +
                       known.keys_from + "): the store computes another signature",
                   "Correct the secret key in " + place_of_secret(known) +
                       " (all of it, no blanks). If it is right: the region, now '" + known.region +
                       "', or a proxy that changes requests");
  }
  if (code == "ExpiredToken" || code == "TokenRefreshRequired") {
    return failure(
        kExitDestination,
        "the session token of " + known.access_key + " has expired (" + known.keys_from + ")",
        "Sign in again (aws sso login), or get new temporary keys");
  }
  if (code == "InvalidToken") {
    return failure(
        kExitDestination,
        "the session token is not one of " + known.access_key + " (" + known.keys_from + ")",
        "Set AWS_SESSION_TOKEN to the token that came with these keys, or unset it");
  }
  if (code == "RequestTimeTooSkewed" || code == "RequestExpired") {
    return failure(kExitDestination, "this machine's clock is too far from the store's",
                   "Set the clock: sudo timedatectl set-ntp true, or sudo chronyc makestep");
  }
  if (code == "AuthorizationHeaderMalformed" || code == "IllegalLocationConstraintException" ||
      code == "PermanentRedirect") {
    return failure(kExitDestination,
                   "the store wants requests signed for another region than '" + known.region +
                       "', and does not say which",
                   "Ask its operator, and set --region NAME or AWS_REGION");
  }
  return {};
}

Finding explain_network(const Error& error, const Circumstances& known) {
  const std::string& code = error.context.code;
  const std::string url = "the endpoint URL (" + place_to_mend(known.endpoint_from) + ")";
  if (code == "ECONNREFUSED") {
    return failure(kExitGaveUp, "nobody listens there: connection refused",
                   "Start the service, or correct the port in " + url);
  }
  if (code == "ENETUNREACH" || code == "EHOSTUNREACH") {
    return failure(kExitGaveUp, "no way leads there: " + error.message,
                   "Check this machine's network, VPN and routes (ip route), or correct " + url);
  }
  if (error.kind == ErrorKind::kTimeout && !error.context.operation.empty()) {
    return failure(kExitGaveUp,
                   error.context.operation + " is not answered within " + known.waited_for_answer,
                   "The store hangs or is slow: try again in a while, tell its operator, or wait "
                   "longer: --idle-timeout 60s");
  }
  if (error.kind == ErrorKind::kTimeout) {
    return failure(kExitGaveUp, "no answer within " + known.waited_to_connect,
                   "A firewall or security group may drop what is sent, or the host is down. Else "
                   "correct " +
                       url + ", or wait longer: --connect-timeout 30s");
  }
  return failure(kExitGaveUp, error.message, "Try again; else correct " + url);
}

/// The last sentence of our messages says what to do.
Finding explain_by_message(const Error& error, int exit_code) {
  const std::size_t end = error.message.find(". ");
  if (end == std::string::npos) return failure(exit_code, error.message, "");
  return failure(exit_code, error.message.substr(0, end), error.message.substr(end + 2));
}

}  // namespace

std::string place_to_mend(const std::string& from) {
  return from.empty() ? "--endpoint-url or AWS_ENDPOINT_URL" : from;
}

Finding explain(const Error& error, const Circumstances& known) {
  Finding finding = explain_code(error.context.code, known);
  const int exit_code =
      exit_code_for(error, {.source_is_store = false, .destination_is_store = true});
  if (finding.found.empty()) {
    switch (error.kind) {
      case ErrorKind::kDenied:
        finding = error.context.operation.empty() ? explain_by_message(error, exit_code)
                                                  : explain_denied(error, known);
        break;
      case ErrorKind::kNetwork:
      case ErrorKind::kTimeout: finding = explain_network(error, known); break;
      case ErrorKind::kServer:
      case ErrorKind::kThrottled:
        finding =
            failure(exit_code, error.message,
                    "The store itself is not well: try again in a while, or tell its operator");
        break;
      case ErrorKind::kLimit:
        finding = failure(kExitDestination, error.message,
                          "Free or buy room: a quota or a limit of the store is reached");
        break;
      default: finding = explain_by_message(error, exit_code); break;
    }
  }
  if (!error.context.code.empty()) {
    finding.facts.emplace_back("code", json_string(error.context.code));
  }
  return finding;
}

}  // namespace telpher
