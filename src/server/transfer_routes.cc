#include "server/transfer_routes.h"

#include "codec/hex.h"
#include "server/event_routes.h"

#include <algorithm>
#include <utility>

namespace telpher {
namespace {

namespace json = boost::json;

constexpr std::size_t kRequestBytesMax = 256 * 1024;

/// A transfer of somebody else is none, to whoever may not tend it.
Error no_such_transfer(std::string_view id) {
  return api_error(404, "TRANSFER_NOT_FOUND", "there is no transfer '" + std::string(id) + "'");
}

std::string owner_seen_by(const Caller& caller) {
  return caller.may(Role::kOperator) ? std::string() : caller.id;
}

bool sees(const Caller& caller, const Transfer& transfer) {
  return (caller.may(Role::kOperator) || transfer.owner == caller.id) &&
         caller.reaches(transfer.bucket, transfer.key.empty() ? transfer.key_prefix : transfer.key);
}

json::object to_object(const Transfer& transfer) {
  return json::parse(transfer_json(transfer)).as_object();
}

json::object to_json(const JobCounts& counts) {
  json::object shown;
  for (std::size_t state = 0; state < kJobStates; ++state) {
    shown[to_string(static_cast<JobState>(state))] = counts[state];
  }
  return shown;
}

// --- what is asked for ---------------------------------------------------------------------------

Result<std::vector<std::string>> headers_in(const json::object& body) {
  std::vector<std::string> lines;
  const json::value* headers = body.if_contains("headers");
  if (!headers || headers->is_null()) return lines;
  if (!headers->is_object()) return field_error("headers", "is to be an object");
  for (const auto& member : headers->get_object()) {
    if (!member.value().is_string()) return field_error("headers", "are to be texts");
    lines.push_back(std::string(member.key()) + ": " + std::string(member.value().get_string()));
  }
  return lines;
}

Result<TransferRequest> request_in(const json::object& body) {
  TRY_VOID(check_fields(body, {"sourceUrl", "bucketName", "keyPrefix", "key", "headers", "checksum",
                               "overwrite", "webhook", "notBefore", "priority"}));
  TransferRequest request;
  TRY(request.source_url, text_field(body, "sourceUrl"));
  TRY(request.bucket, text_field(body, "bucketName"));
  TRY(request.key_prefix, text_field(body, "keyPrefix", ""));
  TRY(request.key, text_field(body, "key", ""));
  TRY(request.webhook, text_field(body, "webhook", ""));
  TRY(request.headers, headers_in(body));
  TRY(const std::string checksum, text_field(body, "checksum", ""));
  if (!checksum.empty()) {
    Result<Digest> digest = parse_digest(checksum);
    if (!digest) return field_error("checksum", digest.error().message);
    request.checksum = *std::move(digest);
  }
  TRY(const std::string overwrite, text_field(body, "overwrite", "replace"));
  const std::optional<IfThere> if_there = parse_if_there(overwrite);
  if (!if_there) return field_error("overwrite", "is replace, if-different, keep or fail");
  request.if_there = *if_there;
  TRY(const std::string not_before, text_field(body, "notBefore", ""));
  if (!not_before.empty()) {
    const auto time = parse_api_time(not_before);
    if (!time) return field_error("notBefore", time.error().message);
    request.not_before = *time;
  }
  const json::value* priority = body.if_contains("priority");
  if (!priority || priority->is_null()) return request;
  const std::int64_t* number = priority->if_int64();
  if (!number || *number < -100 || *number > 100) {
    return field_error("priority", "is a whole number from -100 to 100");
  }
  request.priority = static_cast<int>(*number);
  return request;
}

Submitter submitter_of(const ApiCall& call) {
  const auto key = call.request.headers().find("idempotency-key");
  return {.owner = call.caller.id,
          .idempotency_key = std::string(key.value_or("")),
          .trace = call.trace};
}

Task<Result<void>> send_refusal(ApiCall& call, Refusal refusal) {
  json::object details;
  for (const auto& [field, what] : refusal.fields) details[field] = what;
  const bool forbidden = refusal.code.starts_with("FORBIDDEN");
  json::object body = error_body({forbidden ? 403 : 400, refusal.code, refusal.message()});
  body["error"].as_object()["details"] = std::move(details);
  co_return co_await call.send_json(forbidden ? 403 : 400, std::move(body));
}

Result<void> check_reach(const ApiCall& call, const TransferRequest& request) {
  if (call.caller.reaches(request.bucket, key_begins_with(request))) return {};
  return api_error(
      403, "FORBIDDEN",
      "this key does not reach '" + request.bucket + "/" + key_begins_with(request) + "'");
}

Task<Result<void>> add_one(ApiCall& call, Transfers& transfers) {
  CO_TRY(const json::object body, co_await call.read_json(kRequestBytesMax));
  CO_TRY(TransferRequest request, request_in(body));
  if (Refusal refusal = transfers.check(request); refusal.refused()) {
    co_return co_await send_refusal(call, std::move(refusal));
  }
  CO_TRY_VOID(check_reach(call, request));
  CO_TRY(const Transfers::Accepted accepted,
         co_await transfers.add(std::move(request), submitter_of(call)));
  call.response.headers.set("Location", "/transfers/" + accepted.transfer.id);
  co_return co_await call.send_success({{"transferId", accepted.transfer.id}}, 202);
}

/// The body of a request, for whoever wants a reader of its own.
class BodyOf final : public ByteReader {
 public:
  explicit BodyOf(ServerRequest& request) : request_(request) {}
  Task<Result<std::size_t>> read_some(MutableBytes buffer) override {
    return request_.read_some(buffer);
  }

 private:
  ServerRequest& request_;
};

Task<Result<void>> add_batch(ApiCall& call, Transfers& transfers) {
  TransferRequest common;
  common.bucket = call.parameter("bucketName");
  common.key_prefix = call.parameter("keyPrefix");
  if (common.bucket.empty()) co_return field_error("bucketName", "is missing");
  CO_TRY_VOID(check_reach(call, common));
  CO_TRY(const Transfers::BatchAccepted accepted,
         co_await transfers.add_batch(std::make_unique<BodyOf>(call.request), common,
                                      submitter_of(call)));
  if (accepted.bad.empty()) {
    call.response.headers.set("Location", "/transfers/batches/" + accepted.batch.id);
    co_return co_await call.send_success(
        {{"batchId", accepted.batch.id}, {"count", accepted.batch.count}}, 202);
  }
  json::array rows;
  for (const Transfers::BadRow& bad : accepted.bad) {
    rows.push_back({{"row", bad.row}, {"message", bad.message}});
  }
  json::object body =
      error_body({400, "VALIDATION_ERROR",
                  "nothing was accepted: " + std::to_string(rows.size()) +
                      " rows are wrong, the first: " + accepted.bad.front().message});
  body["error"].as_object()["details"] = json::object{{"rows", std::move(rows)}};
  co_return co_await call.send_json(400, std::move(body));
}

// --- what there is -------------------------------------------------------------------------------

Task<Result<Transfer>> find(ApiCall& call, Transfers& transfers) {
  const std::string& id = call.captured[0];
  Result<Transfer> transfer = co_await transfers.get(id);
  if (!transfer && transfer.error().kind != ErrorKind::kNotFound) co_return transfer;
  if (!transfer || !sees(call.caller, *transfer)) co_return no_such_transfer(id);
  co_return transfer;
}

Task<Result<void>> show_one(ApiCall& call, Transfers& transfers) {
  CO_TRY(const Transfer transfer, co_await find(call, transfers));
  co_return co_await call.send_success(to_object(transfer));
}

Task<Result<void>> list(ApiCall& call, Transfers& transfers) {
  JobQuery query;
  if (const std::string_view status = call.parameter("status"); !status.empty()) {
    query.state = parse_job_state(status);
    if (!query.state) {
      co_return field_error("status",
                            "is pending, starting, in-progress, paused, completed, failed or "
                            "cancelled");
    }
  }
  CO_TRY(query.limit, call.number("limit", 50, 1, JobQueue::kPageMax));
  query.owner = owner_seen_by(call.caller);
  query.batch = call.parameter("batch");
  query.cursor = call.parameter("cursor");
  const std::string owner = query.owner;
  const std::string batch = query.batch;
  CO_TRY(const Transfers::Page page, co_await transfers.list(std::move(query)));
  CO_TRY(const JobCounts counts, co_await transfers.counts(owner, batch));
  json::array shown;
  for (const Transfer& transfer : page.transfers) {
    if (sees(call.caller, transfer)) shown.push_back(to_object(transfer));
  }
  co_return co_await call.send_success(
      {{"transfers", std::move(shown)},
       {"nextCursor", page.cursor.empty() ? json::value() : json::value(page.cursor)},
       {"counts", to_json(counts)}});
}

Task<Result<void>> show_batch(ApiCall& call, Transfers& transfers) {
  const Result<JobBatch> batch = co_await transfers.batch(call.captured[0]);
  const bool seen = batch && (call.caller.may(Role::kOperator) || batch->owner == call.caller.id);
  if (!batch && batch.error().kind != ErrorKind::kNotFound) co_return batch.error();
  if (!seen) co_return not_found_error("there is no batch '" + call.captured[0] + "'");
  CO_TRY(const JobCounts counts, co_await transfers.counts("", batch->id));
  co_return co_await call.send_success({{"batchId", batch->id},
                                        {"created", api_time(batch->created)},
                                        {"count", batch->count},
                                        {"counts", to_json(counts)}});
}

using Steer = Task<Result<Transfer>> (Transfers::*)(std::string id);

Task<Result<void>> steer(ApiCall& call, Transfers& transfers, Steer verb) {
  CO_TRY(const Transfer before, co_await find(call, transfers));
  CO_TRY(const Transfer after, co_await (transfers.*verb)(before.id));
  co_return co_await call.send_success(to_object(after));
}

Task<Result<void>> follow_one(ApiCall& call, Transfers& transfers, EventStream& events) {
  CO_TRY(const Transfer transfer, co_await find(call, transfers));
  co_return co_await events.serve(
      call, [id = transfer.id](const Event& event) { return event.topic == id; });
}

}  // namespace

Event event_of(const TransferEvent& event) {
  const Transfer& transfer = event.transfer;
  return {
      .id = 0,
      .type = event.progress ? "progress" : "transfer",
      .data = event.progress ? progress_json(transfer) : transfer_json(transfer),
      .topic = transfer.id,
      .owner = transfer.owner,
      .place = transfer.bucket + "/" + (transfer.key.empty() ? transfer.key_prefix : transfer.key)};
}

std::vector<Route> transfer_routes(Transfers& transfers, EventStream& events) {
  Transfers* const all = &transfers;
  EventStream* const stream = &events;
  const auto steering = [all](Steer verb) {
    return [all, verb](ApiCall& call) { return steer(call, *all, verb); };
  };
  return {
      {"POST", "/transfers", Role::kUploader, [all](ApiCall& call) { return add_one(call, *all); }},
      {"GET", "/transfers", Role::kReader, [all](ApiCall& call) { return list(call, *all); }},
      {"POST", "/transfers/batch", Role::kUploader,
       [all](ApiCall& call) { return add_batch(call, *all); }},
      {"GET", "/transfers/batches/{id}", Role::kReader,
       [all](ApiCall& call) { return show_batch(call, *all); }},
      {"GET", "/transfers/{id}", Role::kReader,
       [all](ApiCall& call) { return show_one(call, *all); }},
      {"GET", "/transfers/{id}/events", Role::kReader,
       [all, stream](ApiCall& call) { return follow_one(call, *all, *stream); }},
      {"POST", "/transfers/{id}/pause", Role::kUploader, steering(&Transfers::pause)},
      {"POST", "/transfers/{id}/resume", Role::kUploader, steering(&Transfers::resume)},
      {"POST", "/transfers/{id}/retry", Role::kUploader, steering(&Transfers::retry)},
      {"DELETE", "/transfers/{id}", Role::kUploader, steering(&Transfers::cancel)},
  };
}

}  // namespace telpher
