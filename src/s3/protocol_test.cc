// Requests as they are sent, answers as they are read, errors as people see them, providers.

#include "s3/error_table.h"
#include "s3/provider.h"
#include "s3/request.h"
#include "s3/response.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace telpher {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

S3Endpoint local_endpoint() { return *parse_endpoint("http://127.0.0.1:9000", Addressing::kPath); }

Digest crc64_of(std::string_view text) {
  return checksum_of(ChecksumAlgorithm::kCrc64Nvme, as_bytes(text));
}

TEST(Route, PathStyleAndVirtualHostStyle) {
  const BucketRoute path = make_route(local_endpoint(), "photos");
  EXPECT_EQ(path.host, "127.0.0.1:9000");
  EXPECT_EQ(path.path, "/photos");

  const BucketRoute host = make_route(aws_endpoint("eu-west-1"), "photos");
  EXPECT_EQ(host.origin.host, "photos.s3.eu-west-1.amazonaws.com");
  EXPECT_EQ(host.host, "photos.s3.eu-west-1.amazonaws.com");
  EXPECT_EQ(host.path, "");
  EXPECT_EQ(s3_request::head_bucket(host).http.target, "/");
  EXPECT_EQ(s3_request::head_object(host, {"", "a b"}, {}).http.target, "/a%20b");

  // A certificate for *.s3.… does not cover two labels.
  EXPECT_EQ(make_route(aws_endpoint("eu-west-1"), "a.b").path, "/a.b");
}

TEST(Route, EndpointMayHaveAPathAndAnIPv6Address) {
  const auto endpoint = parse_endpoint("http://[::1]:8080/s3/", Addressing::kPath);
  ASSERT_TRUE(endpoint);
  const BucketRoute route = make_route(*endpoint, "b12");
  EXPECT_EQ(route.host, "[::1]:8080");
  EXPECT_EQ(s3_request::head_object(route, {"", "k"}, {}).http.target, "/s3/b12/k");
}

TEST(Route, EndpointsWithSecretsAreRefusedWithoutRepeatingThem) {
  for (const char* url :
       {"http://user:hunter2@host", "ftp://host", "host:9000", "http://h/?k=hunter2"}) {
    const auto endpoint = parse_endpoint(url, Addressing::kPath);
    ASSERT_FALSE(endpoint) << url;
    EXPECT_EQ(endpoint.error().kind, ErrorKind::kInvalid);
    EXPECT_EQ(endpoint.error().message.find("hunter2"), std::string::npos);
  }
}

TEST(Request, KeysAreEncodedOnceAndNeverNormalised) {
  const BucketRoute route = make_route(local_endpoint(), "bucket");
  const auto target = [&](std::string_view key) {
    return s3_request::head_object(route, {"", std::string(key)}, {}).http.target;
  };
  EXPECT_EQ(target("a//b/../c/./d"), "/bucket/a//b/../c/./d");
  EXPECT_EQ(target("100%25 +?#&=\xc3\xa4"), "/bucket/100%2525%20%2B%3F%23%26%3D%C3%A4");
  EXPECT_EQ(target("/"), "/bucket//");
}

TEST(Request, PutCarriesMetadataConditionAndChecksum) {
  const BucketRoute route = make_route(local_endpoint(), "bucket");
  PutOptions options;
  options.metadata.content_type = "text/plain";
  options.metadata.user["colour"] = "blue";
  options.storage.storage_class = "STANDARD_IA";
  options.condition.if_none_match = true;
  options.checksum = crc64_of("hello");
  const auto request = s3_request::put_object(route, "k", options, {});
  ASSERT_TRUE(request);
  const Headers& headers = request->http.headers;
  EXPECT_EQ(request->http.method, "PUT");
  EXPECT_EQ(headers.find("content-type"), "text/plain");
  EXPECT_EQ(headers.find("x-amz-meta-colour"), "blue");
  EXPECT_EQ(headers.find("x-amz-storage-class"), "STANDARD_IA");
  EXPECT_EQ(headers.find("if-none-match"), "*");
  EXPECT_EQ(headers.find("x-amz-checksum-crc64nvme"), options.checksum->to_base64());

  S3Dialect old;
  old.checksums = false;
  EXPECT_FALSE(s3_request::put_object(route, "k", options, old)
                   ->http.headers.contains("x-amz-checksum-crc64nvme"));
}

TEST(Request, MetadataCannotSmuggleHeaders) {
  const BucketRoute route = make_route(local_endpoint(), "bucket");
  PutOptions options;
  options.metadata.user["a"] = "b\r\nx-amz-acl: public-read";
  EXPECT_EQ(s3_request::put_object(route, "k", options, {}).error().kind, ErrorKind::kInvalid);
  options.metadata.user = {{"a: b", "c"}};
  EXPECT_EQ(s3_request::put_object(route, "k", options, {}).error().kind, ErrorKind::kInvalid);
}

TEST(Request, CompleteListsPartsAndTheWholeChecksum) {
  const BucketRoute route = make_route(local_endpoint(), "bucket");
  CompleteOptions options;
  options.checksum = crc64_of("ab");
  options.size = 2;
  const std::vector<PartInfo> parts = {{1, 1, "\"e1\"", crc64_of("a")}, {2, 1, "\"e2\"", {}}};
  const S3Request request = s3_request::complete_upload(route, "k", "id+/=", parts, options, {});
  EXPECT_EQ(request.http.target, "/bucket/k?uploadId=id%2B%2F%3D");
  EXPECT_EQ(request.http.headers.find("x-amz-checksum-type"), "FULL_OBJECT");
  EXPECT_EQ(request.http.headers.find("x-amz-mp-object-size"), "2");
  EXPECT_THAT(request.payload,
              HasSubstr("<Part><PartNumber>1</PartNumber><ETag>\"e1\"</ETag>"
                        "<ChecksumCRC64NVME>" +
                        crc64_of("a").to_base64() + "</ChecksumCRC64NVME></Part>"));
}

TEST(Request, ListsInBothVersions) {
  const BucketRoute route = make_route(local_endpoint(), "bucket");
  ListOptions options;
  options.prefix = "a b/";
  options.delimiter = "/";
  options.continuation = "t=";
  EXPECT_EQ(s3_request::list_objects(route, options, {}).http.target,
            "/bucket/?continuation-token=t%3D&delimiter=%2F&encoding-type=url&list-type=2"
            "&max-keys=1000&prefix=a%20b%2F");
  S3Dialect old;
  old.list_version = 1;
  EXPECT_EQ(s3_request::list_objects(route, options, old).http.target,
            "/bucket/?delimiter=%2F&encoding-type=url&marker=t%3D&max-keys=1000&prefix=a%20b%2F");
}

TEST(Response, ListWithEncodedKeysAndPrefixes) {
  const auto answer = s3_response::parse_list(R"(<?xml version="1.0"?>
    <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
      <EncodingType>url</EncodingType><KeyCount>2</KeyCount><IsTruncated>true</IsTruncated>
      <NextContinuationToken>abc</NextContinuationToken>
      <Contents><Key>a%2Bb+c%01</Key><Size>5</Size><ETag>&quot;e&quot;</ETag>
        <LastModified>2009-10-12T17:50:30.000Z</LastModified></Contents>
      <CommonPrefixes><Prefix>dir%2F</Prefix></CommonPrefixes>
    </ListBucketResult>)");
  ASSERT_TRUE(answer);
  ASSERT_EQ(answer->page.objects.size(), 1u);
  const ListEntry& entry = answer->page.objects[0];
  EXPECT_EQ(entry.key, "a+b c\x01");
  EXPECT_EQ(entry.size, 5u);
  EXPECT_EQ(entry.etag, "\"e\"");
  EXPECT_EQ(std::chrono::system_clock::to_time_t(entry.last_modified), 1255369830);
  EXPECT_THAT(answer->page.prefixes, ElementsAre("dir/"));
  EXPECT_EQ(answer->page.continuation, "abc");
  EXPECT_FALSE(answer->version1);
}

TEST(Response, Version1ListGoesOnAfterTheLastKey) {
  const auto answer = s3_response::parse_list(
      "<ListBucketResult><Marker/><IsTruncated>true</IsTruncated>"
      "<Contents><Key>k1</Key><Size>0</Size></Contents></ListBucketResult>");
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->version1);
  EXPECT_EQ(answer->page.continuation, "k1");
}

TEST(Response, WhiteSpaceKeysSurvive) {
  const auto answer = s3_response::parse_list(
      "<ListBucketResult><Contents><Key> </Key><Size>0</Size></Contents></ListBucketResult>");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->page.objects.at(0).key, " ");
}

TEST(Response, MalformedDocumentsAreTemporaryProtocolErrors) {
  for (const char* xml : {"", "x", "<a>", "<ListBucketResult>", "<Error/>",
                          "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
                          "<ListBucketResult><Contents><Key>k</Key><Size>-1</Size></Contents>"
                          "</ListBucketResult>"}) {
    const auto answer = s3_response::parse_list(xml);
    ASSERT_FALSE(answer) << xml;
    EXPECT_EQ(answer.error().kind, ErrorKind::kProtocol);
    EXPECT_TRUE(answer.error().is_temporary());
  }
  EXPECT_FALSE(s3_response::parse_parts(
      "<ListPartsResult><Part><PartNumber>10001</PartNumber><Size>1</Size></Part>"
      "</ListPartsResult>"));
  EXPECT_FALSE(s3_response::parse_create_upload(
      "<InitiateMultipartUploadResult><UploadId> </UploadId></InitiateMultipartUploadResult>"));
}

TEST(Response, ChecksumsOfObjects) {
  Headers headers;
  headers.add("x-amz-checksum-crc64nvme", crc64_of("hello").to_base64());
  headers.add("x-amz-checksum-type", "FULL_OBJECT");
  auto checksum = s3_response::parse_checksum_headers(headers);
  ASSERT_TRUE(checksum);
  EXPECT_EQ(checksum->digest, crc64_of("hello"));
  EXPECT_EQ(checksum->parts, 0);

  Headers composite;
  const Digest sha = checksum_of(ChecksumAlgorithm::kSha256, as_bytes("x"));
  composite.add("x-amz-checksum-sha256", sha.to_base64() + "-3");
  checksum = s3_response::parse_checksum_headers(composite);
  ASSERT_TRUE(checksum);
  EXPECT_EQ(checksum->digest, sha);
  EXPECT_EQ(checksum->parts, 3);

  Headers broken;
  broken.add("x-amz-checksum-crc64nvme", "AAAA");
  EXPECT_FALSE(s3_response::parse_checksum_headers(broken));
}

TEST(Response, ErrorsInsideASuccess) {
  EXPECT_TRUE(
      s3_response::is_error_document("  \n<?xml version=\"1.0\"?>\n <Error><Code>x</Code>"));
  EXPECT_FALSE(s3_response::is_error_document(
      "<CompleteMultipartUploadResult><ETag>Error</ETag></CompleteMultipartUploadResult>"));
}

Error error_of(S3Target target, int status, std::string_view body, Headers headers = {}) {
  return make_s3_error(target, s3_response::parse_error(status, headers, body, {}));
}

std::string error_body(std::string_view code, std::string_view message = "") {
  return "<Error><Code>" + std::string(code) + "</Code><Message>" + std::string(message) +
         "</Message><RequestId>R1</RequestId></Error>";
}

TEST(ErrorTable, NamesTheThingTheCauseAndTheRemedy) {
  const S3Target put{"PutObject", "x", "k", true};
  Error error = error_of(put, 404, error_body("NoSuchBucket"));
  EXPECT_EQ(error.message,
            "S3 bucket 'x' does not exist (NoSuchBucket). Create it: telpher mb s3://x");
  EXPECT_EQ(error.kind, ErrorKind::kNotFound);
  EXPECT_EQ(error.context.request_id, "R1");

  error = error_of(put, 403, error_body("AccessDenied", "Access Denied."));
  EXPECT_EQ(error.message,
            "Insufficient permissions to write to bucket 'x': Access Denied (AccessDenied, HTTP "
            "403)");
  EXPECT_EQ(error.kind, ErrorKind::kDenied);

  // HEAD has no body.
  error = error_of({"HeadObject", "x", "k", false}, 404, "");
  EXPECT_EQ(error.message, "s3://x/k does not exist (NoSuchKey)");
  EXPECT_EQ(error.context.code, "NoSuchKey");
  EXPECT_EQ(error_of({"HeadBucket", "x", "", false}, 404, "").context.code, "NoSuchBucket");
}

TEST(ErrorTable, KindAndPersistence) {
  struct Case {
    int status;
    const char* code;
    ErrorKind kind;
    bool temporary;
  };
  const Case cases[] = {
      {503, "SlowDown", ErrorKind::kThrottled, true},
      {429, "", ErrorKind::kThrottled, true},
      {503, "", ErrorKind::kThrottled, true},
      {500, "InternalError", ErrorKind::kServer, true},
      {200, "InternalError", ErrorKind::kServer, true},
      {502, "", ErrorKind::kServer, true},
      {400, "RequestTimeout", ErrorKind::kTimeout, true},
      {400, "BadDigest", ErrorKind::kCorrupt, true},
      {400, "InvalidPart", ErrorKind::kInvalid, false},
      {409, "ConditionalRequestConflict", ErrorKind::kConflict, true},
      {412, "PreconditionFailed", ErrorKind::kPrecondition, false},
      {409, "BucketNotEmpty", ErrorKind::kConflict, false},
      {403, "QuotaExceeded", ErrorKind::kLimit, false},
      {400, "ExpiredToken", ErrorKind::kDenied, true},
      {403, "RequestTimeTooSkewed", ErrorKind::kDenied, true},
      {403, "NeverHeardOf", ErrorKind::kDenied, false},
      {418, "NeverHeardOf", ErrorKind::kInvalid, false},
      {599, "NeverHeardOf", ErrorKind::kServer, true},
  };
  for (const Case& test : cases) {
    const Error error = error_of({"PutObject", "x", "k", true}, test.status,
                                 *test.code ? error_body(test.code) : "");
    EXPECT_EQ(error.kind, test.kind) << test.status << test.code;
    EXPECT_EQ(error.is_temporary(), test.temporary) << test.status << test.code;
  }
}

TEST(ErrorTable, RetryAfterIsKept) {
  Headers headers;
  headers.add("Retry-After", "7");
  EXPECT_EQ(error_of({"PutObject", "x", "k", true}, 503, "", headers).context.retry_after, 7000ms);
}

TEST(ErrorTable, CodesAndRegionsAreWords) {
  const S3ErrorAnswer answer = s3_response::parse_error(
      400, {}, "<Error><Code>A\x01</Code><Region>x.evil.example/</Region></Error>", {});
  EXPECT_EQ(answer.code, "");
  EXPECT_EQ(answer.region, "") << "it would become part of a host name";
}

TEST(ErrorTable, ServerWordsCannotBreakTheLine) {
  const Error error = error_of({"GetObject", "x", "k", false}, 400,
                               error_body("Odd", "line\n\x1b[31m" + std::string(5000, 'a')));
  EXPECT_EQ(error.message.find('\n'), std::string::npos);
  EXPECT_EQ(error.message.find('\x1b'), std::string::npos);
  EXPECT_LT(error.message.size(), 500u);
}

TEST(Providers, AreFoundByHostAndByAnswer) {
  EXPECT_EQ(provider_of_host("s3.eu-west-1.amazonaws.com").name, "AWS");
  EXPECT_EQ(provider_of_host("abc.r2.cloudflarestorage.com").name, "R2");
  EXPECT_EQ(provider_of_host("storage.googleapis.com").name, "GCS");
  EXPECT_EQ(provider_of_host("amazonaws.com.evil.example").name, "unknown");
  EXPECT_TRUE(provider_of_host("abc.r2.cloudflarestorage.com").capabilities.equal_parts);
  EXPECT_EQ(provider_of_host("s3.fr-par.scw.cloud").capabilities.parts_max, 1000);

  Headers minio;
  minio.add("Server", "MinIO");
  EXPECT_EQ(provider_of_answer(minio)->name, "MinIO");
  Headers ceph;
  ceph.add("x-amz-request-id", "tx00000b1c3f2f0d3a7a9f1-0065f0a1b2-1089-default");
  EXPECT_EQ(provider_of_answer(ceph)->name, "Ceph");
  Headers swift;
  swift.add("x-amz-request-id", "tx0123456789abcdef01234-0065f0a1b2");
  EXPECT_EQ(provider_of_answer(swift)->name, "Swift");
  EXPECT_EQ(provider_of_answer({}), nullptr);
}

TEST(Providers, RegionsStandInHosts) {
  const auto region = [](std::string_view host) {
    return region_of_host(provider_of_host(host), host);
  };
  EXPECT_EQ(region("s3.eu-west-1.amazonaws.com"), "eu-west-1");
  EXPECT_EQ(region("s3.cn-north-1.amazonaws.com.cn"), "cn-north-1");
  EXPECT_EQ(region("s3.amazonaws.com"), "us-east-1");
  EXPECT_EQ(region("s3.us-west-004.backblazeb2.com"), "us-west-004");
  EXPECT_EQ(region("s3.nl-ams.scw.cloud"), "nl-ams");
  EXPECT_EQ(region("acc.r2.cloudflarestorage.com"), "auto");
  EXPECT_EQ(region("127.0.0.1"), "us-east-1");
}

}  // namespace
}  // namespace telpher
