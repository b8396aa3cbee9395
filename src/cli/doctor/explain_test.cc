#include "cli/doctor/explain.h"

#include "session/exit_code.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

Error error_of(ErrorKind kind, std::string code, std::string operation = "PutObject") {
  Error error = make_error(kind, "what the store said. What to do about it");
  error.context.code = std::move(code);
  error.context.operation = std::move(operation);
  return error;
}

TEST(Explain, EveryKindOfErrorHasAnExitCodeAndWords) {
  for (int kind = 0; kind <= static_cast<int>(ErrorKind::kCancelled); ++kind) {
    const Finding finding = explain(error_of(static_cast<ErrorKind>(kind), ""), {});
    EXPECT_EQ(finding.verdict, Verdict::kFailed);
    EXPECT_NE(finding.exit_code, kExitDone) << kind;
    EXPECT_FALSE(finding.found.empty()) << kind;
    EXPECT_FALSE(finding.remedy.empty()) << kind;
  }
}

TEST(Explain, APermissionIsNamedWithWhatItIsFor) {
  const Circumstances known{.bucket = "b", .access_key = "…ABCD"};
  const Finding finding = explain(error_of(ErrorKind::kDenied, "AccessDenied", "ListParts"), known);
  EXPECT_EQ(finding.found, "ListParts is refused (AccessDenied)");
  EXPECT_EQ(finding.remedy,
            "Have the bucket's owner allow s3:ListMultipartUploadParts on arn:aws:s3:::b/* for the "
            "key …ABCD");
  EXPECT_EQ(finding.exit_code, kExitDestination);
}

TEST(Explain, TheSecretIsCorrectedWhereItWasFound) {
  Circumstances known{.access_key = "…ABCD", .keys_from = "profile 'work'"};
  const Error error = error_of(ErrorKind::kDenied, "SignatureDoesNotMatch");
  EXPECT_NE(explain(error, known).remedy.find("in profile 'work'"), std::string::npos);
  known.keys_from = "environment";
  EXPECT_NE(explain(error, known).remedy.find("in AWS_SECRET_ACCESS_KEY"), std::string::npos);
}

}  // namespace
}  // namespace telpher
