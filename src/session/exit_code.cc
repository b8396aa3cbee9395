#include "session/exit_code.h"

namespace telpher {
namespace {

/// Store operations have S3's names ("UploadPart"); sources and files use their own ("GET",
/// "open").
bool is_store_operation(std::string_view operation) {
  static constexpr std::string_view kVerbs[] = {"Head", "Get",    "Put",    "Delete",   "Copy",
                                                "List", "Create", "Upload", "Complete", "Abort"};
  for (const std::string_view verb : kVerbs) {
    if (operation.starts_with(verb) && operation.size() > verb.size()) return true;
  }
  return false;
}

bool reads_the_store(std::string_view operation) {
  return operation == "GetObject" || operation == "HeadObject" || operation.starts_with("List");
}

/// Whether a store said it: by the operation, else by one of S3's codes.
bool is_from_store(const Error& error) {
  const ErrorContext& context = error.context;
  // Credentials are asked for before there is an operation.
  const bool no_credentials =
      error.kind == ErrorKind::kDenied && context.operation.empty() && context.code.empty();
  return no_credentials || is_store_operation(context.operation) ||
         context.code.starts_with("NoSuch");
}

bool is_at_destination(const Error& error, CopyEnds ends) {
  if (!ends.destination_is_store) return !is_from_store(error);
  if (!is_from_store(error)) return false;
  if (!ends.source_is_store) return true;
  return !reads_the_store(error.context.operation) && error.context.code != "NoSuchKey";
}

}  // namespace

ExitCode exit_code_for(const Error& error, CopyEnds ends) {
  if (is_shortage_here(error)) return kExitSomeFailed;
  if (is_disk_full(error)) return kExitDestination;  // nobody is asked to write who is only read
  const ExitCode side = is_at_destination(error, ends) ? kExitDestination : kExitSource;
  switch (error.kind) {
    case ErrorKind::kCancelled: return kExitInterrupted;
    case ErrorKind::kCorrupt:
    case ErrorKind::kSourceChanged: return kExitIntegrity;
    case ErrorKind::kInvalid: return error.context.http_status >= 400 ? side : kExitUsage;
    case ErrorKind::kPrecondition: return kExitDestination;
    // Of files that are written, what is missing is said as kIo.
    case ErrorKind::kNotFound: return ends.destination_is_store ? side : kExitSource;
    case ErrorKind::kDenied:
    case ErrorKind::kIo: return side;
    case ErrorKind::kNetwork:
    case ErrorKind::kTimeout: return error.context.code == "DNS" ? side : kExitGaveUp;
    case ErrorKind::kThrottled:
    case ErrorKind::kServer:
    case ErrorKind::kConflict: return kExitGaveUp;
    case ErrorKind::kProtocol:
      return error.persistence == Persistence::kPermanent ? side : kExitGaveUp;
    case ErrorKind::kUnsupported: return side;
    case ErrorKind::kLimit: return kExitSomeFailed;
  }
  return kExitSomeFailed;
}

std::string advice_for(const Error& error, ExitCode code, Begun begun) {
  if (error.context.code == "NoSuchKey") return "A prefix is written with a '/' at its end.";
  switch (code) {
    case kExitGaveUp:
      return begun == Begun::kSomething ? "Run the same command again to continue where it stopped."
                                        : "Run the same command again later.";
    case kExitIntegrity:
      return error.kind == ErrorKind::kSourceChanged
                 ? "Nothing appeared at the destination; run the same command again."
                 : "Nothing appeared at the destination.";
    default: return {};
  }
}

}  // namespace telpher
