#pragma once
// What a process has sent arrives although it has died or given up: a CreateMultipartUpload that
// was under way then is carried out later.

#include "store/layers/forwarding_store.h"

#include <functional>
#include <utility>

namespace telpher::sim {

class LateStore final : public ForwardingStore {
 public:
  /// Told of a request that nobody waits for any more.
  using Orphaned = std::function<void(ObjectAddress object, CreateUploadOptions options)>;
  LateStore(ObjectStore& inner, Orphaned orphaned)
      : ForwardingStore(inner), orphaned_(std::move(orphaned)) {}

  /// The store has carried out the one that is under way.
  void arrived() { arrived_ = true; }

  Task<Result<std::string>> create_upload(ObjectAddress object,
                                          CreateUploadOptions options) override {
    arrived_ = false;
    Request request{*this, object, options};
    Result<std::string> id = co_await inner().create_upload(std::move(object), std::move(options));
    request.answered = id || id.error().kind != ErrorKind::kCancelled;
    co_return std::move(id);
  }

 private:
  struct Request {
    LateStore& store;
    ObjectAddress object;
    CreateUploadOptions options;
    bool answered = false;
    ~Request() {
      if (!answered && !store.arrived_) store.orphaned_(std::move(object), std::move(options));
    }
  };

  const Orphaned orphaned_;
  bool arrived_ = false;
};

}  // namespace telpher::sim
