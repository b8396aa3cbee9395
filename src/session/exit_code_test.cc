#include "session/exit_code.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

Error error_of(ErrorKind kind, std::string operation, std::string code = {}) {
  Error error = make_error(kind, "x");
  error.context.operation = std::move(operation);
  error.context.code = std::move(code);
  return error;
}

TEST(ExitCode, FailuresAreLaidAtTheRightDoor) {
  const CopyEnds upload{.source_is_store = false, .destination_is_store = true};
  const CopyEnds between{.source_is_store = true, .destination_is_store = true};
  const CopyEnds download{.source_is_store = true, .destination_is_store = false};
  struct Case {
    Error error;
    CopyEnds ends;
    ExitCode code;
  };
  const Case cases[] = {
      {error_of(ErrorKind::kIo, "PutObject", "EMFILE"), upload, kExitSomeFailed},
      {error_of(ErrorKind::kIo, "", "ENOMEM"), download, kExitSomeFailed},
      {error_of(ErrorKind::kNotFound, "HEAD", "404"), upload, kExitSource},
      {error_of(ErrorKind::kNotFound, "open", "ENOENT"), upload, kExitSource},
      {error_of(ErrorKind::kDenied, "GET", "403"), upload, kExitSource},
      {error_of(ErrorKind::kNotFound, "CreateMultipartUpload", "NoSuchBucket"), upload,
       kExitDestination},
      {error_of(ErrorKind::kDenied, "PutObject", "AccessDenied"), upload, kExitDestination},
      {error_of(ErrorKind::kPrecondition, "PutObject"), upload, kExitDestination},
      {error_of(ErrorKind::kPrecondition, ""), upload, kExitDestination},
      {error_of(ErrorKind::kDenied, "HeadObject"), upload, kExitDestination},
      {error_of(ErrorKind::kNotFound, "GetObject", "NoSuchKey"), between, kExitSource},
      {error_of(ErrorKind::kDenied, "UploadPart"), between, kExitDestination},
      {error_of(ErrorKind::kNotFound, "HeadObject", "NoSuchKey"), download, kExitSource},
      {error_of(ErrorKind::kNotFound, "", "NoSuchKey"), download, kExitSource},
      {error_of(ErrorKind::kDenied, ""), upload, kExitDestination},
      {error_of(ErrorKind::kDenied, "", "EACCES"), upload, kExitSource},
      {error_of(ErrorKind::kNotFound, "", "NoSuchKey"), between, kExitSource},
      {error_of(ErrorKind::kNotFound, "", "NoSuchBucket"), upload, kExitDestination},
      {error_of(ErrorKind::kIo, "write", "ENOSPC"), download, kExitDestination},
      {error_of(ErrorKind::kDenied, "open", "EACCES"), download, kExitDestination},
      {error_of(ErrorKind::kNetwork, "GET", "ECONNRESET"), upload, kExitGaveUp},
      {error_of(ErrorKind::kNetwork, "HEAD", "DNS"), upload, kExitSource},
      {error_of(ErrorKind::kThrottled, "UploadPart"), upload, kExitGaveUp},
      {error_of(ErrorKind::kCorrupt, "UploadPart"), upload, kExitIntegrity},
      {error_of(ErrorKind::kSourceChanged, "GET"), upload, kExitIntegrity},
      {error_of(ErrorKind::kInvalid, ""), upload, kExitUsage},
      {error_of(ErrorKind::kCancelled, ""), upload, kExitInterrupted},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(exit_code_for(c.error, c.ends), c.code)
        << to_string(c.error.kind) << ' ' << c.error.context.operation;
  }
}

TEST(ExitCode, NobodyIsToldToContinueWhatHasNotBegun) {
  const Error refused = error_of(ErrorKind::kNetwork, "CreateMultipartUpload", "ECONNREFUSED");
  EXPECT_EQ(advice_for(refused, kExitGaveUp, Begun::kSomething),
            "Run the same command again to continue where it stopped.");
  EXPECT_EQ(advice_for(refused, kExitGaveUp, Begun::kNothing), "Run the same command again later.");
}

}  // namespace
}  // namespace telpher
