#include "store/layers/chaos.h"

#include "runtime/loop.h"
#include "runtime/task_group.h"
#include "store/memory/memory_store.h"
#include "store/rules.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace telpher {
namespace {

using namespace std::chrono_literals;
using namespace std::string_view_literals;

class ChaosStoreTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(loop_.run(memory_.create_bucket("bucket"))); }
  void script(std::string_view json) {
    Result<FaultScript> parsed = parse_fault_script(json);
    ASSERT_TRUE(parsed) << parsed.error().message;
    faults_.reset(*std::move(parsed));
  }
  Result<PutResult> put(std::string_view content, PutOptions options = {}) {
    return loop_.run(store_.put({"bucket", "key"}, Body::of(as_bytes(content)), options));
  }
  Result<std::string> get() {
    Result<GetResult> got = loop_.run(store_.get({"bucket", "key"}, {}));
    if (!got) return got.error();
    std::string content(got->length + 10, '\0');
    const Result<std::size_t> count = loop_.run(
        read_full(*got->body, {reinterpret_cast<std::byte*>(content.data()), content.size()}));
    if (!count) return count.error();
    content.resize(*count);
    return content;
  }

  Loop loop_{Loop::Mode::kVirtual, 1};
  MemoryStore memory_;
  FaultInjector faults_;
  ChaosStore store_{memory_, faults_};
};

/// A body that comes as it is read.
class StringStream : public ByteReader {
 public:
  explicit StringStream(std::string_view text) : text_(text) {}
  Task<Result<std::size_t>> read_some(MutableBytes buffer) override {
    const std::size_t count = std::min(buffer.size(), text_.size());
    std::ranges::copy(as_bytes(text_.substr(0, count)), buffer.begin());
    text_.remove_prefix(count);
    co_return count;
  }
  std::string_view rest() const { return text_; }

 private:
  std::string_view text_;
};

TEST_F(ChaosStoreTest, AfterAndCountSayWhen) {
  script(R"({"rules": [{"on": "PutObject", "after": 1, "count": 2, "do": "status", "status": 503,
             "code": "SlowDown", "retry_after_s": 1.5}]})");
  EXPECT_TRUE(put("1"));
  const Result<PutResult> failed = put("2");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::kThrottled);
  EXPECT_EQ(failed.error().context.code, "SlowDown");
  EXPECT_EQ(failed.error().context.retry_after, 1500ms);
  EXPECT_FALSE(faults_.all_met());
  EXPECT_FALSE(put("3"));
  EXPECT_TRUE(faults_.all_met());
  EXPECT_TRUE(put("4"));
  EXPECT_EQ(memory_.content("bucket", "key"), "4");
  EXPECT_EQ(faults_.count(Operation::kPutObject, true), 2u);
  EXPECT_EQ(faults_.count(Operation::kPutObject, false), 2u);
  ASSERT_EQ(faults_.history().size(), 4u);
  EXPECT_EQ(faults_.history()[1].key, "key");
  EXPECT_FALSE(faults_.history()[1].success);
  EXPECT_NE(faults_.to_json().find(R"("acted":2,"met":true)"), std::string::npos);
}

TEST_F(ChaosStoreTest, LostAnswersAndFakedOnes) {
  script(R"({"rules": [{"on": "PutObject", "count": 1, "do": "lose_answer"},
                       {"on": "PutObject", "count": 1, "do": "error_after", "status": 500},
                       {"on": "PutObject", "count": 1, "do": "fake_success"}]})");
  EXPECT_EQ(put("lost").error().kind, ErrorKind::kNetwork);
  EXPECT_EQ(memory_.content("bucket", "key"), "lost");
  EXPECT_EQ(put("after").error().kind, ErrorKind::kServer);
  EXPECT_EQ(memory_.content("bucket", "key"), "after");
  const Result<PutResult> faked = put("hello");
  ASSERT_TRUE(faked);
  EXPECT_EQ(faked->etag, "\"5d41402abc4b2a76b9719d911017c592\"");
  EXPECT_EQ(memory_.content("bucket", "key"), "after");
}

TEST_F(ChaosStoreTest, BodiesAreCutAndChanged) {
  script(R"({"rules": [{"on": "PutObject", "count": 1, "do": "truncate"},
                       {"on": "PutObject", "count": 1, "do": "short", "after_bytes": 3},
                       {"on": "PutObject", "count": 1, "do": "corrupt"}]})");
  EXPECT_EQ(put("hello").error().kind, ErrorKind::kNetwork);
  EXPECT_FALSE(memory_.content("bucket", "key"));
  EXPECT_TRUE(put("hello"));
  EXPECT_EQ(memory_.content("bucket", "key"), "hel");
  EXPECT_TRUE(put("hello"));
  EXPECT_NE(memory_.content("bucket", "key"), "hello");
  EXPECT_EQ(memory_.content("bucket", "key")->size(), 5u);

  script(R"({"rules": [{"on": "GetObject", "count": 1, "do": "truncate", "after_bytes": 2},
                       {"on": "GetObject", "count": 1, "do": "short", "after_bytes": 2},
                       {"on": "GetObject", "count": 1, "do": "corrupt"}]})");
  ASSERT_TRUE(put("hello"));
  const Result<std::string> truncated = get();
  ASSERT_FALSE(truncated);
  EXPECT_TRUE(truncated.error().is_temporary());
  EXPECT_EQ(get().value(), "he");
  const std::string corrupt = get().value();
  EXPECT_NE(corrupt, "hello");
  EXPECT_EQ(corrupt.size(), 5u);
  EXPECT_EQ(get().value(), "hello");
  EXPECT_TRUE(faults_.all_met());
}

TEST_F(ChaosStoreTest, DelaysAndPartitions) {
  script(R"({"latency_ms": 10, "rules": [{"on": "PutObject", "count": 1, "do": "delay", "ms": 500},
             {"on": "HeadBucket", "count": 1, "do": "partition"}]})");
  const TimePoint start = loop_.now();
  EXPECT_TRUE(put("hello"));
  EXPECT_EQ(loop_.now() - start, 510ms);
  EXPECT_FALSE(loop_.run(store_.head_bucket("bucket")));
  EXPECT_EQ(put("x").error().kind, ErrorKind::kNetwork);
  EXPECT_FALSE(get());
  faults_.lift_partition();
  EXPECT_EQ(get().value(), "hello");
}

TEST_F(ChaosStoreTest, ASequenceIsConsumedInOrder) {
  script(R"({"sequence": ["ok", {"transient": "try again"}, {"permanent": "never"}, "ok"]})");
  EXPECT_TRUE(put("1"));
  const Result<PutResult> transient = put("2");
  EXPECT_TRUE(transient.error().is_temporary());
  EXPECT_EQ(transient.error().message, "try again");
  EXPECT_FALSE(get().error().is_temporary());
  EXPECT_FALSE(faults_.all_met());
  EXPECT_TRUE(put("3"));
  EXPECT_TRUE(faults_.all_met());
}

TEST_F(ChaosStoreTest, ASeedFixesChance) {
  std::vector<std::string> runs;
  for (int run = 0; run < 2; ++run) {
    script(R"({"seed": 42, "flaky": 0.3})");
    std::string outcomes;
    for (int i = 0; i < 50; ++i) outcomes += put("x") ? '+' : '-';
    runs.push_back(outcomes);
  }
  EXPECT_EQ(runs[0], runs[1]);
  EXPECT_NE(runs[0].find('+'), std::string::npos);
  EXPECT_NE(runs[0].find('-'), std::string::npos);
  script(R"({"always_fail": "permanent"})");
  EXPECT_FALSE(put("x").error().is_temporary());
}

TEST_F(ChaosStoreTest, RulesPassOverWhatTheyCannotDisturb) {
  script(R"({"rules": [{"on": "*", "do": "fake_success"}, {"do": "error_in_200"}]})");
  EXPECT_TRUE(loop_.run(store_.head_bucket("bucket")));
  EXPECT_TRUE(loop_.run(store_.list("bucket", {})));
  EXPECT_TRUE(put("x"));
  EXPECT_FALSE(memory_.content("bucket", "key"));
}

TEST_F(ChaosStoreTest, WhatFoundNoByteToDisturbIsNotMet) {
  script(R"({"rules": [{"on": "PutObject", "count": 1, "do": "corrupt"},
                       {"on": "GetObject", "count": 1, "do": "truncate", "after_bytes": 100}]})");
  EXPECT_TRUE(put(""));
  EXPECT_FALSE(get().value().size());
  EXPECT_EQ(faults_.acted(), (std::vector<std::uint64_t>{0, 0}));
  EXPECT_TRUE(put("hello"));
  EXPECT_NE(memory_.content("bucket", "key"), "hello");
  EXPECT_FALSE(get());  // past the end is at the end
  EXPECT_TRUE(faults_.all_met());
}

TEST_F(ChaosStoreTest, WhatWasNeverReadWasNotDisturbed) {
  ASSERT_TRUE(put("hello"));
  script(R"({"rules": [{"count": 1, "do": "corrupt"}, {"count": 1, "do": "truncate"},
                       {"count": 1, "do": "short", "after_bytes": 2}]})");
  for (int i = 0; i < 3; ++i) {  // the conditions were not met, say
    EXPECT_TRUE(loop_.run(store_.get({"bucket", "key"}, {})));
    EXPECT_FALSE(loop_.run(store_.get({"bucket", "nothing"}, {})));
  }
  EXPECT_EQ(faults_.acted(), (std::vector<std::uint64_t>{0, 0, 0}));
  EXPECT_NE(get().value(), "hello");
  EXPECT_FALSE(get());
  EXPECT_EQ(get().value(), "he");
  EXPECT_TRUE(faults_.all_met());
}

TEST_F(ChaosStoreTest, AnUploadRefusedForItselfWasNotDisturbed) {
  for (const char* what : {"corrupt", "truncate", "short"}) {
    script(R"({"rules": [{"count": 1, "do": ")" + std::string(what) + R"("}]})");
    const std::string content = "hello";
    ASSERT_TRUE(loop_.run(memory_.put({"bucket", "key"}, Body::of(as_bytes(content)), {})));
    StringStream stream("hello");
    for (const Body& body : {Body::of(as_bytes(content)), Body::of_stream(stream, 5)}) {
      const auto nowhere = loop_.run(store_.put({"no-bucket", "key"}, body, {}));
      EXPECT_EQ(nowhere.error().context.code, "NoSuchBucket") << what;
      const auto unknown = loop_.run(store_.put_part({"bucket", "key"}, "none", 1, body, {}));
      EXPECT_EQ(unknown.error().context.code, "NoSuchUpload") << what;
      EXPECT_EQ(faults_.acted(), (std::vector<std::uint64_t>{0})) << what;
    }
    if (what != "truncate"sv) {  // that ends before the store looks at the condition
      EXPECT_EQ(put("hello", {.condition = {.if_none_match = true}}).error().kind,
                ErrorKind::kPrecondition);
      EXPECT_FALSE(faults_.all_met()) << what;
    }
    (void)put("hello");
    EXPECT_TRUE(faults_.all_met()) << what;
  }
  // Found out: that it was.
  script(R"({"rules": [{"count": 1, "do": "corrupt"}]})");
  EXPECT_EQ(put("hello", {.content_md5 = "XUFAKrxLKna5cZ2REBfFkg=="}).error().kind,
            ErrorKind::kCorrupt);
  EXPECT_TRUE(faults_.all_met());
}

TEST_F(ChaosStoreTest, WhatFailsBeforeTheStoreIsAskedHasNoBytesToDisturb) {
  for (const char* what : {"corrupt", "truncate", "short", "fake_success"}) {
    script(R"({"rules": [{"count": 1, "do": ")" + std::string(what) + R"("}]})");
    const Error missing = store_error(ErrorKind::kNotFound, "NoSuchBucket", 404, "none");
    EXPECT_EQ(loop_.run(store_.fail(Operation::kPutObject, "key", missing)).context.code,
              "NoSuchBucket");
    EXPECT_EQ(faults_.acted(), (std::vector<std::uint64_t>{0})) << what;
    EXPECT_FALSE(faults_.history().back().success);
  }
  script(R"({"rules": [{"do": "status", "status": 503}]})");
  EXPECT_EQ(loop_.run(store_.fail(Operation::kPutObject, "key", Error())).kind,
            ErrorKind::kThrottled);
}

TEST_F(ChaosStoreTest, ShortcutsHaveTheLatencyOfMocks) {
  const auto latency_of = [&](std::string_view json) {
    script(json);
    const TimePoint start = loop_.now();
    (void)put("x");
    return loop_.now() - start;
  };
  EXPECT_EQ(latency_of(R"({"rules": []})"), 0ms);
  EXPECT_EQ(latency_of(R"({"sequence": ["ok"]})"), 10ms);
  EXPECT_EQ(latency_of(R"({"always_fail": "transient"})"), 10ms);
  EXPECT_EQ(latency_of(R"({"flaky": 0.5})"), 10ms);
  EXPECT_EQ(latency_of(R"({"flaky": 0.5, "latency_ms": 0})"), 0ms);
}

/// Those of docs/faults.md, in the tree that this program was built in.
std::vector<std::string> scripts_of_the_manual() {
  std::filesystem::path root = std::filesystem::read_symlink("/proc/self/exe");
  while (root.has_relative_path() && !exists(root / "docs/faults.md")) root = root.parent_path();
  std::ifstream file(root / "docs/faults.md");
  std::vector<std::string> scripts;
  for (std::string line; std::getline(file, line);) {
    if (line != "```json") continue;
    std::string& script = scripts.emplace_back();
    while (std::getline(file, line) && line != "```") script += line + "\n";
  }
  return scripts;
}

/// One run of what the scripts of the manual are about; how it ends is their affair.
void run_all_operations(Loop& loop, ObjectStore& store) {
  const ObjectAddress object{"bucket", "k"};
  const std::string content(8000, 'x');
  (void)loop.run(store.put(object, Body::of(as_bytes(content)), {}));
  if (Result<GetResult> got = loop.run(store.get(object, {}))) {
    std::string bytes(got->length, '\0');
    (void)loop.run(read_full(*got->body, std::as_writable_bytes(std::span(bytes))));
  }
  (void)loop.run(store.head(object));
  (void)loop.run(store.head_bucket("bucket"));
  (void)loop.run(store.copy(object, {"bucket", "copy"}, {}));
  const Result<std::string> id = loop.run(store.create_upload(object, {}));
  if (id) {
    const Result<PartInfo> part =
        loop.run(store.put_part(object, *id, 1, Body::of(as_bytes(content)), {}));
    if (part) (void)loop.run(store.complete(object, *id, {*part}, {}));
    if (!part) (void)loop.run(store.abort(object, *id));
  }
  (void)loop.run(store.remove(object));
}

TEST_F(ChaosStoreTest, EveryScriptOfTheManualRunsInProcessToo) {
  const std::vector<std::string> scripts = scripts_of_the_manual();
  EXPECT_GE(scripts.size(), 20u);
  std::set<FaultKind> met;
  for (const std::string& json : scripts) {
    script(json);
    const FaultScript parsed = *parse_fault_script(json);
    for (int run = 0; run < 6; ++run) run_all_operations(loop_, store_);
    for (std::size_t i = 0; i < parsed.rules.size(); ++i) {
      const FaultRule& rule = parsed.rules[i];
      const std::uint64_t acted = faults_.acted()[i];
      if (is_wire_fault(rule.what)) {
        EXPECT_EQ(acted, 0u) << json;
      } else if (rule.key.empty()) {
        EXPECT_GT(acted, 0u) << json;
        met.insert(rule.what);
      }
    }
    faults_.lift_partition();
  }
  EXPECT_EQ(met.size(), static_cast<std::size_t>(FaultKind::kPartition) + 1);
}

TEST(FaultScript, AsTheManualShows) {
  const std::string_view script_text =
      R"({"rules": [{"on": "CreateBucket", "count": 1, "do": "status", "status": 503}]})";
  Loop loop{Loop::Mode::kVirtual, 1};
  MemoryStore inner;
  FaultInjector faults(*parse_fault_script(script_text));
  ChaosStore store(inner, faults);
  EXPECT_FALSE(loop.run(store.create_bucket("bucket")));
  EXPECT_TRUE(loop.run(store.create_bucket("bucket")));
  EXPECT_TRUE(faults.all_met());
}

TEST(FaultScript, AListingIsAListing) {
  for (const char* name : {"ListObjects", "ListObjectsV2"}) {
    FaultInjector faults(*parse_fault_script(R"({"rules": [{"do": "reset", "on": ")" +
                                             std::string(name) + R"("}]})"));
    EXPECT_TRUE(faults.next_wire_fault(Operation::kListObjects, ""));
    EXPECT_TRUE(faults.next_wire_fault(Operation::kListObjectsV1, ""));
    EXPECT_FALSE(faults.next_wire_fault(Operation::kListObjectVersions, ""));
  }
}

TEST(FaultScript, WhatIsTakenBackActsAnotherTime) {
  FaultInjector faults(*parse_fault_script(R"({"rules": [{"do": "close", "count": 1}]})"));
  const FaultRule rule = *faults.next_wire_fault(Operation::kGetObject, "");
  EXPECT_TRUE(faults.all_met());
  faults.take_back(rule);
  EXPECT_FALSE(faults.all_met());
  EXPECT_TRUE(faults.next_wire_fault(Operation::kGetObject, ""));
  // A request of before does not touch the script of after.
  faults.reset(*parse_fault_script(R"({"rules": [{"do": "reset"}]})"));
  faults.take_back(rule);
  EXPECT_EQ(faults.acted(), (std::vector<std::uint64_t>{0}));
}

TEST(FaultScript, NamesWhatIsWrong) {
  for (const char* bad : {"",
                          "[]",
                          "{",
                          R"({"rules": 1})",
                          R"({"rules": [1]})",
                          R"({"rules": [{}]})",
                          R"({"rules": [{"do": "explode"}]})",
                          R"({"rules": [{"do": "status", "on": "Nothing"}]})",
                          R"({"rules": [{"do": "status", "status": 999}]})",
                          R"({"rules": [{"do": "status", "count": -1}]})",
                          R"({"rules": [{"do": "status", "probability": 2}]})",
                          R"({"rules": [{"do": "status", "typo": 2}]})",
                          R"({"typo": 1})",
                          R"({"flaky": "often"})",
                          R"({"rules": [{"do": "delay"}]})",
                          R"({"rules": [{"do": "stall"}]})",
                          R"({"rules": [{"do": "throttle"}]})",
                          R"({"rules": [{"do": "refuse"}]})",
                          R"({"rules": [{"do": "status", "count": 0}]})",
                          R"({"rules": [{"do": "error_in_200", "status": 503}]})",
                          R"({"rules": [{"do": "error_in_200", "retry_after_s": 1}]})",
                          R"({"rules": [{"do": "skew"}]})",
                          R"({"rules": [{"do": "status", "minutes": 4}]})",
                          R"({"rules": [{"do": "status", "status": 503.5}]})",
                          R"({"rules": [{"do": "status", "status": 204}]})",
                          R"({"rules": [{"do": "delay", "ms": 9, "ms_max": 3}]})",
                          R"({"rules": [{"on": "ListBuckets", "do": "truncate"}]})",
                          R"({"rules": [{"on": "GetObject", "do": "error_in_200"}]})",
                          R"({"sequence": ["perhaps"]})",
                          R"({"sequence": [{"transient": 5}]})"}) {
    const Result<FaultScript> parsed = parse_fault_script(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().kind, ErrorKind::kInvalid);
  }
  const Result<FaultScript> parsed =
      parse_fault_script(R"({"rules": [{"do": "status"}, {"do": "status", "typo": 2}]})");
  EXPECT_NE(parsed.error().message.find("rule 2, \"typo\""), std::string::npos);
}

TEST(FaultScript, RulesAreToldApart) {
  const std::string rule = R"({"do":"status","on":"PutObject","key":"a","after":2,"count":1,)"
                           R"("status":503,"code":"SlowDown","retry_after_s":1.5)";
  const FaultInjector faults(*parse_fault_script(R"({"rules": [)" + rule +
                                                 R"(}, {"do": "throttle", "bytes_per_second": 100},
                    {"do": "delay", "ms": 1000, "ms_max": 2000000, "probability": 0.5}]})"));
  const std::string text = faults.to_json();
  EXPECT_TRUE(text.contains(rule + R"(,"index":0,"acted":0,"met":false})")) << text;
  EXPECT_TRUE(text.contains(R"("bytes_per_second":100,"index":1)")) << text;
  EXPECT_TRUE(text.contains(R"("ms":1000,"ms_max":2000000,"index":2)")) << text;
}

TEST(FaultScript, WireFaultsAreTheEndpoints) {
  Result<FaultScript> script =
      parse_fault_script(R"({"rules": [{"do": "stall", "ms": 50, "after_bytes": 7, "count": 1}]})");
  ASSERT_TRUE(script);
  FaultInjector faults(*std::move(script));
  EXPECT_FALSE(faults.next_store_fault(Operation::kGetObject, "key", {}).rule);
  const std::optional<FaultRule> rule = faults.next_wire_fault(Operation::kGetObject, "key");
  ASSERT_TRUE(rule);
  EXPECT_EQ(rule->what, FaultKind::kStall);
  EXPECT_EQ(rule->delay, 50ms);
  EXPECT_EQ(rule->after_bytes, 7u);
  EXPECT_FALSE(faults.next_wire_fault(Operation::kGetObject, "key"));
}

TEST_F(ChaosStoreTest, StreamsAreDisturbedAsTheyPass) {
  const auto put_stream = [&](StringStream stream) {
    return loop_.run(store_.put({"bucket", "key"}, Body::of_stream(stream, 10), {}));
  };
  script(R"({"rules": [{"on": "PutObject", "count": 1, "do": "corrupt", "after_bytes": 3},
                       {"on": "PutObject", "count": 1, "do": "short", "after_bytes": 4},
                       {"on": "PutObject", "count": 1, "do": "truncate", "after_bytes": 4}]})");
  EXPECT_TRUE(put_stream(StringStream("0123456789")));
  const std::string corrupt = *memory_.content("bucket", "key");
  EXPECT_EQ(corrupt.substr(0, 3), "012");
  EXPECT_NE(corrupt[3], '3');
  EXPECT_EQ(corrupt.substr(4), "456789");
  EXPECT_TRUE(put_stream(StringStream("0123456789")));
  EXPECT_EQ(memory_.content("bucket", "key"), "0123");
  EXPECT_EQ(put_stream(StringStream("abcdefghij")).error().kind, ErrorKind::kNetwork);
  EXPECT_EQ(memory_.content("bucket", "key"), "0123");
}

Task<Result<void>> put_from(ObjectStore& store, ByteReader& stream, ByteCount size) {
  const Result<PutResult> result =
      co_await store.put({"bucket", "key"}, Body::of_stream(stream, size), {});
  co_return result ? Result<void>() : Result<void>(result.error());
}

/// What lies in the store a second after the put began, which is then called off.
Task<Result<std::string>> content_of_the_impatient(ObjectStore& store, const MemoryStore& memory) {
  StringStream stream("hello");
  TaskGroup group(co_await current_context());
  group.spawn(put_from(store, stream, 5));
  CO_TRY_VOID(co_await sleep_for(1s));
  const std::string content = memory.content("bucket", "key").value_or("nothing");
  group.cancel();
  const Result<void> joined = co_await group.join();
  co_return content + (joined ? ", answered" : ", " + std::string(to_string(joined.error().kind)));
}

TEST_F(ChaosStoreTest, ADelayIsBeforeTheAnswerNotBeforeTheBody) {
  script(R"({"rules": [{"on": "PutObject", "do": "delay", "ms": 3000}]})");
  EXPECT_EQ(loop_.run(content_of_the_impatient(store_, memory_)).value(), "hello, cancelled");
  EXPECT_EQ(memory_.content("bucket", "key"), "hello");
  ASSERT_EQ(faults_.history().size(), 1u);
  EXPECT_FALSE(faults_.history()[0].success);
}

TEST_F(ChaosStoreTest, WhatFailsByAScriptAnswersLateToo) {
  script(R"({"latency_ms": 200, "rules": [{"do": "delay", "ms": 300},
             {"on": "PutObject", "do": "status", "status": 503}]})");
  const TimePoint start = loop_.now();
  EXPECT_EQ(put("x").error().kind, ErrorKind::kThrottled);
  EXPECT_EQ(loop_.now() - start, 500ms);
  EXPECT_FALSE(memory_.content("bucket", "key"));
}

TEST_F(ChaosStoreTest, WhatWasRefusedWasNotFaked) {
  script(R"({"rules": [{"on": "PutObject", "count": 1, "do": "fake_success"}]})");
  EXPECT_FALSE(put("hello", {.content_md5 = "AAAAAAAAAAAAAAAAAAAAAA=="}));
  EXPECT_FALSE(faults_.all_met());
  EXPECT_TRUE(put("hello"));
  EXPECT_TRUE(faults_.all_met());
  EXPECT_FALSE(memory_.content("bucket", "key"));
}

TEST_F(ChaosStoreTest, AFakedSuccessReadsTheStream) {
  script(R"({"rules": [{"on": "PutObject", "do": "fake_success"}]})");
  StringStream stream("hello");
  const auto put = loop_.run(store_.put({"bucket", "key"}, Body::of_stream(stream, 5), {}));
  ASSERT_TRUE(put) << put.error().message;
  EXPECT_EQ(put->etag, "\"5d41402abc4b2a76b9719d911017c592\"");
  EXPECT_EQ(stream.rest(), "");
  EXPECT_FALSE(memory_.content("bucket", "key"));
}

}  // namespace
}  // namespace telpher
