#pragma once
// What the sink remembers: objects and uploads without their bytes, and counts. One thread.

#include "codec/checksum.h"
#include "peers/body_check.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace telpher::bench {

struct StoredObject {
  ByteCount size = 0;
  Digest crc64;
  std::string etag;      // without quotes
  std::string metadata;  // "x-amz-meta-…: …\r\n" and content-type lines, given back as they came
  /// Its bytes are the first `size` of the Pattern; others were dropped.
  bool is_pattern = false;
};

struct StoredPart {
  ByteCount size = 0;
  Digest crc64;
  std::optional<Digest> md5;
  std::string etag;
};

struct Upload {
  std::string name;  // "bucket/key"
  std::string metadata;
  bool wants_crc64 = false;  // opened with x-amz-checksum-algorithm: CRC64NVME
  std::map<int, StoredPart> parts;
};

struct Counts {
  std::uint64_t requests = 0;
  std::uint64_t bodies = 0;  // parts and whole objects taken
  std::uint64_t bytes = 0;   // of those bodies, decoded
  std::uint64_t verified = 0;
  std::uint64_t unverified = 0;
  std::uint64_t mismatches = 0;
  std::uint64_t incomplete = 0;
  std::uint64_t cut = 0;     // connections that ended inside a request
  std::uint64_t errors = 0;  // other 4xx answers to PUT, POST and DELETE
  std::map<std::string, std::uint64_t> operations;
};

class SinkState {
 public:
  /// Objects and counts as after the start; objects made of the Pattern stay.
  void reset();

  StoredObject* find(const std::string& name);
  void put(const std::string& name, StoredObject object) { objects_[name] = std::move(object); }
  void erase(const std::string& name) { objects_.erase(name); }
  const std::map<std::string, StoredObject>& objects() const { return objects_; }

  std::string open_upload(Upload upload);
  /// Null when there is no such upload for that object.
  Upload* find_upload(const std::string& id, const std::string& name);
  void close_upload(const std::string& id) { uploads_.erase(id); }

  Counts& counts() { return counts_; }
  std::string stats_json() const;

 private:
  std::map<std::string, StoredObject> objects_;
  std::map<std::string, Upload> uploads_;
  std::uint64_t uploads_opened_ = 0;
  Counts counts_;
};

/// The MD5 in hex when there is one; else 32 hex digits made of CRC and size with "-0" behind,
/// which clients take for "not an MD5".
std::string make_etag(const Digest& crc64, ByteCount size, const std::optional<Digest>& md5);

/// Joins the parts that a CompleteMultipartUpload names. Empty and `problem` set ("InvalidPart",
/// "InvalidPartOrder", "EntityTooSmall", "MalformedXML") when they do not fit the upload.
std::optional<StoredObject> join_parts(const Upload& upload, std::string_view xml,
                                       std::string& problem);

}  // namespace telpher::bench
