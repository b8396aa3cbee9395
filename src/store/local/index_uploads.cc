// LocalIndex: uploads and their parts.

#include "store/local/index.h"
#include "store/local/row_codec.h"

namespace telpher {

Result<void> LocalIndex::create_upload(const ObjectAddress& address, const std::string& id,
                                       const CreateUploadOptions& options, WallTime now) {
  TRY_VOID(check_bucket(address.bucket));
  return database_->run("INSERT INTO uploads VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)", id,
                        address.bucket, blob(address.key), to_us(now), to_string(options.checksum),
                        options.storage.storage_class, encode_metadata(options.metadata),
                        std::int64_t{options.composite}, encode_tags(options.tags));
}

Result<LocalIndex::Upload> LocalIndex::upload(const ObjectAddress& address, const std::string& id) {
  TRY(Query query,
      database_->query("SELECT initiated, checksum, storage_class, metadata, composite, tags "
                       "FROM uploads WHERE id = ?1 AND bucket = ?2 AND key = ?3",
                       id, address.bucket, blob(address.key)));
  TRY(const bool found, query.next());
  if (!found) {
    TRY_VOID(check_bucket(address.bucket));
    return no_such_upload(id);
  }
  Upload upload;
  upload.initiated = from_us(query.integer(0));
  TRY(upload.options.checksum, parse_checksum_algorithm(query.text(1)));
  upload.options.storage.storage_class = query.text(2);
  TRY(upload.options.metadata, decode_metadata(query.text(3)));
  upload.options.composite = query.integer(4) != 0;
  TRY(upload.options.tags, decode_tags(query.text(5)));
  return upload;
}

Result<void> LocalIndex::remove_upload(const std::string& id) {
  std::vector<Extent> extents;
  {
    TRY(Query query, database_->query("SELECT extents FROM parts WHERE upload = ?1", id));
    while (true) {
      TRY(const bool found, query.next());
      if (!found) break;
      TRY(const std::vector<Extent> more, decode_extents(query.text(0)));
      extents.insert(extents.end(), more.begin(), more.end());
    }
  }
  TRY_VOID(database_->run("DELETE FROM parts WHERE upload = ?1", id));
  TRY_VOID(database_->run("DELETE FROM uploads WHERE id = ?1", id));
  refer(extents, -1);
  return {};
}

Result<UploadsPage> LocalIndex::uploads(std::string_view bucket,
                                        const ListUploadsOptions& options) {
  const auto most = static_cast<std::size_t>(std::clamp(options.max_uploads, 1, 1000));
  // Without an upload id the marker stands for all uploads of its key.
  const std::string id_marker =
      options.upload_id_marker.empty() ? "\xff" : options.upload_id_marker;
  TRY(Query query, database_->query("SELECT key, id, initiated, storage_class, checksum, composite "
                                    "FROM uploads WHERE bucket = ?1 AND key >= ?2 "
                                    "AND (?3 = x'' OR (key, id) > (?3, ?4)) ORDER BY key, id",
                                    bucket, blob(std::max(options.prefix, options.key_marker)),
                                    blob(options.key_marker), id_marker));
  UploadsPage page;
  while (true) {
    TRY(const bool found, query.next());
    if (!found || !query.text(0).starts_with(options.prefix)) return page;
    if (page.uploads.size() == most) {
      page.key_marker = page.uploads.back().key;
      page.upload_id_marker = page.uploads.back().upload_id;
      return page;
    }
    UploadInfo& upload = page.uploads.emplace_back();
    upload.key = query.text(0);
    upload.upload_id = query.text(1);
    upload.initiated = from_us(query.integer(2));
    upload.storage_class = query.text(3);
    TRY(upload.checksum, parse_checksum_algorithm(query.text(4)));
    upload.composite = query.integer(5) != 0;
  }
}

Result<void> LocalIndex::put_part(const std::string& upload_id, const Part& part) {
  std::vector<Extent> old;
  {
    TRY(Query query, database_->query("SELECT extents FROM parts WHERE upload = ?1 AND number = ?2",
                                      upload_id, std::int64_t{part.info.number}));
    TRY(const bool found, query.next());
    if (found) {
      TRY(old, decode_extents(query.text(0)));
    }
  }
  refer(part.extents, 1);
  std::optional<StoredChecksum> checksum;
  if (part.info.checksum) checksum = StoredChecksum{*part.info.checksum, 0};
  TRY_VOID(database_->run("INSERT OR REPLACE INTO parts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                          upload_id, std::int64_t{part.info.number},
                          static_cast<std::int64_t>(part.info.size), part.info.etag,
                          encode_checksum(checksum), blob(encode_extents(part.extents)),
                          to_us(part.info.last_modified)));
  refer(old, -1);
  return {};
}

namespace {

/// From "number, size, etag, checksum, extents, modified".
Result<LocalIndex::Part> read_part(const Query& query) {
  LocalIndex::Part part;
  part.info.number = static_cast<PartNumber>(query.integer(0));
  part.info.size = static_cast<ByteCount>(query.integer(1));
  part.info.etag = query.text(2);
  TRY(const std::optional<StoredChecksum> checksum, decode_checksum(query.text(3)));
  if (checksum) part.info.checksum = checksum->digest;
  TRY(part.extents, decode_extents(query.text(4)));
  part.info.last_modified = from_us(query.integer(5));
  return part;
}

}  // namespace

Result<std::vector<LocalIndex::Part>> LocalIndex::parts(const std::string& upload_id,
                                                        PartNumber after, int count) {
  TRY(Query query,
      database_->query("SELECT number, size, etag, checksum, extents, modified FROM parts "
                       "WHERE upload = ?1 AND number > ?2 ORDER BY number LIMIT ?3",
                       upload_id, std::int64_t{after}, std::int64_t{count}));
  std::vector<Part> parts;
  while (true) {
    TRY(const bool found, query.next());
    if (!found) return parts;
    TRY(Part part, read_part(query));
    parts.push_back(std::move(part));
  }
}

Result<std::vector<LocalIndex::PartOfUpload>> LocalIndex::parts_after(const std::string& upload_id,
                                                                      PartNumber number,
                                                                      int count) {
  TRY(Query query, database_->query("SELECT parts.number, parts.size, parts.etag, parts.checksum, "
                                    "parts.extents, parts.modified, parts.upload, uploads.bucket, "
                                    "uploads.key "
                                    "FROM parts JOIN uploads ON uploads.id = parts.upload "
                                    "WHERE (parts.upload, parts.number) > (?1, ?2) "
                                    "ORDER BY parts.upload, parts.number LIMIT ?3",
                                    upload_id, std::int64_t{number}, std::int64_t{count}));
  std::vector<PartOfUpload> parts;
  while (true) {
    TRY(const bool found, query.next());
    if (!found) return parts;
    parts.push_back({query.text(6),
                     {query.text(7), query.text(8)},
                     static_cast<PartNumber>(query.integer(0)),
                     read_part(query)});
  }
}

}  // namespace telpher
