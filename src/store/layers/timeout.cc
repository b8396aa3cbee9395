#include "store/layers/timeout.h"

#include "base/units.h"

namespace telpher {

Duration TimeoutStore::limit_of(Operation operation) const {
  switch (operation) {
    case Operation::kGetObject:
    case Operation::kPutObject:
    case Operation::kCopyObject:
    case Operation::kPutPart:
    case Operation::kCopyPart:
    case Operation::kComplete: return options_.data_call;
    default: return options_.metadata_call;
  }
}

Error TimeoutStore::too_late(Operation operation, Duration limit) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(limit);
  const std::string time =
      ms < std::chrono::seconds(1) ? std::to_string(ms.count()) + "ms" : format_duration(ms);
  Error error = make_temporary_error(
      ErrorKind::kTimeout, std::string(to_string(operation)) + " did not end within " + time);
  error.context.operation = to_string(operation);
  return error;
}

}  // namespace telpher
