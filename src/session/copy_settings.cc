#include "session/copy_settings.h"

#include "base/units.h"

#include <utility>

namespace telpher {

Result<void> check_copy_settings(const CopySettings& copy) {
  // The smallest part a store takes is 5 MiB, and two must fit: one is read while one is sent.
  if (copy.memory < 10 * kMiB) {
    return make_error(ErrorKind::kInvalid, "--memory: " + format_size(copy.memory) +
                                               " is too little: two parts of 5 MiB must fit");
  }
  if (!copy.transfer.storage.sse_kms_key_id.empty() &&
      copy.transfer.storage.server_side_encryption != "aws:kms") {
    return make_error(ErrorKind::kInvalid, "--sse-kms-key-id needs --sse aws:kms");
  }
  return {};
}

Result<void> check_file_settings(const CopySettings& copy, std::string_view destination) {
  const ObjectMetadata& metadata = copy.transfer.metadata;
  const StorageOptions& storage = copy.transfer.storage;
  const std::pair<std::string_view, bool> given[] = {
      {"--content-type", !metadata.content_type.empty()},
      {"--content-encoding", !metadata.content_encoding.empty()},
      {"--content-language", !metadata.content_language.empty()},
      {"--content-disposition", !metadata.content_disposition.empty()},
      {"--cache-control", !metadata.cache_control.empty()},
      {"--metadata", !metadata.user.empty()},
      {"--storage-class", !storage.storage_class.empty()},
      {"--sse", !storage.server_side_encryption.empty()},
      {"--sse-kms-key-id", !storage.sse_kms_key_id.empty()},
      {"--acl", !storage.acl.empty()},
  };
  for (const auto& [option, is_given] : given) {
    if (!is_given) continue;
    return make_error(ErrorKind::kInvalid, std::string(option) +
                                               " is about an object in a store, '" +
                                               std::string(destination) + "' is none");
  }
  if (copy.transfer.if_none_match && destination == "-") {
    return make_error(ErrorKind::kInvalid, "--if-none-match: standard output is always there");
  }
  return {};
}

}  // namespace telpher
