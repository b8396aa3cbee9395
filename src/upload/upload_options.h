#pragma once
// What batch uploads and resumable ones have in common: limits, who asks, what is told.

#include "store/types.h"
#include "upload/type_rules.h"

#include <functional>
#include <string>
#include <string_view>

namespace telpher {

struct UploadLimits {
  int files_max = 20;  // in one request
  ByteCount file_bytes_max = 100 * 1024 * 1024;
  TypeRules types;
};

/// Who uploads.
struct UploadCaller {
  std::string owner;  // id of the key; what one began, others do not see. Empty = everybody
  /// Whether the caller may write there; empty function = anywhere.
  std::function<bool(const ObjectAddress&)> may_write;

  bool may(const ObjectAddress& object) const { return !may_write || may_write(object); }
};

/// An upload that is complete: the object is there.
struct StoredUpload {
  ObjectAddress object;
  ByteCount size = 0;
  std::string type;
  std::string original_name;  // as the client sent it; may be empty
  std::string owner;
  std::string_view how;  // "batch", "tus"
};

}  // namespace telpher
