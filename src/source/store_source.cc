#include "source/store_source.h"

#include "codec/content_disposition.h"
#include "source/source_error.h"

#include <utility>

namespace telpher {
namespace {

class StoreSource : public Source {
 public:
  StoreSource(ObjectStore& store, ObjectAddress object, std::string address)
      : store_(store), object_(std::move(object)), address_(std::move(address)) {}

  Task<Result<SourceInfo>> probe() override {
    CO_TRY(ObjectInfo object, co_await store_.head(object_));
    SourceInfo info;
    info.size = object.size;
    info.ranges = !object.etag.empty();
    info.rereadable = true;
    info.validator = object.etag;
    std::string_view key = object_.key;
    while (key.ends_with('/')) key.remove_suffix(1);
    info.name = safe_file_name(key);
    if (info.name.empty()) info.name = "download";
    info.metadata = std::move(object.metadata);
    info.last_modified = object.last_modified;
    if (object.checksum && object.checksum->parts == 0) info.digest = object.checksum->digest;
    co_return info;
  }

  Task<Result<std::unique_ptr<ByteReader>>> open(std::optional<ByteRange> range,
                                                 SourceInfo seen) override {
    Result<GetResult> got =
        co_await store_.get(object_, {.range = range, .if_match = seen.validator});
    if (!got && got.error().kind == ErrorKind::kPrecondition) {
      co_return make_source_changed_error("the object " + address_ + " has been replaced");
    }
    if (!got) co_return std::move(got).error();
    const ByteCount expected = range ? range->length : seen.size.value_or(got->length);
    if (got->length != expected || (seen.size && got->info.size != *seen.size)) {
      co_return make_source_changed_error("the object " + address_ + " has another size");
    }
    co_return std::move(got->body);
  }

  std::string redacted_address() const override { return address_; }
  std::string identity() const override { return address_; }

 private:
  ObjectStore& store_;
  const ObjectAddress object_;
  const std::string address_;
};

}  // namespace

std::unique_ptr<Source> make_store_source(ObjectStore& store, ObjectAddress object,
                                          std::string address) {
  return std::make_unique<StoreSource>(store, std::move(object), std::move(address));
}

}  // namespace telpher
