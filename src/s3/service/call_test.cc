#include "s3/service/call.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

const std::vector<std::string> kDomains = {"localhost", "s3.example.org"};

Headers host(std::string_view value) {
  Headers headers;
  headers.add("Host", value);
  return headers;
}

Result<S3Call> parse(std::string_view method, std::string_view target,
                     Headers headers = host("127.0.0.1:9000")) {
  return parse_s3_call(method, target, headers, kDomains);
}

TEST(S3Call, NamesTheOperation) {
  struct Row {
    std::string_view method, target;
    Operation operation;
  };
  const Row rows[] = {
      {"GET", "/", Operation::kListBuckets},
      {"GET", "/?x-id=ListBuckets", Operation::kListBuckets},
      {"PUT", "/b", Operation::kCreateBucket},
      {"PUT", "/b/", Operation::kCreateBucket},
      {"HEAD", "/b", Operation::kHeadBucket},
      {"DELETE", "/b", Operation::kDeleteBucket},
      {"GET", "/b?list-type=2&prefix=a", Operation::kListObjects},
      {"GET", "/b", Operation::kListObjectsV1},
      {"GET", "/b?list-type=1", Operation::kListObjectsV1},
      {"GET", "/b?versions", Operation::kListObjectVersions},
      {"GET", "/b?uploads", Operation::kListUploads},
      {"GET", "/b?location", Operation::kGetBucketLocation},
      {"GET", "/b?acl", Operation::kOther},
      {"PUT", "/b?acl", Operation::kOther},
      {"PUT", "/b/k?acl", Operation::kOther},
      {"PUT", "/b/k?legal-hold", Operation::kOther},
      {"PUT", "/b/k?retention", Operation::kOther},
      {"DELETE", "/b?policy", Operation::kOther},
      {"POST", "/b?delete", Operation::kDeleteObjects},
      {"GET", "/b/k", Operation::kGetObject},
      {"GET", "/b/k?partNumber=2", Operation::kGetObject},
      {"HEAD", "/b/k", Operation::kHeadObject},
      {"PUT", "/b/k", Operation::kPutObject},
      {"DELETE", "/b/k", Operation::kDeleteObject},
      {"POST", "/b/k?uploads", Operation::kCreateUpload},
      {"PUT", "/b/k?partNumber=1&uploadId=u", Operation::kPutPart},
      {"POST", "/b/k?uploadId=u", Operation::kComplete},
      {"DELETE", "/b/k?uploadId=u", Operation::kAbort},
      {"GET", "/b/k?uploadId=u", Operation::kListParts},
      {"GET", "/b/k?tagging", Operation::kGetTags},
      {"PUT", "/b/k?tagging", Operation::kSetTags},
      {"DELETE", "/b/k?tagging", Operation::kDeleteTags},
      {"GET", "/b/k?attributes", Operation::kGetAttributes},
  };
  for (const Row& row : rows) {
    const Result<S3Call> call = parse(row.method, row.target);
    ASSERT_TRUE(call) << row.method << " " << row.target << ": " << call.error().message;
    EXPECT_EQ(call->operation, row.operation) << row.method << " " << row.target;
  }
}

TEST(S3Call, ACopySourceMakesACopy) {
  Headers headers = host("h");
  headers.add("x-amz-copy-source", "/b/k");
  EXPECT_EQ(parse("PUT", "/b/to", headers)->operation, Operation::kCopyObject);
  EXPECT_EQ(parse("PUT", "/b/to?partNumber=1&uploadId=u", headers)->operation,
            Operation::kCopyPart);
}

TEST(S3Call, KeysAreTakenAsTheyStand) {
  EXPECT_EQ(parse("GET", "/b/a%20b/%C3%BC+%25/.././/c/")->object.key, "a b/ü+%/.././/c/");
  EXPECT_EQ(parse("GET", "/b//k")->object.key, "/k");
  EXPECT_EQ(parse("GET", "/b/%2Fk")->object.key, "/k");
  EXPECT_EQ(parse("GET", "/b/a%00b")->object.key, std::string_view("a\0b", 3));
  const Result<S3Call> bad = parse("GET", "/b/%zz");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().context.code, "InvalidURI");
}

TEST(S3Call, AHostBelowADomainNamesTheBucket) {
  EXPECT_EQ(parse("GET", "/k/x", host("my.bucket.localhost:9000"))->object,
            (ObjectAddress{"my.bucket", "k/x"}));
  EXPECT_EQ(parse("PUT", "/", host("Bucket.S3.Example.ORG"))->object,
            (ObjectAddress{"bucket", ""}));
  EXPECT_EQ(parse("GET", "/b/k", host("localhost:9000"))->object, (ObjectAddress{"b", "k"}));
  EXPECT_EQ(parse("GET", "/b/k", host("[::1]:9000"))->object, (ObjectAddress{"b", "k"}));
  EXPECT_EQ(parse("GET", "/b/k", host("notlocalhost"))->object, (ObjectAddress{"b", "k"}));
}

TEST(S3Call, WhatIsNotSpokenIsNeverIgnored) {
  struct Row {
    std::string_view method, target, code;
  };
  const Row rows[] = {
      {"PUT", "/b?versioning", "NotImplemented"},
      {"PUT", "/b?policy", "NotImplemented"},
      {"DELETE", "/b?logging", "NotImplemented"},
      {"DELETE", "/b/k?acl", "NotImplemented"},
      {"POST", "/b/k?restore", "NotImplemented"},
      {"POST", "/b/k?select", "NotImplemented"},
      {"PUT", "/b/k?partNumber=1", "InvalidArgument"},
      {"PUT", "/b/k?uploadId=u", "InvalidArgument"},
      {"POST", "/b", "NotImplemented"},
      {"GET", "/b?acl&tagging", "NotImplemented"},
      {"PATCH", "/b/k", "MethodNotAllowed"},
      {"PUT", "/", "MethodNotAllowed"},
      {"GET", "//k", "InvalidBucketName"},
      {"PUT", "/b/k?uploads", "MethodNotAllowed"},
      {"POST", "/b/k", "MethodNotAllowed"},
      {"GET", "/b?prefix=%zz", "InvalidURI"},
  };
  for (const Row& row : rows) {
    const Result<S3Call> call = parse(row.method, row.target);
    ASSERT_FALSE(call) << row.method << " " << row.target;
    EXPECT_EQ(call.error().context.code, row.code) << row.method << " " << row.target;
  }
}

TEST(S3Call, TypesOfResources) {
  const auto type = [](std::string_view target, std::string_view where = "127.0.0.1") {
    return resource_type(target, host(where), kDomains);
  };
  EXPECT_EQ(type("/?x"), "SERVICE");
  EXPECT_EQ(type("/b"), "BUCKET");
  EXPECT_EQ(type("/b/?x=/y"), "BUCKET");
  EXPECT_EQ(type("/b/k"), "OBJECT");
  EXPECT_EQ(type("/", "b.localhost"), "BUCKET");
  EXPECT_EQ(type("/k", "b.localhost"), "OBJECT");
}

TEST(S3Call, CopySources) {
  EXPECT_EQ(*parse_copy_source("/b/a%20%C3%BC/k"), (ObjectAddress{"b", "a ü/k"}));
  EXPECT_EQ(*parse_copy_source("b/k?versionId=null"), (ObjectAddress{"b", "k"}));
  EXPECT_EQ(*parse_copy_source("b/what%3FversionId=x"), (ObjectAddress{"b", "what?versionId=x"}));
  for (const std::string_view bad : {"", "/", "b", "b/", "/b/", "b/%zz", "b/k?versionId=7"}) {
    EXPECT_FALSE(parse_copy_source(bad)) << bad;
  }
}

}  // namespace
}  // namespace telpher
