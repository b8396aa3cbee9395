#pragma once
// How values that SQL need not look into are written in the index's columns. Pure functions.

#include "runtime/loop.h"
#include "store/local/data_files.h"
#include "store/object_store.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace telpher {

/// Microseconds since 1970.
std::int64_t to_us(WallTime time);
WallTime from_us(std::int64_t us);

/// Keys are blobs: they sort by their bytes.
inline Bytes blob(std::string_view key) { return as_bytes(key); }

/// 24 bytes each, little-endian.
std::string encode_extents(const std::vector<Extent>& extents);
Result<std::vector<Extent>> decode_extents(std::string_view text);

/// "crc64nvme:BASE64:0"; empty for none.
std::string encode_checksum(const std::optional<StoredChecksum>& checksum);
Result<std::optional<StoredChecksum>> decode_checksum(std::string_view text);
/// Only what a listing shows of it: which kind it is. The digest is not looked at.
Result<void> decode_checksum_kind(std::string_view text, ListEntry& entry);

/// The parts an object was made of: number, size and checksum of each; empty for none.
using PartList = std::shared_ptr<const std::vector<PartInfo>>;
std::string encode_parts(const PartList& parts);
Result<PartList> decode_parts(std::string_view text);

/// JSON; empty for nothing.
std::string encode_metadata(const ObjectMetadata& metadata);
Result<ObjectMetadata> decode_metadata(std::string_view text);
std::string encode_tags(const Tags& tags);
Result<Tags> decode_tags(std::string_view text);

}  // namespace telpher
