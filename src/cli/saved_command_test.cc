#include "cli/saved_command.h"

#include "tests/support/environment.h"

#include <gtest/gtest.h>

#include <map>

namespace telpher {
namespace {

TEST(SavedCommand, ComesBackAsItWas) {
  const SavedCommand saved = save_command(
      {"cp", "a 'b'", "s3://bucket/k", "--part-size", "8MiB"},
      environment_of({{"AWS_PROFILE", "work"}, {"AWS_SECRET_ACCESS_KEY", "hush"}}), "/data set");
  EXPECT_TRUE(saved.whole);
  const Result<SavedCommand> read = parse_saved_command(to_json(saved));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->arguments, saved.arguments);
  EXPECT_EQ(read->folder, "/data set");
  EXPECT_EQ(read->environment, (std::map<std::string, std::string>{{"AWS_PROFILE", "work"}}));
  EXPECT_EQ(shell_text(*read),
            "cd '/data set' && AWS_PROFILE=work telpher cp 'a '\\''b'\\''' s3://bucket/k "
            "--part-size 8MiB");
}

TEST(SavedCommand, SecretsStayInMemory) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"cp", "https://me:hunter2@host/f", "s3://b/k"},
        {"cp", "https://host/f?token=hunter2", "s3://b/k"},
        {"cp", "https://host/f", "s3://b/k", "--header", "Authorization: hunter2"},
        {"cp", "f", "s3://b/k", "--proxy", "http://me:hunter2@host"},
        {"cp", "f", "s3://b/k", "--proxy=http://me:hunter2@host"},
        {"cp", "https://host/f", "s3://b/k", "--header=Authorization: hunter2"}}) {
    const SavedCommand saved = save_command(arguments, environment_of({}), "/");
    EXPECT_FALSE(saved.whole) << arguments[1];
    EXPECT_EQ(to_json(saved).find("hunter2"), std::string::npos) << to_json(saved);
  }
  EXPECT_FALSE(save_command({"cp", "-", "s3://b/k"}, environment_of({}), "/").whole);
}

TEST(SavedCommand, DamageIsAnError) {
  for (const std::string_view text : {"", "telpher cp …", "[]", "{\"folder\":1}"}) {
    EXPECT_FALSE(parse_saved_command(text)) << text;
  }
}

}  // namespace
}  // namespace telpher
