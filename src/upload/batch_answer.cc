// What a batch is answered.

#include "upload/batch_run.h"

#include <boost/json.hpp>

namespace telpher {

namespace json = boost::json;

std::int64_t BatchRun::duration_ms() const {
  return std::chrono::floor<std::chrono::milliseconds>(loop_.now() - began_).count();
}

BatchAnswer BatchRun::answer_refusal() const {
  const json::object body{
      {"success", false}, {"error", refusal_->message}, {"duration", duration_ms()}};
  return {refusal_->status, json::serialize(body), read_ > 0};
}

BatchAnswer BatchRun::answer() const {
  json::array stored;
  json::array failures;
  bool all_refused = true;
  for (const auto& file : files_) {
    if (file->stored) {
      stored.push_back(json::object{{"originalName", file->original_name},
                                    {"path", file->object.key},
                                    {"size", file->size},
                                    {"type", file->type}});
    } else {
      failures.push_back(json::object{{"originalName", file->original_name},
                                      {"error", file->failure.value_or("It was not stored")}});
      all_refused &= file->refused;
    }
  }
  json::object body;
  int status = 200;
  const std::size_t count = stored.size();
  const std::size_t failed = failures.size();
  body["success"] = failed == 0 && count > 0;
  if (files_.empty()) {
    status = 400;
    body["error"] = "No files uploaded";
  } else if (count == 0) {
    status = all_refused ? 400 : 500;
    body["error"] = all_refused ? "All files are invalid" : "All uploads failed";
    body["failures"] = std::move(failures);
  } else {
    if (failed > 0) {
      status = 207;
      body["partialSuccess"] = true;
    }
    body["files"] = std::move(stored);
    if (failed > 0) body["failures"] = std::move(failures);
    body["count"] = count;
    if (failed > 0) body["failureCount"] = failed;
  }
  body["duration"] = duration_ms();
  return {status, json::serialize(body), read_ > 0};
}

}  // namespace telpher
