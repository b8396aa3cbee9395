#include "server/upload_routes.h"

namespace telpher {
namespace {

UploadCaller uploader_of(const ApiCall& call) {
  const Caller caller = call.caller;
  return {.owner = caller.id, .may_write = [caller](const ObjectAddress& object) {
            return caller.reaches(object.bucket, object.key);
          }};
}

}  // namespace

Event event_of(const StoredUpload& upload) {
  boost::json::object data{{"bucketName", upload.object.bucket},
                           {"key", upload.object.key},
                           {"size", upload.size},
                           {"type", upload.type},
                           {"how", upload.how}};
  return {.id = 0,
          .type = "upload",
          .data = boost::json::serialize(data),
          .topic = {},
          .owner = upload.owner,
          .place = upload.object.bucket + "/" + upload.object.key};
}

std::vector<Route> upload_routes(BatchUploads& batch, TusUploads& tus) {
  const ApiHandler take_batch = [&batch](ApiCall& call) {
    return batch.handle(call.request, call.response, uploader_of(call));
  };
  const ApiHandler take_tus = [&tus](ApiCall& call) {
    return tus.handle(call.request, call.response, uploader_of(call));
  };
  return {
      {"POST", "/upload", Role::kUploader, take_batch},
      {"POST", "/api/upload", Role::kUploader, take_batch},
      {"OPTIONS", "/tus/", Role::kUploader, take_tus},
      {"POST", "/tus/", Role::kUploader, take_tus},
      {"OPTIONS", "/tus/{id}", Role::kUploader, take_tus},
      {"POST", "/tus/{id}", Role::kUploader, take_tus},  // X-HTTP-Method-Override
      {"HEAD", "/tus/{id}", Role::kUploader, take_tus},
      {"PATCH", "/tus/{id}", Role::kUploader, take_tus},
      {"DELETE", "/tus/{id}", Role::kUploader, take_tus},
  };
}

}  // namespace telpher
