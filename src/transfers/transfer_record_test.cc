#include "transfers/transfer_record.h"

#include "transfers/failure.h"

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace telpher {
namespace {

using testing::HasSubstr;
using testing::Not;

TransferSpec full_spec() {
  Random random(1);
  return {.request = {.source_url = "https://joe:pw@h/f?sig=1",
                      .bucket = "photos",
                      .key_prefix = "in/",
                      .key = "k",
                      .headers = {"A: b", "C: \xc3\xa9"},
                      .checksum = checksum_of(ChecksumAlgorithm::kSha256, as_bytes("x")),
                      .size = 12,
                      .content_type = "text/plain",
                      .if_there = IfThere::kKeep,
                      .webhook = "https://w/?key=2"},
          .trace = begin_trace(random)};
}

TEST(TransferRecord, ASpecIsReadAsItWasWritten) {
  const TransferSpec spec = full_spec();
  const TransferSpec read = decode_spec(encode_spec(spec)).value();
  EXPECT_EQ(encode_spec(read), encode_spec(spec));
  EXPECT_EQ(read.request.source_url, spec.request.source_url);
  EXPECT_EQ(read.request.headers, spec.request.headers);
  EXPECT_EQ(read.request.checksum, spec.request.checksum);
  EXPECT_EQ(read.request.size, spec.request.size);
  EXPECT_EQ(read.request.if_there, IfThere::kKeep);
  EXPECT_EQ(read.trace.trace, spec.trace.trace);
}

TEST(TransferRecord, WithoutSecretsNoneIsLeft) {
  const std::string text = encode_spec(without_secrets(full_spec()));
  for (const char* secret : {"pw", "joe", "sig", "A: b", "key=2"}) {
    EXPECT_THAT(text, Not(HasSubstr(secret)));
  }
  EXPECT_TRUE(decode_spec(text));
}

TEST(TransferRecord, ADamagedSpecIsAnError) {
  std::string text = encode_spec(full_spec());
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(decode_spec(text.substr(0, size)));
  }
  for (const char* bad : {"[]", "1", "{}", R"({"url":1,"bucket":"b","there":"replace"})",
                          R"({"url":"u","bucket":"b","there":"x"})",
                          R"({"url":"u","bucket":"b","there":"keep","checksum":"md5:zz"})"}) {
    EXPECT_FALSE(decode_spec(bad)) << bad;
  }
}

TEST(TransferRecord, AStateIsReadAsItWasWrittenAndDamageIsABeginning) {
  TransferState state;
  state.key = "in/k";
  state.numbers = {.bytes = 5, .size = 10, .parts_done = 1, .parts = 2, .strip = "d."};
  state.failures = 3;
  const TransferState read = decode_state(encode_state(state));
  EXPECT_EQ(read.key, "in/k");
  EXPECT_EQ(read.numbers, state.numbers);
  EXPECT_EQ(read.failures, 3);
  for (const char* bad : {"", "x", "[]", R"({"key":1,"bytes":-1,"parts":99999999999999})"}) {
    EXPECT_EQ(decode_state(bad).key, "");
    EXPECT_EQ(decode_state(bad).numbers, TransferNumbers{});
  }
}

TEST(TransferRecord, RequestsAreToldApartByAllTheySay) {
  const TransferRequest request = full_spec().request;
  EXPECT_EQ(fingerprint_of(request), fingerprint_of(request));
  TransferRequest other = request;
  other.priority = 1;
  EXPECT_NE(fingerprint_of(other), fingerprint_of(request));
  other = request;
  other.headers.pop_back();
  EXPECT_NE(fingerprint_of(other), fingerprint_of(request));
}

TEST(TransferJson, SaysWhatTheApiSays) {
  Job job{.id = "abc",
          .owner = "joe",
          .priority = 2,
          .state = JobState::kInProgress,
          .spec = encode_spec(full_spec()),
          .attempt = 1,
          .created = WallTime(std::chrono::milliseconds(1'767'225'600'007)),
          .error = JobError{"S3_ERROR", "no", true}};
  TransferState state;
  state.key = "in/k";
  state.numbers = {.bytes = 999, .size = 1000, .parts_done = 1, .parts = 2, .strip = "da"};
  job.progress = encode_state(state);
  const boost::json::value json = boost::json::parse(transfer_json(make_transfer(job)));
  EXPECT_EQ(json.at("transferId"), "abc");
  EXPECT_EQ(json.at("status"), "in-progress");
  EXPECT_EQ(json.at("progress").at("bytesTransferred"), 999);
  EXPECT_EQ(json.at("progress").at("percentage"), 99.9);
  EXPECT_EQ(json.at("progress").at("parts"), "da");
  EXPECT_TRUE(json.at("progress").at("etaSeconds").is_null());
  const boost::json::value& metadata = json.at("metadata");
  EXPECT_EQ(metadata.at("sourceUrl"), "https://h/f?...");
  EXPECT_EQ(metadata.at("s3Location"), "s3://photos/in/k");
  EXPECT_EQ(metadata.at("createdTime"), "2026-01-01T00:00:00.007Z");
  EXPECT_TRUE(metadata.at("endTime").is_null());
  EXPECT_EQ(metadata.at("priority"), 2);
  EXPECT_EQ(json.at("error").at("code"), "S3_ERROR");
  EXPECT_EQ(json.at("error").at("retryable"), true);
}

TEST(TransferJson, TimeLeftComesOfTheSpeed) {
  Transfer transfer;
  transfer.numbers = {.bytes = 500, .size = 1000, .bytes_per_second = 120};
  EXPECT_THAT(progress_json(transfer), HasSubstr("\"etaSeconds\":5E0"));
  transfer.numbers.size.reset();
  EXPECT_THAT(progress_json(transfer), HasSubstr("\"etaSeconds\":null"));
  EXPECT_THAT(progress_json(transfer), HasSubstr("\"percentage\":null"));
}

TEST(TransferJson, ALongStripIsSummedUp) {
  EXPECT_EQ(strip_of("da.."), "da..");
  std::string parts(10'000, '.');
  std::fill_n(parts.begin(), 5'025, 'd');
  const std::string strip = strip_of(parts);
  EXPECT_EQ(strip, std::string(100, 'd') + "a" + std::string(99, '.'));
}

TEST(Failure, IsLaidAtTheDoorOfWhoFailed) {
  FailureTrail trail;
  const Error refused = make_error(ErrorKind::kDenied, "403");
  trail.note(FailedSide::kFetch, make_error(ErrorKind::kNetwork, "reset"));
  trail.note(FailedSide::kStore, refused);
  EXPECT_EQ(describe_failure(refused, trail).code, "S3_ERROR");
  Error wrapped = refused;
  wrapped.message = "Failed to upload part 3 after 8 attempts: 403";
  wrapped.persistence = Persistence::kRetriedOut;
  EXPECT_EQ(describe_failure(wrapped, trail).code, "S3_ERROR");
  EXPECT_TRUE(describe_failure(wrapped, trail).retryable);
  EXPECT_FALSE(is_tried_again(wrapped, trail));
  EXPECT_EQ(describe_failure(make_error(ErrorKind::kNetwork, "reset"), trail).code,
            "URL_FETCH_ERROR");
  EXPECT_EQ(describe_failure(make_error(ErrorKind::kProtocol, "?"), trail).code, "UNKNOWN_ERROR");
  EXPECT_EQ(describe_failure(make_error(ErrorKind::kPrecondition, "?"), trail).code,
            "PRECONDITION_FAILED");
}

TEST(Failure, ASourceThatChangedIsTriedAgain) {
  const FailureTrail trail;
  const Error changed = make_error(ErrorKind::kSourceChanged, "it changed");
  EXPECT_EQ(describe_failure(changed, trail), (JobError{"STREAMING_ERROR", "it changed", true}));
  EXPECT_TRUE(is_tried_again(changed, trail));
}

TEST(Failure, AFullDiskWillBeEmptied) {
  FailureTrail trail;
  const Error full = make_errno_error(ENOSPC, "write '/x'");
  trail.note(FailedSide::kStore, full);
  EXPECT_TRUE(describe_failure(full, trail).retryable);
  EXPECT_FALSE(is_tried_again(full, trail));
}

}  // namespace
}  // namespace telpher
