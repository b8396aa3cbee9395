#include "session/single_copy.h"

#include "source/probed_source.h"

#include <filesystem>
#include <unistd.h>
#include <utility>

namespace telpher {
namespace {

using Kind = Address::Kind;

Result<void> settle(const SingleCopy& copy, const std::string& destination) {
  return copy.settle ? copy.settle(destination) : Result<void>();
}

Error no_name(const Address& destination) {
  return make_error(ErrorKind::kInvalid,
                    "standard input has no name: say what it is to become, as in " +
                        destination.text + (destination.text.ends_with('/') ? "" : "/") + "NAME");
}

Result<void> make_parents(const std::string& path) {
  std::error_code error;
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, error);
  if (error) return make_errno_error(error.value(), "make the folder '" + parent.string() + "'");
  return {};
}

/// The last segment of a key: what a copy of it below a prefix is called.
std::string last_segment(std::string_view key) {
  while (key.size() > 1 && key.ends_with('/')) key.remove_suffix(1);
  return std::string(key.substr(key.find_last_of('/') + 1));
}

Task<Result<std::unique_ptr<Source>>> open_source(Session* session, const SingleCopy* copy) {
  CO_TRY(std::unique_ptr<Source> source,
         co_await session->open_source(copy->source, copy->headers));
  if (!copy->expected_size) co_return source;
  CO_TRY(SourceInfo seen, co_await source->probe());
  if (seen.size && seen.size != copy->expected_size) {
    co_return make_error(ErrorKind::kCorrupt, "the source has " + std::to_string(*seen.size) +
                                                  " bytes, the list says " +
                                                  std::to_string(*copy->expected_size));
  }
  co_return std::make_unique<ProbedSource>(std::move(source), std::move(seen));
}

}  // namespace

Task<Result<void>> make_bucket_if_local(Session* session, const Address* destination) {
  if (destination->kind != Kind::kLocal) co_return Result<void>();
  CO_TRY(ObjectStore * store, session->store(destination->kind));
  const std::string& bucket = destination->object.bucket;
  const Result<BucketInfo> there = co_await store->head_bucket(bucket);
  if (there || there.error().kind != ErrorKind::kNotFound) co_return Result<void>();
  co_return co_await store->create_bucket(bucket);
}

Task<Result<OpenedCopy>> open_copy(Session* session, const SingleCopy* copy) {
  const Address& to = copy->destination;
  const bool below = to.is_prefix() && !copy->exact;
  if (copy->source.kind == Kind::kStdio && below) co_return no_name(to);
  OpenedCopy opened;
  CO_TRY(opened.source, co_await open_source(session, copy));
  std::string name;
  if (below) {
    CO_TRY(SourceInfo seen, co_await opened.source->probe());
    name = copy->source.in_store() && to.in_store() ? last_segment(copy->source.object.key)
                                                    : seen.name;
    opened.source = std::make_unique<ProbedSource>(std::move(opened.source), std::move(seen));
  }
  if (to.kind == Kind::kStdio) co_return opened;
  if (to.in_store()) {
    opened.object = below ? object_for(to, name) : to.object;
    CO_TRY_VOID(check_key(opened.object.key));
    CO_TRY_VOID(settle(*copy, destination_text(to.kind, opened.object)));
    co_return opened;
  }
  opened.path = to.path;
  if (below) {
    CO_TRY(opened.path, file_for(to.path, name));
  }
  CO_TRY_VOID(settle(*copy, opened.path));
  co_return opened;
}

namespace {

/// The store does it by itself.
Task<Result<TransferResult>> copy_in_store(Session* session, Engine* engine, ObjectStore* store,
                                           const SingleCopy* copy, TransferProgress* progress) {
  const Address& to = copy->destination;
  const ObjectAddress object =
      copy->exact ? to.object : object_for(to, last_segment(copy->source.object.key));
  CO_TRY_VOID(check_key(object.key));
  CO_TRY_VOID(settle(*copy, destination_text(to.kind, object)));
  co_return co_await copy_within(*engine, *store, copy->source.object, object,
                                 session->name_of(to.kind, object), copy->options, *progress);
}

}  // namespace

Task<Result<TransferResult>> copy_single(Session* session, Engine* engine, const SingleCopy* copy,
                                         TransferProgress* progress) {
  const Address& to = copy->destination;
  ObjectStore* store = nullptr;
  if (to.in_store()) {
    CO_TRY(store, session->store(to.kind));
    if (copy->source.kind == to.kind && store->capabilities().server_side_copy) {
      co_return co_await copy_in_store(session, engine, store, copy, progress);
    }
  }
  CO_TRY(OpenedCopy opened, co_await open_copy(session, copy));
  if (store) {
    DestinationName name = session->name_of(to.kind, opened.object);
    co_return co_await upload(*engine, *opened.source, *store, std::move(opened.object),
                              std::move(name), copy->options, *progress);
  }
  if (opened.path.empty()) {
    co_return co_await download_stream(*engine, *opened.source, STDOUT_FILENO, copy->options,
                                       *progress);
  }
  if (copy->make_folders) CO_TRY_VOID(make_parents(opened.path));
  co_return co_await download(*engine, *opened.source, std::move(opened.path), copy->options,
                              *progress);
}

}  // namespace telpher
