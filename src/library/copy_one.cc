#include "library/copy_one.h"

#include "cli/probed_source.h"

#include <filesystem>
#include <unistd.h>

namespace telpher {
namespace {

using Kind = Address::Kind;

bool is_directory(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

Error usage(std::string message) { return make_error(ErrorKind::kInvalid, std::move(message)); }

Result<void> check_ends(const CopyOne& copy) {
  const Address& from = copy.source;
  const Address& to = copy.destination;
  if ((from.kind == Kind::kPath && is_directory(from.path)) ||
      (from.in_store() && from.is_prefix())) {
    return usage("'" + from.text + "' is no single file or object");
  }
  if (to.kind == Kind::kUrl) return usage("cannot write to a URL: '" + redacted(to) + "'");
  if (to.in_store() && to.object.bucket.empty()) return usage("'" + to.text + "' names no bucket");
  if (from.kind == Kind::kStdio && to.is_prefix()) {
    return usage("standard input has no name: say what it is to become");
  }
  TRY_VOID(check_copy_settings(copy.settings));
  if (!to.in_store()) TRY_VOID(check_file_settings(copy.settings, to.text));
  return {};
}

/// The embedded store needs no set-up: its buckets are made as they are needed.
Task<Result<void>> make_bucket_if_local(ObjectStore* store, const Address* to) {
  if (to->kind != Kind::kLocal) co_return Result<void>();
  const Result<BucketInfo> there = co_await store->head_bucket(to->object.bucket);
  if (there || there.error().kind != ErrorKind::kNotFound) co_return Result<void>();
  co_return co_await store->create_bucket(to->object.bucket);
}

/// The source of `copy`, and the name it gives to what it becomes, when the destination has none.
struct Opened {
  std::unique_ptr<Source> source;
  std::string name;
};

Task<Result<Opened>> open_for(Session* session, const CopyOne* copy, bool wants_name) {
  Opened opened;
  CO_TRY(opened.source, co_await session->open_source(copy->source, copy->settings.source_headers));
  if (wants_name) {
    CO_TRY(SourceInfo seen, co_await opened.source->probe());
    opened.name = seen.name;
    opened.source = std::make_unique<ProbedSource>(std::move(opened.source), std::move(seen));
  }
  co_return opened;
}

Task<Result<TransferResult>> into_store(Session* session, Engine* engine, const CopyOne* copy,
                                        std::string* destination, TransferProgress* progress) {
  const Address& to = copy->destination;
  CO_TRY(ObjectStore * store, session->store(to.kind));
  CO_TRY_VOID(co_await make_bucket_if_local(store, &to));
  if (copy->source.kind == to.kind && store->capabilities().server_side_copy) {
    const std::string& key = copy->source.object.key;
    const ObjectAddress object = object_for(to, key.substr(key.find_last_of('/') + 1));
    *destination = destination_text(to.kind, object);
    co_return co_await copy_within(*engine, *store, copy->source.object, object,
                                   session->name_of(to.kind, object), copy->settings.transfer,
                                   *progress);
  }
  CO_TRY(Opened opened, co_await open_for(session, copy, to.is_prefix()));
  ObjectAddress object = object_for(to, opened.name);
  CO_TRY_VOID(check_key(object.key));
  *destination = destination_text(to.kind, object);
  DestinationName name = session->name_of(to.kind, object);
  co_return co_await upload(*engine, *opened.source, *store, std::move(object), std::move(name),
                            copy->settings.transfer, *progress);
}

Task<Result<TransferResult>> into_file(Session* session, Engine* engine, const CopyOne* copy,
                                       std::string* destination, TransferProgress* progress) {
  std::string path = copy->destination.path;
  if (is_directory(path) && !path.ends_with('/')) path += '/';
  const bool is_folder = path.ends_with('/');
  CO_TRY(Opened opened, co_await open_for(session, copy, is_folder));
  if (is_folder) {
    CO_TRY(path, file_for(path, opened.name));
    std::error_code failed;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), failed);
    if (failed) co_return make_errno_error(failed.value(), "make the folder of '" + path + "'");
  }
  *destination = path;
  co_return co_await download(*engine, *opened.source, std::move(path), copy->settings.transfer,
                              *progress);
}

}  // namespace

Task<Result<TransferResult>> copy_one(Session* session, const CopyOne* copy,
                                      std::string* destination, TransferProgress* progress) {
  CO_TRY_VOID(check_ends(*copy));
  CO_TRY(Engine * engine, co_await session->engine(copy->settings));
  if (copy->destination.in_store()) {
    co_return co_await into_store(session, engine, copy, destination, progress);
  }
  if (copy->destination.kind == Kind::kPath) {
    co_return co_await into_file(session, engine, copy, destination, progress);
  }
  CO_TRY(Opened opened, co_await open_for(session, copy, false));
  co_return co_await download_stream(*engine, *opened.source, STDOUT_FILENO,
                                     copy->settings.transfer, *progress);
}

}  // namespace telpher
