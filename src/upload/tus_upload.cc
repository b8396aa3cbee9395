#include "upload/tus_upload.h"

#include "base/units.h"
#include "codec/hex.h"
#include "codec/http_date.h"
#include "codec/text.h"
#include "codec/utf8.h"
#include "upload/tus_receiver.h"

#include <boost/json.hpp>
#include <openssl/rand.h>

#include <algorithm>
#include <array>

namespace telpher {
namespace {

constexpr std::chrono::seconds kTakeOver{10};  // for a request that is to end

Error not_found() { return tus_refusal(404, "NOT_FOUND", "there is no such upload"); }

Error invalid(std::string message) {
  return tus_refusal(400, "VALIDATION_ERROR", std::move(message));
}

Result<std::string> make_id() {
  std::array<std::byte, 16> bytes;
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size()) != 1) {
    return make_error(ErrorKind::kIo, "the system has no randomness to give");
  }
  return hex_encode(bytes);
}

/// A header with a number of bytes; nullopt when it is not there. Errors: 400.
Result<std::optional<ByteCount>> number_in(const Headers& headers, std::string_view name) {
  const auto text = headers.find(name);
  if (!text) return std::optional<ByteCount>();
  const auto number = parse_decimal<ByteCount>(*text);
  if (!number || *number > ByteCount{1} << 62) {
    return invalid(std::string(name) + " is no number of bytes");
  }
  return number;
}

bool brings_bytes(const TusRequest& request) {
  const auto type = request.headers->find("content-type");
  return type && iequals(*type, kTusContentType) && request.length != ByteCount{0};
}

Result<std::optional<Digest>> checksum_in(const Headers& headers) {
  const auto text = headers.find("upload-checksum");
  if (!text) return std::optional<Digest>();
  Result<Digest> digest = parse_tus_checksum(*text);
  if (!digest) return invalid(digest.error().message);
  return std::optional(*digest);
}

TusAnswer to_answer(const Error& error) {
  int status = error.context.http_status;
  std::string code = error.context.code;
  const bool is_refusal = error.context.operation == "tus";
  if (!is_refusal) {
    const bool ours = error.kind == ErrorKind::kIo || error.kind == ErrorKind::kLimit;
    status = ours ? 500 : 502;
    code = ours ? "INTERNAL_ERROR" : "STORE_ERROR";
  }
  const bool retryable = status == 423 || status == 460 || status == 503 ||
                         (!is_refusal && error.persistence != Persistence::kPermanent);
  TusAnswer answer{.status = status, .headers = {}};
  answer.headers.add("Content-Type", "application/json");
  answer.body = boost::json::serialize(boost::json::object{
      {"success", false},
      {"error", {{"code", code}, {"message", error.message}, {"retryable", retryable}}}});
  return answer;
}

ByteCount part_size_of(ByteCount bytes_max, const Capabilities& capabilities) {
  const auto parts = static_cast<ByteCount>(capabilities.parts_max);
  const ByteCount needed = (bytes_max + parts - 1) / parts;
  return std::max({8 * kMiB, capabilities.part_size_min, (needed + kMiB - 1) / kMiB * kMiB});
}

}  // namespace

Error tus_refusal(int status, std::string_view code, std::string message) {
  Error error = make_error(ErrorKind::kInvalid, std::move(message));
  error.context.operation = "tus";
  error.context.http_status = status;
  error.context.code = code;
  return error;
}

TusUploads::TusUploads(ObjectStore& store, BufferPool& buffers, TusTable& table, TusOptions options)
    : store_(store), buffers_(buffers), table_(table), options_(std::move(options)) {}

Task<Result<void>> TusUploads::handle(ServerRequest& request, ServerResponse& response,
                                      UploadCaller caller) {
  const std::string_view target = request.target();
  TusRequest wanted{.method = request.method(),
                    .path = std::string(target.substr(0, target.find('?'))),
                    .headers = &request.headers(),
                    .body = &request,
                    .length = request.length()};
  CO_TRY(TusAnswer answer, co_await take(std::move(wanted), std::move(caller)));
  response.status = answer.status;
  for (const Header header : answer.headers) response.headers.set(header.name, header.value);
  co_return co_await response.send_text(std::move(answer.body));
}

Task<Result<TusAnswer>> TusUploads::take(TusRequest request, UploadCaller caller) {
  Result<TusAnswer> answer = co_await dispatch(&request, &caller);
  if (!answer) {
    const Error& error = answer.error();
    const bool gone = error.kind == ErrorKind::kCancelled || error.context.operation == "body";
    if (gone) co_return answer;
    answer = to_answer(error);
  }
  answer->headers.set("Tus-Resumable", kTusVersion);
  co_return answer;
}

Task<Result<TusAnswer>> TusUploads::dispatch(const TusRequest* request,
                                             const UploadCaller* caller) {
  const Headers& headers = *request->headers;
  const std::string method(headers.find("x-http-method-override").value_or(request->method));
  if (method == "OPTIONS") co_return describe();
  if (headers.find("tus-resumable").value_or("") != kTusVersion) {
    TusAnswer answer = to_answer(tus_refusal(412, "VERSION_NOT_SUPPORTED",
                                             "Tus-Resumable must be " + std::string(kTusVersion)));
    answer.headers.set("Tus-Version", kTusVersion);
    co_return answer;
  }
  std::string id = request->path;
  const std::string_view mount = options_.mount;
  id.erase(0, std::min(id.size(), mount.size()));  // "/tus" is the mount, too
  const bool known =
      method == "POST" || method == "HEAD" || method == "PATCH" || method == "DELETE";
  if (!known || (method == "POST") != id.empty()) {
    TusAnswer answer =
        to_answer(tus_refusal(405, "METHOD_NOT_ALLOWED", method + " is of no use here"));
    answer.headers.set("Allow", id.empty() ? "OPTIONS, POST" : "OPTIONS, HEAD, PATCH, DELETE");
    co_return answer;
  }
  if (id.empty()) co_return co_await create(request, caller);
  if (!is_tus_id(id)) co_return not_found();
  if (method == "HEAD") co_return co_await head(std::move(id), caller);
  if (method == "PATCH") co_return co_await patch(std::move(id), request, caller);
  co_return co_await terminate(std::move(id), caller);
}

TusAnswer TusUploads::describe() const {
  TusAnswer answer{.status = 204, .headers = {}};
  answer.headers.add("Tus-Version", kTusVersion);
  answer.headers.add("Tus-Extension", kTusExtensions);
  answer.headers.add("Tus-Max-Size", std::to_string(options_.limits.file_bytes_max));
  answer.headers.add("Tus-Checksum-Algorithm", kTusChecksums);
  return answer;
}

std::string TusUploads::expiry_of(const TusRecord& record) const {
  return format_http_date(std::chrono::floor<std::chrono::seconds>(record.expires));
}

Result<TusRecord> TusUploads::plan(const TusRequest& request, const UploadCaller& caller,
                                   const TusConcat& concat, WallTime now) {
  const Headers& headers = *request.headers;
  TusRecord record;
  TRY(record.id, make_id());
  record.owner = caller.owner;
  record.metadata = headers.find("upload-metadata").value_or("");
  record.concat = headers.find("upload-concat").value_or("");
  record.created = now;
  record.expires = now + options_.lifetime;
  record.part_size = part_size_of(options_.limits.file_bytes_max, store_.capabilities());
  if (concat.kind == TusConcat::Kind::kFinal) {
    if (headers.contains("upload-length") || headers.contains("upload-defer-length")) {
      return invalid("a final upload has the length of its parts");
    }
  } else {
    TRY_VOID(accept_length(&record, headers));
    const auto defer = headers.find("upload-defer-length");
    if (defer && *defer != "1") return invalid("Upload-Defer-Length must be 1");
    if (record.length.has_value() == defer.has_value()) {
      return invalid("say either Upload-Length or Upload-Defer-Length");
    }
  }
  TRY_VOID(choose_object(&record, caller, concat.kind == TusConcat::Kind::kPartial, now));
  return record;
}

Result<void> TusUploads::choose_object(TusRecord* record, const UploadCaller& caller, bool partial,
                                       WallTime now) {
  const auto metadata = parse_tus_metadata(record->metadata);
  if (!metadata) return invalid(metadata.error().message);
  const auto value = [&](const char* name, const char* other = "") -> std::string {
    auto found = metadata->find(name);
    if (found == metadata->end()) found = metadata->find(other);
    return found == metadata->end() ? std::string() : found->second;
  };
  const std::string bucket = value("bucket");
  record->object.bucket = bucket.empty() ? options_.bucket : bucket;
  const Result<void> good_bucket = check_bucket_name(record->object.bucket);
  if (!good_bucket) return invalid(good_bucket.error().message);
  record->name = value("filename", "name");
  if (!is_utf8(record->name)) record->name = latin1_to_utf8(record->name);
  record->declared = to_lower(value("filetype", "type"));
  if (partial) {  // its bytes become an object by a final upload only, which is asked for all
    record->object.key = options_.partial_prefix + record->id;
    return {};
  }
  record->object.key = value("key");
  if (record->object.key.empty()) {
    std::string prefix = options_.prefix;
    if (metadata->contains("prefix")) {
      Result<std::string> wanted = parse_key_prefix(metadata->at("prefix"));
      if (!wanted) return invalid(wanted.error().message);
      prefix = *std::move(wanted);
    }
    record->only_new = true;
    record->object.key =
        keys_.next(record->object.bucket, prefix, now, safe_object_name(record->name));
  }
  const Result<void> good_key = check_key(record->object.key);
  if (!good_key) return invalid(good_key.error().message);
  if (caller.may(record->object)) return {};
  return tus_refusal(403, "FORBIDDEN", "this key may not write there");
}

Result<void> TusUploads::accept_length(TusRecord* record, const Headers& headers) const {
  TRY(const std::optional<ByteCount> length, number_in(headers, "upload-length"));
  if (!length) return {};
  if (record->length && *record->length != *length) return invalid("the Upload-Length is known");
  if (*length < record->offset) return invalid("more bytes have come than Upload-Length says");
  if (*length == 0) return invalid("the file is empty");
  if (*length > options_.limits.file_bytes_max) {
    return tus_refusal(413, "PAYLOAD_TOO_LARGE",
                       "the file is larger than " + format_size(options_.limits.file_bytes_max));
  }
  record->length = length;
  return {};
}

Task<Result<TusAnswer>> TusUploads::create(const TusRequest* request, const UploadCaller* caller) {
  TaskContext& context = co_await current_context();
  TusConcat concat;
  if (const auto text = request->headers->find("upload-concat")) {
    Result<TusConcat> parsed = parse_tus_concat(*text, options_.mount);
    if (!parsed) co_return invalid(parsed.error().message);
    concat = *std::move(parsed);
  }
  CO_TRY(TusRecord record, plan(*request, *caller, concat, context.loop->wall_now()));
  if (concat.kind == TusConcat::Kind::kFinal) {
    co_return co_await create_final(std::move(record), std::move(concat), request);
  }
  CancelSource reading(*context.cancel);
  CO_TRY(const Lock lock, co_await this->lock(record.id, false, &reading));
  CO_TRY_VOID(co_await table_.create(&record));
  TusState state{.record = std::move(record), .parts = {}};
  TusAnswer answer{.status = 201, .headers = {}};
  if (brings_bytes(*request)) {
    Result<void> received = co_await receive(&state, request, &reading);
    if (received && state.record.is_complete()) received = co_await finish(&state);
    if (!received) {
      // The client has not been told of it.
      (void)!(co_await shielded(remove(&state), kTidyLimit));
      co_return std::move(received).error();
    }
    answer.headers.add("Upload-Offset", std::to_string(state.record.offset));
  }
  answer.headers.add("Location", options_.mount + state.record.id);
  if (!state.record.done) answer.headers.add("Upload-Expires", expiry_of(state.record));
  co_return answer;
}

Task<Result<TusAnswer>> TusUploads::head(std::string id, const UploadCaller* caller) {
  // Its client has come back: a request that still waits for bytes will get none.
  CO_TRY(const Lock lock, co_await this->lock(id, true));
  CO_TRY(TusState state, co_await find(id, caller));
  // A client that hears of the last offset goes away: the object has to be there by then.
  if (state.record.is_complete() && !state.record.done) CO_TRY_VOID(co_await finish(&state));
  const TusRecord& record = state.record;
  TusAnswer answer{.status = 200, .headers = {}};
  answer.headers.add("Cache-Control", "no-store");
  answer.headers.add("Upload-Offset", std::to_string(record.offset));
  if (record.length) {
    answer.headers.add("Upload-Length", std::to_string(*record.length));
  } else {
    answer.headers.add("Upload-Defer-Length", "1");
  }
  if (!record.metadata.empty()) answer.headers.add("Upload-Metadata", record.metadata);
  if (!record.concat.empty()) answer.headers.add("Upload-Concat", record.concat);
  if (!record.done) answer.headers.add("Upload-Expires", expiry_of(record));
  co_return answer;
}

Task<Result<TusAnswer>> TusUploads::patch(std::string id, const TusRequest* request,
                                          const UploadCaller* caller) {
  const Headers& headers = *request->headers;
  if (!iequals(headers.find("content-type").value_or(""), kTusContentType)) {
    co_return tus_refusal(415, "UNSUPPORTED_MEDIA_TYPE",
                          "the Content-Type must be " + std::string(kTusContentType));
  }
  CO_TRY(const std::optional<ByteCount> offset, number_in(headers, "upload-offset"));
  if (!offset) co_return invalid("there is no Upload-Offset");
  TaskContext& context = co_await current_context();
  CancelSource reading(*context.cancel);
  CO_TRY(const Lock lock, co_await this->lock(id, false, &reading));
  CO_TRY(TusState state, co_await find(id, caller));
  TusRecord& record = state.record;
  if (record.is_final()) {
    co_return tus_refusal(403, "FORBIDDEN", "a final upload is made of its parts");
  }
  if (*offset != record.offset) {
    co_return tus_refusal(409, "CONFLICT",
                          "the upload is at offset " + std::to_string(record.offset));
  }
  CO_TRY_VOID(accept_length(&record, headers));
  if (!record.done) CO_TRY_VOID(co_await receive(&state, request, &reading));
  if (record.is_complete() && !record.done) CO_TRY_VOID(co_await finish(&state));
  TusAnswer answer{.status = 204, .headers = {}};
  answer.headers.add("Upload-Offset", std::to_string(record.offset));
  if (!record.done) answer.headers.add("Upload-Expires", expiry_of(record));
  co_return answer;
}

Task<Result<TusAnswer>> TusUploads::terminate(std::string id, const UploadCaller* caller) {
  CO_TRY(const Lock lock, co_await this->lock(id, true));
  CO_TRY(TusState state, co_await find(id, caller));
  if (state.record.done && !state.record.is_partial()) {
    co_return tus_refusal(409, "CONFLICT", "the upload is complete: it is an object by now");
  }
  CO_TRY_VOID(co_await remove(&state));
  co_return TusAnswer{.status = 204, .headers = {}};
}

Task<Result<TusState>> TusUploads::find(std::string id, const UploadCaller* caller) {
  Loop& loop = co_await current_loop();
  CO_TRY(std::optional<TusState> state, co_await table_.find(std::move(id)));
  if (!state || state->record.owner != caller->owner ||
      (state->record.expires <= loop.wall_now() && !state->record.done)) {
    co_return not_found();
  }
  co_return *std::move(state);
}

Task<Result<void>> TusUploads::receive(TusState* state, const TusRequest* request,
                                       CancelSource* reading) {
  CO_TRY(std::optional<Digest> check, checksum_in(*request->headers));
  TaskContext& context = co_await current_context();
  const auto receiver = std::make_unique<TusReceiver>(
      *this, *state, TusReceiver::Input{request->body, request->length, std::move(check), reading},
      context);
  Result<void> received = co_await receiver->run();
  const bool forbidden = !received && received.error().context.operation == "tus" &&
                         received.error().context.http_status == 415;
  if (forbidden) CO_TRY_VOID(co_await remove(state));
  co_return received;
}

/// @param insist  a request that holds it is told to end, and waited for
/// Errors: 423; kCancelled.
Task<Result<TusUploads::Lock>> TusUploads::lock(std::string id, bool insist,
                                                CancelSource* reading) {
  Loop& loop = co_await current_loop();
  const TimePoint deadline = loop.now() + kTakeOver;
  for (auto held = held_.find(id); held != held_.end(); held = held_.find(id)) {
    const std::shared_ptr<Holder> holder = held->second;
    const Error locked =
        tus_refusal(423, "LOCKED", "another request is at work on this upload; try again later");
    if (!insist) co_return locked;
    if (holder->reading) holder->reading->cancel();
    const Result<void> waited = co_await holder->released.wait(deadline);
    if (!waited && waited.error().kind == ErrorKind::kTimeout) co_return locked;
    if (!waited) co_return waited.error();
  }
  const auto holder = std::make_shared<Holder>();
  holder->reading = reading;
  held_.emplace(id, holder);
  co_return Lock(*this, std::move(id));
}

void TusUploads::release(const std::string& id) {
  const auto held = held_.find(id);
  const std::shared_ptr<Holder> holder = held->second;
  held_.erase(held);
  holder->released.wake_all();
}

}  // namespace telpher
