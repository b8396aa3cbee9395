#include "library/copy_one.h"

#include "session/single_copy.h"
#include "source/directory.h"
#include "source/glob.h"

#include <filesystem>
#include <system_error>

namespace telpher {
namespace {

using Kind = Address::Kind;

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
  TRY_VOID(check_copy_settings(copy.settings));
  if (!to.in_store()) TRY_VOID(check_file_settings(copy.settings, to.text));
  return {};
}

/// "report[1].csv" is a legal name: what is really called so is no pattern.
Task<Result<void>> check_no_pattern(Session* session, const Address* from) {
  const bool in_store = from->in_store();
  const bool named = in_store || from->kind == Kind::kPath;
  if (!named || !is_glob(in_store ? from->object.key : from->path)) co_return Result<void>();
  if (in_store) {
    CO_TRY(ObjectStore * store, session->store(from->kind));
    const Result<ObjectInfo> itself = co_await store->head(from->object);
    if (itself) co_return Result<void>();
    if (itself.error().kind != ErrorKind::kNotFound) co_return itself.error();
  } else if (std::error_code ignored; std::filesystem::exists(from->path, ignored)) {
    co_return Result<void>();
  }
  co_return usage(
      "'" + from->text +
      "' is a pattern: copy() takes one file or object, and list() tells which there are");
}

}  // namespace

Task<Result<TransferResult>> copy_one(Session* session, const CopyOne* copy,
                                      std::string* destination, TransferProgress* progress) {
  CO_TRY_VOID(check_ends(*copy));
  CO_TRY_VOID(co_await check_no_pattern(session, &copy->source));
  CO_TRY(Engine * engine, co_await session->engine(copy->settings));
  SingleCopy single{.source = copy->source,
                    .destination = copy->destination,
                    .options = copy->settings.transfer,
                    .headers = copy->settings.source_headers};
  Address& to = single.destination;
  if (to.kind == Kind::kPath && is_directory(to.path) && !to.path.ends_with('/')) to.path += '/';
  single.make_folders = to.is_prefix();
  single.settle = [destination](const std::string& name) -> Result<void> {
    *destination = name;
    return {};
  };
  CO_TRY_VOID(co_await make_bucket_if_local(session, &to));
  co_return co_await copy_single(session, engine, &single, progress);
}

}  // namespace telpher
