#include "transfers/transfer_record.h"

#include "codec/uri.h"
#include "codec/utf8.h"

#include <boost/json.hpp>

#include <limits>

namespace telpher {
namespace {

namespace json = boost::json;

json::string text_of(std::string_view text) {
  return is_utf8(text) ? json::string(text) : json::string(latin1_to_utf8(text));
}

/// Reads members; what is missing or of another type is empty.
class Fields {
 public:
  explicit Fields(const json::object& object) : object_(object) {}

  std::string text(std::string_view name) const {
    const json::value* value = object_.if_contains(name);
    return value && value->is_string() ? std::string(value->get_string()) : std::string();
  }
  std::optional<std::uint64_t> count(std::string_view name) const {
    const json::value* value = object_.if_contains(name);
    if (!value) return std::nullopt;
    boost::system::error_code failed;
    const auto number = value->to_number<std::uint64_t>(failed);
    if (failed) return std::nullopt;
    return number;
  }
  int number(std::string_view name) const {
    const std::uint64_t value = count(name).value_or(0);
    return value > std::numeric_limits<int>::max() ? 0 : static_cast<int>(value);
  }

 private:
  const json::object& object_;
};

void put(json::object& object, std::string_view name, std::string_view text) {
  if (!text.empty()) object[name] = text_of(text);
}

std::string digest_text(const Digest& digest) {
  return std::string(to_string(digest.algorithm())) + ":" + digest.to_hex();
}

Result<Digest> parse_digest_text(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return make_error(ErrorKind::kInvalid, "no digest");
  TRY(const ChecksumAlgorithm algorithm, parse_checksum_algorithm(text.substr(0, colon)));
  return Digest::from_hex(algorithm, text.substr(colon + 1));
}

Error damaged() {
  return make_error(ErrorKind::kCorrupt, "what the queue keeps of this transfer cannot be read");
}

json::object request_object(const TransferRequest& request) {
  json::object out;
  put(out, "url", request.source_url);
  put(out, "bucket", request.bucket);
  put(out, "prefix", request.key_prefix);
  put(out, "key", request.key);
  if (!request.headers.empty()) {
    json::array lines;
    for (const std::string& line : request.headers) lines.push_back(text_of(line));
    out["headers"] = std::move(lines);
  }
  if (request.checksum) put(out, "checksum", digest_text(*request.checksum));
  if (request.size) out["size"] = *request.size;
  put(out, "type", request.content_type);
  put(out, "there", to_string(request.if_there));
  put(out, "webhook", request.webhook);
  return out;
}

}  // namespace

std::string encode_spec(const TransferSpec& spec) {
  json::object out = request_object(spec.request);
  if (spec.trace.is_set()) put(out, "trace", traceparent(spec.trace));
  return json::serialize(out);
}

Result<TransferSpec> decode_spec(std::string_view text) {
  boost::system::error_code failed;
  const json::value value = json::parse(text, failed);
  if (failed || !value.is_object()) return damaged();
  const json::object& object = value.get_object();
  const Fields fields(object);
  TransferSpec spec;
  TransferRequest& request = spec.request;
  request.source_url = fields.text("url");
  request.bucket = fields.text("bucket");
  request.key_prefix = fields.text("prefix");
  request.key = fields.text("key");
  if (const json::value* lines = object.if_contains("headers"); lines && lines->is_array()) {
    for (const json::value& line : lines->get_array()) {
      if (line.is_string()) request.headers.emplace_back(line.get_string());
    }
  }
  if (const std::string digest = fields.text("checksum"); !digest.empty()) {
    Result<Digest> parsed = parse_digest_text(digest);
    if (!parsed) return damaged();  // it was asked for: nothing is copied without it
    request.checksum = *std::move(parsed);
  }
  request.size = fields.count("size");
  request.content_type = fields.text("type");
  const std::optional<IfThere> there = parse_if_there(fields.text("there"));
  if (!there || request.source_url.empty() || request.bucket.empty()) return damaged();
  request.if_there = *there;
  request.webhook = fields.text("webhook");
  spec.trace = parse_traceparent(fields.text("trace")).value_or(TraceContext{});
  return spec;
}

TransferSpec without_secrets(TransferSpec spec) {
  const Result<Uri> uri = parse_uri(spec.request.source_url);
  spec.request.source_url = uri ? uri->redacted() : "(a URL)";
  spec.request.headers.clear();
  spec.request.webhook.clear();
  return spec;
}

std::string encode_state(const TransferState& state) {
  json::object out;
  put(out, "key", state.key);
  out["bytes"] = state.numbers.bytes;
  if (state.numbers.size) out["size"] = *state.numbers.size;
  out["partsDone"] = state.numbers.parts_done;
  out["parts"] = state.numbers.parts;
  put(out, "strip", state.numbers.strip);
  put(out, "checksum", state.checksum);
  put(out, "etag", state.etag);
  put(out, "note", state.note);
  out["failures"] = state.failures;
  return json::serialize(out);
}

TransferState decode_state(std::string_view text) {
  boost::system::error_code failed;
  const json::value value = json::parse(text, failed);
  TransferState state;
  if (failed || !value.is_object()) return state;
  const Fields fields(value.get_object());
  state.key = fields.text("key");
  state.numbers.bytes = fields.count("bytes").value_or(0);
  state.numbers.size = fields.count("size");
  state.numbers.parts_done = fields.number("partsDone");
  state.numbers.parts = fields.number("parts");
  state.numbers.strip = strip_of(fields.text("strip"));
  state.checksum = fields.text("checksum");
  state.etag = fields.text("etag");
  state.note = fields.text("note");
  state.failures = fields.number("failures");
  return state;
}

std::string fingerprint_of(const TransferRequest& request) {
  json::object out = request_object(request);
  out["priority"] = request.priority;
  if (request.not_before) out["notBefore"] = request.not_before->time_since_epoch().count();
  return checksum_of(ChecksumAlgorithm::kSha256, as_bytes(json::serialize(out))).to_hex();
}

Transfer make_transfer(const Job& job) {
  const TransferState state = decode_state(job.progress);
  Transfer transfer{.id = job.id,
                    .owner = job.owner,
                    .batch = job.batch,
                    .state = job.state,
                    .numbers = state.numbers,
                    .error = job.error,
                    .key = state.key,
                    .checksum = state.checksum,
                    .etag = state.etag,
                    .note = state.note,
                    .priority = job.priority,
                    .attempt = job.attempt,
                    .not_before = job.not_before,
                    .created = job.created,
                    .updated = job.updated,
                    .started = job.started,
                    .ended = job.ended};
  if (const Result<TransferSpec> spec = decode_spec(job.spec)) {
    const TransferRequest& request = spec->request;
    const Result<Uri> uri = parse_uri(request.source_url);
    transfer.source_url = uri ? uri->redacted() : "(a URL)";
    transfer.bucket = request.bucket;
    transfer.key_prefix = request.key_prefix;
    if (transfer.key.empty() && !request.key.empty()) transfer.key = key_begins_with(request);
    if (!transfer.key.empty()) {
      transfer.location = "s3://" + request.bucket + '/' + transfer.key;
    }
  }
  return transfer;
}

}  // namespace telpher
