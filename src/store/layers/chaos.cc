#include "store/layers/chaos.h"

#include "runtime/loop.h"
#include "store/read_body.h"
#include "store/rules.h"

#include <algorithm>
#include <vector>

namespace telpher {
namespace {

Error cut_short() {
  Error error =
      make_temporary_error(ErrorKind::kNetwork, "the body ended before its length (injected)");
  error.context.code = "IncompleteBody";
  return error;
}

Task<Result<void>> failing(Error error) { co_return error; }

bool disturbs_body(const std::optional<FaultRule>& rule, FaultKind kind) {
  return rule && rule->what == kind;
}

bool disturbs_bytes(FaultKind kind) {
  return kind == FaultKind::kTruncate || kind == FaultKind::kShort || kind == FaultKind::kCorrupt;
}

/// Memory or a file as a stream.
class BodyReader : public ByteReader {
 public:
  explicit BodyReader(const Body& body) : body_(body) {}

  Task<Result<std::size_t>> read_some(MutableBytes buffer) override {
    buffer = buffer.first(std::min<ByteCount>(buffer.size(), body_.size - done_));
    if (body_.fd < 0) {
      std::ranges::copy(body_.memory.subspan(done_, buffer.size()), buffer.begin());
    } else {
      CO_TRY_VOID(read_exactly(body_.fd, body_.file_offset + done_, buffer));
    }
    done_ += buffer.size();
    co_return buffer.size();
  }

 private:
  const Body body_;
  ByteCount done_ = 0;
};

/// A body that breaks off, or of which one bit flips.
class DisturbedReader : public ByteReader {
 public:
  DisturbedReader(ByteReader& inner, FaultKind what, ByteCount at, int bit)
      : inner_(&inner), what_(what), at_(at), bit_(bit) {}
  DisturbedReader(std::unique_ptr<ByteReader> inner, FaultKind what, ByteCount at, int bit)
      : owned_(std::move(inner)), inner_(owned_.get()), what_(what), at_(at), bit_(bit) {}

  /// Whether it was read to the byte at which something was to happen.
  bool has_disturbed() const { return reached_; }

  Task<Result<std::size_t>> read_some(MutableBytes buffer) override {
    if (what_ != FaultKind::kCorrupt) {
      if (done_ == at_) reached_ = true;
      if (done_ == at_ && what_ == FaultKind::kTruncate) co_return cut_short();
      if (done_ == at_) co_return std::size_t{0};
      buffer = buffer.first(std::min<ByteCount>(buffer.size(), at_ - done_));
    }
    CO_TRY(const std::size_t count, co_await inner_->read_some(buffer));
    if (what_ == FaultKind::kCorrupt && at_ >= done_ && at_ < done_ + count) {
      buffer[at_ - done_] ^= static_cast<std::byte>(1 << bit_);
      reached_ = true;
    }
    done_ += count;
    // Who believes the length does not ask for more.
    if (what_ == FaultKind::kShort && done_ == at_) reached_ = true;
    co_return count;
  }

 private:
  const std::unique_ptr<ByteReader> owned_;
  ByteReader* const inner_;
  const FaultKind what_;
  const ByteCount at_;
  const int bit_;
  ByteCount done_ = 0;
  bool reached_ = false;
};

/// What a GetObject reads: gives the rule back if nobody read as far as its byte.
class DisturbedDownload final : public DisturbedReader {
 public:
  DisturbedDownload(std::unique_ptr<ByteReader> inner, FaultInjector& injector, FaultRule rule,
                    ByteCount at, int bit)
      : DisturbedReader(std::move(inner), rule.what, at, bit),
        injector_(injector),
        rule_(std::move(rule)),
        lies_(rule_.what == FaultKind::kShort && at == 0) {}
  ~DisturbedDownload() override {
    if (!has_disturbed() && !lies_) injector_.take_back(rule_);
  }

 private:
  FaultInjector& injector_;
  const FaultRule rule_;
  const bool lies_;  // by its length alone: there is nothing to be read
};

}  // namespace

Error ChaosStore::answer_lost() {
  Error error = make_temporary_error(ErrorKind::kNetwork,
                                     "the connection was closed before the answer (injected)");
  error.context.code = "ECONNRESET";
  return error;
}

Error ChaosStore::error_of(const FaultRule& rule) {
  Error error = make_fault_error(rule.status, rule.code);
  error.context.retry_after = rule.retry_after;
  return error;
}

struct ChaosStore::AlteredBody {
  Body body;
  std::vector<std::byte> copy;        // what `body` shows, when it was changed
  std::unique_ptr<ByteReader> whole;  // of what has to break off
  std::unique_ptr<DisturbedReader> stream;
  std::optional<Error> error;
};

/// The body as the store is to see it.
ChaosStore::AlteredBody ChaosStore::alter(const Disturbance& disturbance, const Body& body) {
  AlteredBody altered{.body = body};
  if (!disturbance.rule || !disturbs_bytes(disturbance.rule->what)) return altered;
  const FaultRule& rule = *disturbance.rule;
  if (body.size == 0) {
    injector_.take_back(rule);
    return altered;
  }
  Random& random = injector_.random();
  const ByteCount at =
      std::min(rule.after_bytes ? *rule.after_bytes : random.below(body.size), body.size - 1);
  const int bit = static_cast<int>(random.below(8));
  if (rule.what == FaultKind::kShort) altered.body.size = at;
  if (body.stream || rule.what == FaultKind::kTruncate) {
    if (!body.stream) altered.whole = std::make_unique<BodyReader>(body);
    ByteReader& whole = body.stream ? *body.stream : *altered.whole;
    altered.stream = std::make_unique<DisturbedReader>(whole, rule.what, at, bit);
    altered.body = Body::of_stream(*altered.stream, altered.body.size);
  } else if (rule.what == FaultKind::kShort) {
    if (body.fd < 0) altered.body.memory = body.memory.first(at);
  } else if (rule.what == FaultKind::kCorrupt) {
    altered.copy.reserve(body.size);
    const Result<void> read = read_body(body, [&](Bytes bytes) {
      altered.copy.insert(altered.copy.end(), bytes.begin(), bytes.end());
      return Result<void>();
    });
    if (!read) {
      altered.error = read.error();
      return altered;
    }
    altered.copy[at] ^= static_cast<std::byte>(1 << bit);
    altered.body = Body::of(altered.copy);
  }
  return altered;
}

/// An upload has ended: was it disturbed, or refused for another reason before that?
template <class T>
void ChaosStore::settle(const std::optional<FaultRule>& rule, const Body& body,
                        const AlteredBody& altered, Result<T>& result) {
  if (!rule || !disturbs_bytes(rule->what) || body.size == 0) return;
  if (result || result.error().kind == ErrorKind::kCorrupt) return;
  // What is refused for its address or condition is refused whatever its bytes are.
  if (rule->what == FaultKind::kTruncate && altered.stream->has_disturbed()) return;
  const bool takes_no_streams = result.error().kind == ErrorKind::kUnsupported;
  if (altered.whole && takes_no_streams) {
    result = cut_short();
  } else {
    injector_.take_back(*rule);
  }
}

Task<ChaosStore::Disturbance> ChaosStore::begin(Operation operation, std::string key) {
  Loop& loop = co_await current_loop();
  FaultInjector::StoreFaults faults = injector_.next_store_fault(operation, key, loop.now());
  co_return Disturbance{std::move(faults.error), std::move(faults.rule), faults.delay};
}

Task<Result<void>> ChaosStore::end(Operation operation, std::string key,
                                   std::chrono::milliseconds delay, bool success) {
  Loop& loop = co_await current_loop();
  Result<void> waited;
  if (delay > std::chrono::milliseconds::zero()) waited = co_await SleepUntil(loop.now() + delay);
  injector_.record({operation, std::move(key), success && waited, loop.now()});
  co_return waited;
}

Task<Error> ChaosStore::fail(Operation operation, std::string key, Error error) {
  Disturbance disturbance = co_await begin(operation, key);
  std::optional<FaultRule>& rule = disturbance.rule;
  if (rule && (disturbs_bytes(rule->what) || rule->what == FaultKind::kFakeSuccess)) {
    injector_.take_back(*rule);
    rule.reset();
  }
  const Result<void> failed =
      co_await apply(&disturbance, failing(std::move(error)), Result<void>());
  const Result<void> ended = co_await end(operation, std::move(key), disturbance.delay, false);
  co_return ended ? failed.error() : ended.error();
}

namespace {

/// For reads: there is no success to be faked, and rules of that kind pass them over.
template <class T>
Result<T> no_fake() {
  return make_error(ErrorKind::kInvalid, "a read cannot be faked");
}

/// The answer to a write that did not happen, as true as it can be.
Task<Result<PutResult>> fake_put(Body body, ContentDigester::Options options) {
  ContentDigester digester(options);
  const bool announced = options.expected || options.trailer;
  if (body.stream) {
    std::vector<std::byte> piece(std::min<ByteCount>(body.size, 64 * 1024));
    for (ByteCount left = body.size; left > 0; left -= piece.size()) {
      piece.resize(std::min<ByteCount>(left, piece.size()));
      CO_TRY_VOID(co_await read_stream(*body.stream, piece));
      digester.update(piece);
    }
    CO_TRY_VOID(co_await read_stream_end(*body.stream));
  } else {
    CO_TRY_VOID(read_body(body, [&](Bytes bytes) {
      digester.update(bytes);
      return Result<void>();
    }));
  }
  CO_TRY(ContentDigester::Digests digests, digester.finish());
  PutResult result{.etag = std::move(digests.etag)};
  if (announced) result.checksum = StoredChecksum{digests.checksum, 0};
  co_return result;
}

}  // namespace

Task<Result<PartInfo>> ChaosStore::fake_part(PartNumber number, Body body,
                                             const PutPartOptions* options) {
  CO_TRY(const ContentDigester::Options digester,
         digester_options(capabilities(), *options, options->algorithm));
  CO_TRY(const PutResult answer, co_await fake_put(body, digester));
  PartInfo part{number, body.size, answer.etag, {}};
  if (answer.checksum) part.checksum = answer.checksum->digest;
  co_return part;
}

Task<Result<ObjectInfo>> ChaosStore::head(ObjectAddress object) {
  std::string key = object.key;
  return disturb(Operation::kHeadObject, std::move(key), inner().head(std::move(object)),
                 no_fake<ObjectInfo>());
}

Task<Result<GetResult>> ChaosStore::get(ObjectAddress object, GetOptions options) {
  const std::string key = object.key;
  const Disturbance disturbance = co_await begin(Operation::kGetObject, key);
  const std::optional<FaultRule>& rule = disturbance.rule;
  Result<GetResult> result = co_await apply(
      &disturbance, inner().get(std::move(object), std::move(options)), no_fake<GetResult>());
  const bool disturbed = rule && disturbs_bytes(rule->what);
  if (disturbed && (!result || result->length == 0)) {
    injector_.take_back(*rule);
  } else if (disturbed) {
    Random& random = injector_.random();
    const ByteCount at = std::min(
        rule->after_bytes ? *rule->after_bytes : random.below(result->length), result->length - 1);
    if (rule->what == FaultKind::kShort) result->length = at;
    result->body = std::make_unique<DisturbedDownload>(std::move(result->body), injector_, *rule,
                                                       at, static_cast<int>(random.below(8)));
  }
  CO_TRY_VOID(co_await end(Operation::kGetObject, key, disturbance.delay, result.has_value()));
  co_return std::move(result);
}

Task<Result<PutResult>> ChaosStore::put(ObjectAddress object, Body body,
                                        const PutOptions& options) {
  const std::string key = object.key;
  Disturbance disturbance = co_await begin(Operation::kPutObject, key);
  AlteredBody altered = alter(disturbance, body);
  if (altered.error) disturbance.error = std::move(altered.error);
  Result<PutResult> fake = PutResult{};
  if (disturbs_body(disturbance.rule, FaultKind::kFakeSuccess)) {
    fake = co_await fake_put(body, digester_options(capabilities(), options));
    if (!fake) injector_.take_back(*disturbance.rule);  // no success to be answered
  }
  Result<PutResult> result = co_await apply(
      &disturbance, inner().put(std::move(object), altered.body, options), std::move(fake));
  settle(disturbance.rule, body, altered, result);
  CO_TRY_VOID(co_await end(Operation::kPutObject, key, disturbance.delay, result.has_value()));
  co_return result;
}

Task<Result<PartInfo>> ChaosStore::put_part(ObjectAddress object, std::string upload_id,
                                            PartNumber number, Body body, PutPartOptions options) {
  const std::string key = object.key;
  Disturbance disturbance = co_await begin(Operation::kPutPart, key);
  AlteredBody altered = alter(disturbance, body);
  if (altered.error) disturbance.error = std::move(altered.error);
  Result<PartInfo> fake = PartInfo{};
  if (disturbs_body(disturbance.rule, FaultKind::kFakeSuccess)) {
    fake = co_await fake_part(number, body, &options);
    if (!fake) injector_.take_back(*disturbance.rule);  // no success to be answered
  }
  Result<PartInfo> result =
      co_await apply(&disturbance,
                     inner().put_part(std::move(object), std::move(upload_id), number, altered.body,
                                      std::move(options)),
                     std::move(fake));
  settle(disturbance.rule, body, altered, result);
  CO_TRY_VOID(co_await end(Operation::kPutPart, key, disturbance.delay, result.has_value()));
  co_return result;
}

Task<Result<void>> ChaosStore::remove(ObjectAddress object, std::string if_match) {
  std::string key = object.key;
  return disturb(Operation::kDeleteObject, std::move(key),
                 inner().remove(std::move(object), std::move(if_match)), Result<void>());
}

Task<Result<std::vector<RemoveFailure>>> ChaosStore::remove_many(std::string bucket,
                                                                 std::vector<std::string> keys) {
  return disturb(Operation::kDeleteObjects, "",
                 inner().remove_many(std::move(bucket), std::move(keys)),
                 Result<std::vector<RemoveFailure>>(std::in_place));
}

Task<Result<PutResult>> ChaosStore::copy(ObjectAddress from, ObjectAddress to,
                                         CopyOptions options) {
  std::string key = to.key;
  return disturb(Operation::kCopyObject, std::move(key),
                 inner().copy(std::move(from), std::move(to), std::move(options)),
                 Result<PutResult>(PutResult{.etag = "\"fake\""}));
}

Task<Result<ListPage>> ChaosStore::list(std::string bucket, ListOptions options) {
  std::string prefix = options.prefix;
  return disturb(Operation::kListObjects, std::move(prefix),
                 inner().list(std::move(bucket), std::move(options)), no_fake<ListPage>());
}

Task<Result<std::string>> ChaosStore::create_upload(ObjectAddress object,
                                                    CreateUploadOptions options) {
  std::string key = object.key;
  return disturb(Operation::kCreateUpload, std::move(key),
                 inner().create_upload(std::move(object), std::move(options)),
                 Result<std::string>("fake-upload"));
}

Task<Result<PartInfo>> ChaosStore::copy_part(ObjectAddress from, ByteRange range,
                                             ObjectAddress object, std::string upload_id,
                                             PartNumber number, std::string source_if_match) {
  std::string key = object.key;
  return disturb(Operation::kCopyPart, std::move(key),
                 inner().copy_part(std::move(from), range, std::move(object), std::move(upload_id),
                                   number, std::move(source_if_match)),
                 Result<PartInfo>(PartInfo{number, range.length, "\"fake\"", {}}));
}

Task<Result<PutResult>> ChaosStore::complete(ObjectAddress object, std::string upload_id,
                                             std::vector<PartInfo> parts, CompleteOptions options) {
  std::string key = object.key;
  PutResult fake{.etag = "\"fake-" + std::to_string(parts.size()) + "\""};
  if (options.checksum) fake.checksum = StoredChecksum{*options.checksum, 0};
  return disturb(Operation::kComplete, std::move(key),
                 inner().complete(std::move(object), std::move(upload_id), std::move(parts),
                                  std::move(options)),
                 Result<PutResult>(std::move(fake)));
}

Task<Result<void>> ChaosStore::abort(ObjectAddress object, std::string upload_id) {
  std::string key = object.key;
  return disturb(Operation::kAbort, std::move(key),
                 inner().abort(std::move(object), std::move(upload_id)), Result<void>());
}

Task<Result<PartsPage>> ChaosStore::list_parts(ObjectAddress object, std::string upload_id,
                                               PartNumber part_number_marker) {
  std::string key = object.key;
  return disturb(Operation::kListParts, std::move(key),
                 inner().list_parts(std::move(object), std::move(upload_id), part_number_marker),
                 no_fake<PartsPage>());
}

Task<Result<UploadsPage>> ChaosStore::list_uploads(std::string bucket, ListUploadsOptions options) {
  std::string prefix = options.prefix;
  return disturb(Operation::kListUploads, std::move(prefix),
                 inner().list_uploads(std::move(bucket), std::move(options)),
                 no_fake<UploadsPage>());
}

Task<Result<std::vector<BucketInfo>>> ChaosStore::list_buckets() {
  return disturb(Operation::kListBuckets, "", inner().list_buckets(),
                 no_fake<std::vector<BucketInfo>>());
}

Task<Result<void>> ChaosStore::create_bucket(std::string bucket, std::string owner) {
  return disturb(Operation::kCreateBucket, "",
                 inner().create_bucket(std::move(bucket), std::move(owner)), Result<void>());
}

Task<Result<BucketInfo>> ChaosStore::head_bucket(std::string bucket) {
  Result<BucketInfo> fake = BucketInfo{.name = bucket};
  return disturb(Operation::kHeadBucket, "", inner().head_bucket(std::move(bucket)),
                 std::move(fake));
}

Task<Result<void>> ChaosStore::remove_bucket(std::string bucket) {
  return disturb(Operation::kDeleteBucket, "", inner().remove_bucket(std::move(bucket)),
                 Result<void>());
}

Task<Result<Tags>> ChaosStore::tags(ObjectAddress object) {
  std::string key = object.key;
  return disturb(Operation::kGetTags, std::move(key), inner().tags(std::move(object)),
                 no_fake<Tags>());
}

Task<Result<void>> ChaosStore::set_tags(ObjectAddress object, Tags tags) {
  std::string key = object.key;
  return disturb(Operation::kSetTags, std::move(key),
                 inner().set_tags(std::move(object), std::move(tags)), Result<void>());
}

}  // namespace telpher
