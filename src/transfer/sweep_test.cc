#include "transfer/sweep.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

using namespace std::chrono_literals;

TEST(IsUploadOf, KnowsItsIdAndTheOneThatNeverReachedTheJournal) {
  const WallTime now = WallTime(1'700'000'000s);
  JournalEntry entry{
      .kind = "upload", .object = {"b", "k"}, .created = now, .last_alive = now + 5s};
  EXPECT_TRUE(is_upload_of(entry, {"k", "any", now + 3s}));
  EXPECT_FALSE(is_upload_of(entry, {"k2", "any", now + 3s}));
  EXPECT_FALSE(is_upload_of(entry, {"k", "any", now - 1h})) << "somebody else's";
  EXPECT_FALSE(is_upload_of(entry, {"k", "any", now + 1h})) << "somebody else's";
  entry.upload_id = "mine";
  EXPECT_TRUE(is_upload_of(entry, {"k", "mine", now - 1h}));
  EXPECT_FALSE(is_upload_of(entry, {"k", "any", now}));
  entry.kind = "download";
  EXPECT_FALSE(is_upload_of(entry, {"k", "mine", now}));
}

}  // namespace
}  // namespace telpher
