#include "store/local/index.h"

#include "store/local/row_codec.h"

#include <algorithm>

namespace telpher {
namespace {

// Each step brings the index from one format to the next; user_version counts them.
constexpr const char* kSteps[] = {R"(
  CREATE TABLE buckets (name TEXT PRIMARY KEY, created INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE objects (
    bucket TEXT NOT NULL, key BLOB NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
    modified INTEGER NOT NULL, checksum TEXT NOT NULL, storage_class TEXT NOT NULL,
    metadata TEXT NOT NULL, tags TEXT NOT NULL, extents BLOB NOT NULL,
    PRIMARY KEY (bucket, key)) WITHOUT ROWID;
  CREATE TABLE uploads (
    id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key BLOB NOT NULL, initiated INTEGER NOT NULL,
    checksum TEXT NOT NULL, storage_class TEXT NOT NULL, metadata TEXT NOT NULL) WITHOUT ROWID;
  CREATE INDEX uploads_by_key ON uploads (bucket, key, id);
  CREATE TABLE parts (
    upload TEXT NOT NULL, number INTEGER NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
    checksum TEXT NOT NULL, extents BLOB NOT NULL, PRIMARY KEY (upload, number)) WITHOUT ROWID;
  CREATE TABLE files (id INTEGER PRIMARY KEY, refs INTEGER NOT NULL);
  CREATE INDEX files_unreferred ON files (id) WHERE refs = 0;
)",
                                  R"(
  ALTER TABLE buckets ADD COLUMN owner TEXT NOT NULL DEFAULT '';
  ALTER TABLE objects ADD COLUMN parts BLOB NOT NULL DEFAULT x'';
  ALTER TABLE uploads ADD COLUMN composite INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE uploads ADD COLUMN tags TEXT NOT NULL DEFAULT '';
)",
                                  R"(
  ALTER TABLE parts ADD COLUMN modified INTEGER NOT NULL DEFAULT 0;
)",
                                  R"(
  CREATE TABLE IF NOT EXISTS scrub (
    id INTEGER PRIMARY KEY CHECK (id = 1), bucket TEXT NOT NULL, key BLOB NOT NULL);
)"};
constexpr std::int64_t kFormatVersion = std::size(kSteps);

/// As SQLite has it.
std::int64_t row_id(FileId file) { return static_cast<std::int64_t>(file); }

}  // namespace

Result<std::unique_ptr<LocalIndex>> LocalIndex::open(const std::string& path, bool durable,
                                                     const std::string& vfs) {
  TRY(std::unique_ptr<Database> database,
      Database::open({.path = path, .vfs = vfs, .busy_timeout = std::chrono::seconds(60)}));
  TRY_VOID(database->use_write_ahead_log());
  TRY_VOID(database->execute("PRAGMA wal_autocheckpoint = 4000"));
  // The next to open reads the whole log: it must not stay as large as it has ever been.
  TRY_VOID(database->execute("PRAGMA journal_size_limit = 16777216"));
  TRY_VOID(database->execute(durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = OFF"));
  std::unique_ptr<LocalIndex> index(new LocalIndex(std::move(database)));
  TRY_VOID(index->migrate());
  return index;
}

Result<void> LocalIndex::migrate() {
  const auto version = [&]() -> Result<std::int64_t> {
    TRY(Query query, database_->query("PRAGMA user_version"));
    TRY([[maybe_unused]] const bool row, query.next());
    return query.integer(0);
  };
  TRY(std::int64_t found, version());
  if (found == kFormatVersion) return {};
  TRY_VOID(begin_write());
  Result<void> made = [&]() -> Result<void> {
    TRY(found, version());  // another process may have been faster
    if (found > kFormatVersion) {
      return make_error(ErrorKind::kUnsupported,
                        "the local store was written by a newer version of Telpher");
    }
    if (found == kFormatVersion) return {};
    for (; found < kFormatVersion; ++found) TRY_VOID(database_->execute(kSteps[found]));
    const std::string done = "PRAGMA user_version = " + std::to_string(kFormatVersion);
    return database_->execute(done.c_str());
  }();
  if (made) made = commit();
  if (!made) roll_back();
  return made;
}

Result<void> LocalIndex::recover() {
  TRY_VOID(begin_write());  // nobody writes to the log meanwhile
  Result<void> written = database_->rewrite_log();
  roll_back();
  return written;
}

Result<void> LocalIndex::shorten_log() {
  return database_->execute("PRAGMA wal_checkpoint(TRUNCATE)");
}

Result<void> LocalIndex::begin_write() {
  references_.clear();
  return database_->run("BEGIN IMMEDIATE");
}
Result<void> LocalIndex::begin_read() { return database_->run("BEGIN"); }
Result<void> LocalIndex::commit() {
  TRY_VOID(write_references());
  return database_->run("COMMIT");
}
void LocalIndex::roll_back() {
  references_.clear();
  // Fails only when SQLite has rolled back already.
  if (!database_->run("ROLLBACK")) return;
}
void LocalIndex::begin_step() {
  step_references_ = references_.size();
  step_changes_ = database_->changes();
}
bool LocalIndex::end_step(bool succeeded) {
  if (succeeded) return true;
  return references_.size() == step_references_ && database_->changes() == step_changes_;
}

Result<void> LocalIndex::create_bucket(const std::string& name, const std::string& owner,
                                       WallTime now) {
  const Result<BucketInfo> there = bucket(name);
  if (there && !there->owner.empty() && there->owner != owner) return bucket_already_exists(name);
  if (there) return {};
  return database_->run("INSERT INTO buckets VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING", name,
                        to_us(now), owner);
}

Result<BucketInfo> LocalIndex::bucket(std::string_view name) {
  TRY(Query query, database_->query("SELECT created, owner FROM buckets WHERE name = ?1", name));
  TRY(const bool found, query.next());
  if (!found) return no_such_bucket(name);
  return BucketInfo{std::string(name), from_us(query.integer(0)), query.text(1)};
}

Result<void> LocalIndex::check_bucket(std::string_view bucket) {
  TRY(Query query, database_->query("SELECT 1 FROM buckets WHERE name = ?1", bucket));
  TRY(const bool found, query.next());
  if (!found) return no_such_bucket(bucket);
  return {};
}

Result<void> LocalIndex::remove_bucket(std::string_view bucket) {
  TRY_VOID(check_bucket(bucket));
  {
    TRY(Query query, database_->query("SELECT 1 FROM objects WHERE bucket = ?1 LIMIT 1", bucket));
    TRY(const bool found, query.next());
    if (found) {
      return store_error(ErrorKind::kConflict, "BucketNotEmpty", 409,
                         "the bucket '" + std::string(bucket) + "' is not empty");
    }
  }
  std::vector<std::string> uploads;
  {
    TRY(Query query, database_->query("SELECT id FROM uploads WHERE bucket = ?1", bucket));
    while (true) {
      TRY(const bool found, query.next());
      if (!found) break;
      uploads.push_back(query.text(0));
    }
  }
  for (const std::string& id : uploads) TRY_VOID(remove_upload(id));
  return database_->run("DELETE FROM buckets WHERE name = ?1", bucket);
}

Result<std::vector<BucketInfo>> LocalIndex::buckets() {
  TRY(Query query, database_->query("SELECT name, created, owner FROM buckets ORDER BY name"));
  std::vector<BucketInfo> buckets;
  while (true) {
    TRY(const bool found, query.next());
    if (!found) return buckets;
    buckets.push_back({query.text(0), from_us(query.integer(1)), query.text(2)});
  }
}

namespace {

constexpr int kObjectColumns = 9;

/// From "size, etag, modified, checksum, storage_class, metadata, tags, extents, parts".
Result<LocalIndex::Object> read_object(const Query& query, int first) {
  LocalIndex::Object object;
  object.info.size = static_cast<ByteCount>(query.integer(first));
  object.info.etag = query.text(first + 1);
  object.info.last_modified = from_us(query.integer(first + 2));
  TRY(object.info.checksum, decode_checksum(query.text(first + 3)));
  object.info.storage_class = query.text(first + 4);
  TRY(object.info.metadata, decode_metadata(query.text(first + 5)));
  TRY(object.tags, decode_tags(query.text(first + 6)));
  object.info.tag_count = static_cast<int>(object.tags.size());
  TRY(object.extents, decode_extents(query.text(first + 7)));
  TRY(object.info.parts, decode_parts(query.text(first + 8)));
  return object;
}

}  // namespace

Result<LocalIndex::Object> LocalIndex::object(const ObjectAddress& address) {
  TRY(Query query, database_->query("SELECT size, etag, modified, checksum, storage_class, "
                                    "metadata, tags, extents, parts FROM objects "
                                    "WHERE bucket = ?1 AND key = ?2",
                                    address.bucket, blob(address.key)));
  TRY(const bool found, query.next());
  if (found) return read_object(query, 0);
  TRY_VOID(check_bucket(address.bucket));
  return no_such_key(address.key);
}

Result<std::vector<std::pair<ObjectAddress, Result<LocalIndex::Object>>>> LocalIndex::objects_after(
    const ObjectAddress& address, int count) {
  TRY(Query query,
      database_->query("SELECT size, etag, modified, checksum, storage_class, metadata, tags, "
                       "extents, parts, bucket, key FROM objects "
                       "WHERE (bucket, key) > (?1, ?2) ORDER BY bucket, key LIMIT ?3",
                       address.bucket, blob(address.key), std::int64_t{count}));
  std::vector<std::pair<ObjectAddress, Result<Object>>> objects;
  while (true) {
    TRY(const bool found, query.next());
    if (!found) return objects;
    objects.emplace_back(ObjectAddress{query.text(kObjectColumns), query.text(kObjectColumns + 1)},
                         read_object(query, 0));
  }
}

Result<std::optional<std::vector<Extent>>> LocalIndex::extents_of(const ObjectAddress& address) {
  TRY(Query query, database_->query("SELECT extents FROM objects WHERE bucket = ?1 AND key = ?2",
                                    address.bucket, blob(address.key)));
  TRY(const bool found, query.next());
  if (!found) return std::nullopt;
  TRY(std::vector<Extent> extents, decode_extents(query.text(0)));
  return extents;
}

Result<void> LocalIndex::put_object(const ObjectAddress& address, const Object& object,
                                    const WriteCondition& condition) {
  TRY_VOID(check_bucket(address.bucket));
  if (condition.bucket_owner) {
    TRY(const BucketInfo there, bucket(address.bucket));
    TRY_VOID(check_bucket_owner(condition, there.owner));
  }
  TRY(const std::optional<std::vector<Extent>> old, extents_of(address));
  TRY_VOID(check_condition_of(address, condition, old.has_value()));
  refer(object.extents, 1);
  const ObjectInfo& info = object.info;
  TRY_VOID(database_->run(
      "INSERT OR REPLACE INTO objects VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
      address.bucket, blob(address.key), static_cast<std::int64_t>(info.size), info.etag,
      to_us(info.last_modified), encode_checksum(info.checksum), info.storage_class,
      encode_metadata(info.metadata), encode_tags(object.tags),
      blob(encode_extents(object.extents)), blob(encode_parts(info.parts))));
  if (old) refer(*old, -1);
  return {};
}

Result<void> LocalIndex::check_condition_of(const ObjectAddress& address,
                                            const WriteCondition& condition, bool exists) {
  if (!condition.on_object()) return {};
  std::optional<std::string> etag;
  if (exists) {
    TRY(const Object there, object(address));
    etag = there.info.etag;
  }
  return check_condition(condition, address.key, etag);
}

Result<void> LocalIndex::remove_object(const ObjectAddress& address, const std::string& if_match) {
  TRY_VOID(check_bucket(address.bucket));
  TRY(const std::optional<std::vector<Extent>> old, extents_of(address));
  TRY_VOID(check_condition_of(address, {.if_match = if_match}, old.has_value()));
  if (!old) return {};
  TRY_VOID(database_->run("DELETE FROM objects WHERE bucket = ?1 AND key = ?2", address.bucket,
                          blob(address.key)));
  refer(*old, -1);
  return {};
}

Result<void> LocalIndex::set_tags(const ObjectAddress& address, const Tags& tags) {
  TRY([[maybe_unused]] const Object there, object(address));
  return database_->run("UPDATE objects SET tags = ?3 WHERE bucket = ?1 AND key = ?2",
                        address.bucket, blob(address.key), encode_tags(tags));
}

Result<std::optional<ListEntry>> LocalIndex::Listing::next(const ListPosition& position) {
  constexpr const char* kAt =
      "SELECT key, size, etag, modified, storage_class, checksum FROM objects "
      "WHERE bucket = ?1 AND key >= ?2 ORDER BY key";
  constexpr const char* kAfter =
      "SELECT key, size, etag, modified, storage_class, checksum FROM objects "
      "WHERE bucket = ?1 AND key > ?2 ORDER BY key";
  const bool goes_on = query_ && position.after && position.key == last_;
  if (!goes_on) {
    query_.reset();
    TRY(Query query,
        index_.database_->query(position.after ? kAfter : kAt, bucket_, blob(position.key)));
    query_.emplace(std::move(query));
  }
  TRY(const bool found, query_->next());
  if (!found) {
    query_.reset();
    return std::nullopt;
  }
  last_ = query_->text(0);
  ListEntry entry{last_, static_cast<ByteCount>(query_->integer(1)), query_->text(2),
                  from_us(query_->integer(3)), query_->text(4)};
  TRY_VOID(decode_checksum_kind(query_->text(5), entry));
  return entry;
}

void LocalIndex::refer(const std::vector<Extent>& extents, int change) {
  for (const Extent& extent : extents) references_.emplace_back(extent.file, change);
}

Result<void> LocalIndex::write_references() {
  // Small objects share a file: one row is touched once, however many came and went.
  std::ranges::sort(references_);
  for (std::size_t i = 0; i < references_.size();) {
    const FileId file = references_[i].first;
    std::int64_t change = 0;
    bool added = false;
    for (; i < references_.size() && references_[i].first == file; ++i) {
      change += references_[i].second;
      added = added || references_[i].second > 0;
    }
    if (added) {
      TRY_VOID(
          database_->run("INSERT INTO files VALUES (?1, ?2) "
                         "ON CONFLICT DO UPDATE SET refs = refs + ?2",
                         row_id(file), change));
    } else {
      TRY_VOID(
          database_->run("UPDATE files SET refs = refs + ?2 WHERE id = ?1", row_id(file), change));
    }
  }
  references_.clear();
  return {};
}

Result<ObjectAddress> LocalIndex::scrub_place() {
  TRY(Query query, database_->query("SELECT bucket, key FROM scrub"));
  TRY(const bool found, query.next());
  if (!found) return ObjectAddress();
  return ObjectAddress{query.text(0), query.text(1)};
}

Result<void> LocalIndex::set_scrub_place(const ObjectAddress& place) {
  return database_->run("INSERT OR REPLACE INTO scrub VALUES (1, ?1, ?2)", place.bucket,
                        blob(place.key));
}

Result<bool> LocalIndex::is_referred(FileId file) {
  TRY(Query query,
      database_->query("SELECT 1 FROM files WHERE id = ?1 AND refs > 0", row_id(file)));
  return query.next();
}

Result<std::vector<FileId>> LocalIndex::unreferred_files() {
  TRY(Query query, database_->query("SELECT id FROM files WHERE refs = 0 LIMIT 1000"));
  std::vector<FileId> files;
  while (true) {
    TRY(const bool found, query.next());
    if (!found) return files;
    files.push_back(static_cast<FileId>(query.integer(0)));
  }
}

Result<void> LocalIndex::forget_file(FileId file) {
  return database_->run("DELETE FROM files WHERE id = ?1 AND refs = 0", row_id(file));
}

}  // namespace telpher
