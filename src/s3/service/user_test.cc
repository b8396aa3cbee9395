#include "s3/service/user.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

TEST(Users, AreReadFromJson) {
  const auto users = parse_users(R"({"users": [
      {"access_key": "A", "secret_key": "a", "id": "1", "display_name": "Ada"},
      {"access_key": "B", "secret_key": "b"}]})");
  ASSERT_TRUE(users) << users.error().message;
  EXPECT_EQ((*users)[0].display_name, "Ada");
  EXPECT_EQ((*users)[1].id, "B");
}

TEST(Users, MistakesAreNamedWithoutTellingSecrets) {
  for (const std::string_view bad :
       {"", "[]", R"({"users": []})", R"({"users": [{}]})", R"({"users": [{"access_key": "A"}]})",
        R"({"users": [{"access_key": "A", "secret_key": "hush", "colour": "red"}]})",
        R"({"users": [{"access_key": "A/B", "secret_key": "hush"}]})",
        R"({"users": [{"access_key": "A", "secret_key": "hush"},
                      {"access_key": "A", "secret_key": "hush"}]})"}) {
    const auto users = parse_users(bad);
    ASSERT_FALSE(users) << bad;
    EXPECT_EQ(users.error().message.find("hush"), std::string::npos);
  }
}

TEST(Users, MadeKeysHaveTheUsualShapeAndDiffer) {
  const S3User a = make_user();
  const S3User b = make_user();
  EXPECT_EQ(a.access_key.size(), 20u);
  EXPECT_EQ(a.secret_key.size(), 40u);
  EXPECT_NE(a.secret_key, b.secret_key);
}

}  // namespace
}  // namespace telpher
