#pragma once
// What layers are made of. ForwardingStore hands every call on, so that a layer overrides only what
// it changes; AroundStore leads all calls through one function.

#include "store/object_store.h"
#include "store/operation.h"

namespace telpher {

/// Hands everything to `inner`, which must outlive it. Costs nothing but the virtual call.
class ForwardingStore : public ObjectStore {
 public:
  explicit ForwardingStore(ObjectStore& inner) : inner_(inner) {}

  const Capabilities& capabilities() const override { return inner_.capabilities(); }
  Task<Result<ObjectInfo>> head(ObjectAddress object) override {
    return inner_.head(std::move(object));
  }
  Task<Result<GetResult>> get(ObjectAddress object, GetOptions options) override {
    return inner_.get(std::move(object), std::move(options));
  }
  Task<Result<PutResult>> put(ObjectAddress object, Body body, const PutOptions& options) override {
    return inner_.put(std::move(object), body, options);
  }
  Task<Result<void>> remove(ObjectAddress object, std::string if_match = {}) override {
    return inner_.remove(std::move(object), std::move(if_match));
  }
  Task<Result<std::vector<RemoveFailure>>> remove_many(std::string bucket,
                                                       std::vector<std::string> keys) override {
    return inner_.remove_many(std::move(bucket), std::move(keys));
  }
  Task<Result<PutResult>> copy(ObjectAddress from, ObjectAddress to, CopyOptions options) override {
    return inner_.copy(std::move(from), std::move(to), std::move(options));
  }
  Task<Result<ListPage>> list(std::string bucket, ListOptions options) override {
    return inner_.list(std::move(bucket), std::move(options));
  }
  Task<Result<std::string>> create_upload(ObjectAddress object,
                                          CreateUploadOptions options) override {
    return inner_.create_upload(std::move(object), std::move(options));
  }
  Task<Result<PartInfo>> put_part(ObjectAddress object, std::string upload_id, PartNumber number,
                                  Body body, PutPartOptions options) override {
    return inner_.put_part(std::move(object), std::move(upload_id), number, body,
                           std::move(options));
  }
  Task<Result<PartInfo>> copy_part(ObjectAddress from, ByteRange range, ObjectAddress object,
                                   std::string upload_id, PartNumber number,
                                   std::string source_if_match) override {
    return inner_.copy_part(std::move(from), range, std::move(object), std::move(upload_id), number,
                            std::move(source_if_match));
  }
  Task<Result<PutResult>> complete(ObjectAddress object, std::string upload_id,
                                   std::vector<PartInfo> parts, CompleteOptions options) override {
    return inner_.complete(std::move(object), std::move(upload_id), std::move(parts),
                           std::move(options));
  }
  Task<Result<void>> abort(ObjectAddress object, std::string upload_id) override {
    return inner_.abort(std::move(object), std::move(upload_id));
  }
  Task<Result<PartsPage>> list_parts(ObjectAddress object, std::string upload_id,
                                     PartNumber part_number_marker) override {
    return inner_.list_parts(std::move(object), std::move(upload_id), part_number_marker);
  }
  Task<Result<UploadsPage>> list_uploads(std::string bucket, ListUploadsOptions options) override {
    return inner_.list_uploads(std::move(bucket), std::move(options));
  }
  Task<Result<std::vector<BucketInfo>>> list_buckets() override { return inner_.list_buckets(); }
  Task<Result<void>> create_bucket(std::string bucket, std::string owner = {}) override {
    return inner_.create_bucket(std::move(bucket), std::move(owner));
  }
  Task<Result<BucketInfo>> head_bucket(std::string bucket) override {
    return inner_.head_bucket(std::move(bucket));
  }
  Task<Result<void>> remove_bucket(std::string bucket) override {
    return inner_.remove_bucket(std::move(bucket));
  }
  Task<Result<Tags>> tags(ObjectAddress object) override { return inner_.tags(std::move(object)); }
  Task<Result<void>> set_tags(ObjectAddress object, Tags tags) override {
    return inner_.set_tags(std::move(object), std::move(tags));
  }

 protected:
  ObjectStore& inner() { return inner_; }

 private:
  ObjectStore& inner_;
};

/// One call on its way through a layer.
struct Call {
  Operation operation;
  ByteCount bytes_sent = 0;  // of the body
};

/// Leads every call through `Layer::around(Call, Task<Result<T>> call)`, a template that awaits
/// `call` once (it has not started yet) or not at all, and returns a Task<Result<T>>.
template <class Layer>
class AroundStore : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;

  Task<Result<ObjectInfo>> head(ObjectAddress object) override {
    return layer().around({Operation::kHeadObject}, inner().head(std::move(object)));
  }
  Task<Result<GetResult>> get(ObjectAddress object, GetOptions options) override {
    return layer().around({Operation::kGetObject},
                          inner().get(std::move(object), std::move(options)));
  }
  Task<Result<PutResult>> put(ObjectAddress object, Body body, const PutOptions& options) override {
    return layer().around({Operation::kPutObject, body.size},
                          inner().put(std::move(object), body, options));
  }
  Task<Result<void>> remove(ObjectAddress object, std::string if_match = {}) override {
    return layer().around({Operation::kDeleteObject},
                          inner().remove(std::move(object), std::move(if_match)));
  }
  Task<Result<std::vector<RemoveFailure>>> remove_many(std::string bucket,
                                                       std::vector<std::string> keys) override {
    return layer().around({Operation::kDeleteObjects},
                          inner().remove_many(std::move(bucket), std::move(keys)));
  }
  Task<Result<PutResult>> copy(ObjectAddress from, ObjectAddress to, CopyOptions options) override {
    return layer().around({Operation::kCopyObject},
                          inner().copy(std::move(from), std::move(to), std::move(options)));
  }
  Task<Result<ListPage>> list(std::string bucket, ListOptions options) override {
    return layer().around({Operation::kListObjects},
                          inner().list(std::move(bucket), std::move(options)));
  }
  Task<Result<std::string>> create_upload(ObjectAddress object,
                                          CreateUploadOptions options) override {
    return layer().around({Operation::kCreateUpload},
                          inner().create_upload(std::move(object), std::move(options)));
  }
  Task<Result<PartInfo>> put_part(ObjectAddress object, std::string upload_id, PartNumber number,
                                  Body body, PutPartOptions options) override {
    return layer().around({Operation::kPutPart, body.size},
                          inner().put_part(std::move(object), std::move(upload_id), number, body,
                                           std::move(options)));
  }
  Task<Result<PartInfo>> copy_part(ObjectAddress from, ByteRange range, ObjectAddress object,
                                   std::string upload_id, PartNumber number,
                                   std::string source_if_match) override {
    return layer().around(
        {Operation::kCopyPart},
        inner().copy_part(std::move(from), range, std::move(object), std::move(upload_id), number,
                          std::move(source_if_match)));
  }
  Task<Result<PutResult>> complete(ObjectAddress object, std::string upload_id,
                                   std::vector<PartInfo> parts, CompleteOptions options) override {
    return layer().around({Operation::kComplete},
                          inner().complete(std::move(object), std::move(upload_id),
                                           std::move(parts), std::move(options)));
  }
  Task<Result<void>> abort(ObjectAddress object, std::string upload_id) override {
    return layer().around({Operation::kAbort},
                          inner().abort(std::move(object), std::move(upload_id)));
  }
  Task<Result<PartsPage>> list_parts(ObjectAddress object, std::string upload_id,
                                     PartNumber part_number_marker) override {
    return layer().around(
        {Operation::kListParts},
        inner().list_parts(std::move(object), std::move(upload_id), part_number_marker));
  }
  Task<Result<UploadsPage>> list_uploads(std::string bucket, ListUploadsOptions options) override {
    return layer().around({Operation::kListUploads},
                          inner().list_uploads(std::move(bucket), std::move(options)));
  }
  Task<Result<std::vector<BucketInfo>>> list_buckets() override {
    return layer().around({Operation::kListBuckets}, inner().list_buckets());
  }
  Task<Result<void>> create_bucket(std::string bucket, std::string owner = {}) override {
    return layer().around({Operation::kCreateBucket},
                          inner().create_bucket(std::move(bucket), std::move(owner)));
  }
  Task<Result<BucketInfo>> head_bucket(std::string bucket) override {
    return layer().around({Operation::kHeadBucket}, inner().head_bucket(std::move(bucket)));
  }
  Task<Result<void>> remove_bucket(std::string bucket) override {
    return layer().around({Operation::kDeleteBucket}, inner().remove_bucket(std::move(bucket)));
  }
  Task<Result<Tags>> tags(ObjectAddress object) override {
    return layer().around({Operation::kGetTags}, inner().tags(std::move(object)));
  }
  Task<Result<void>> set_tags(ObjectAddress object, Tags tags) override {
    return layer().around({Operation::kSetTags},
                          inner().set_tags(std::move(object), std::move(tags)));
  }

 private:
  Layer& layer() { return static_cast<Layer&>(*this); }
};

}  // namespace telpher
