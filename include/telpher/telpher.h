#pragma once
/// Telpher as a library: one source to one destination, whole and right or not at all.
///
///     telpher::Client client;
///     auto copied = client.copy("https://example.com/big.iso", "s3://bucket/isos/");
///     if (!copied) std::cerr << copied.failure().message << '\n';
///
/// Addresses are those of the command line: http(s)://, ftp(s)://, sftp:// (sources only),
/// s3://bucket/key, local://bucket/key (the embedded store), file:///… and paths, "-" (standard
/// input or output). A destination that ends in "/" means "below this, by the source's name".
///
/// Calls block, and run everything on the calling thread (and up to four threads of their own for
/// file-system calls). They write nothing to standard output or error, install no signal handler
/// and leave SIGPIPE as it is. C++20 or newer; needs no other header of ours, and no library but
/// libtelpher. Until 1.0 a new minor version (0.2, 0.3 …) may change this header; libtelpher.so
/// carries that version in its name.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#if defined(__GNUC__)
#define TELPHER_API __attribute__((visibility("default")))
#else
#define TELPHER_API
#endif

namespace telpher {

/// Whose affair a failure is. The numbers are the exit codes of the command line.
enum class FailureSide : int {
  kUsage = 2,        // an address or option is wrong; nothing was done
  kSource = 3,       // not there, or refuses
  kDestination = 4,  // credentials, missing bucket, precondition, disk full
  kGaveUp = 5,       // after retries; the same call continues where it stopped
  kIntegrity = 6,    // the bytes were not right; nothing appeared
  kCancelled = 130,  // by the CancelToken, or by an exception of a callback
};

struct Failure {
  FailureSide side = FailureSide::kUsage;
  std::string kind;     // "not-found", "denied", "precondition", "timeout" …: as in --json
  std::string message;  // for people: the thing, the cause, what to do. Not to be parsed
  std::string code;     // the other side's word, where there is one: "NoSuchBucket", "AccessDenied"
  int http_status = 0;  // of the answer that said so; 0 = none
};

/// A T, or why there is none. T may be void.
template <class T>
class [[nodiscard]] Outcome {
  using Value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

 public:
  Outcome(Value value) : state_(std::in_place_index<0>, std::move(value)) {}
  Outcome(Failure failure) : state_(std::in_place_index<1>, std::move(failure)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  /// Throws std::runtime_error with the message when there is none: for those who like exceptions.
  /// Where exceptions are off it ends the program instead.
  Value& value() {
#if defined(__cpp_exceptions)
    if (!ok()) throw std::runtime_error(failure().message);
#endif
    return std::get<0>(state_);
  }
  const Value& value() const { return const_cast<Outcome*>(this)->value(); }
  Value& operator*() { return value(); }
  const Value& operator*() const { return value(); }
  Value* operator->() { return &value(); }
  const Value* operator->() const { return &value(); }

  /// Only where !ok(); throws std::bad_variant_access otherwise.
  const Failure& failure() const { return std::get<1>(state_); }

 private:
  std::variant<Value, Failure> state_;
};

/// Ends calls from elsewhere. Copies are the same token; one may serve any number of calls. Once
/// cancelled it stays so.
class TELPHER_API CancelToken {
 public:
  /// Throws std::system_error when the process has no descriptor left.
  CancelToken();
  /// From any thread, and from a signal handler. The call returns soon, with kCancelled; what the
  /// store has stays, and the same copy continues with it.
  void cancel() const noexcept;
  bool cancelled() const noexcept;

 private:
  friend class Client;
  struct State;
  std::shared_ptr<State> state_;
};

/// Stores and sources under one set of options. Connections, credentials and memory are kept from
/// call to call. Any thread may call; calls of one Client run one after the other. For copies side
/// by side use a Client for each thread (each with a memory budget of its own).
///
/// A callback (`progress`, `notice`, the one of list()) runs within a call. It must not call its
/// own Client: that fails at once with kUsage and does nothing. Another Client will do. A callback
/// that waits for another thread which calls that Client waits for ever.
class TELPHER_API Client {
 public:
  /// What is left empty comes from where the command line has it: AWS_* and TELPHER_* variables,
  /// ~/.aws/config, ~/.aws/credentials; read when first needed.
  struct Options {
    std::string endpoint_url;  // of the S3 service, such as http://127.0.0.1:9000
    std::string region;
    std::string profile;
    std::string access_key_id;  // with these two no other credentials are looked for
    std::string secret_access_key;
    std::string session_token;
    bool no_sign_request = false;  // no credentials at all
    std::string ca_bundle;         // certificates to trust (PEM file)
    bool verify_tls = true;
    /// http://HOST:PORT, http://USER:PASSWORD@HOST:PORT, socks5h://HOST:PORT; "none" = no proxy,
    /// whatever the environment says. Empty = HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY.
    std::string proxy;
    /// Where the bucket's name goes: HOST/BUCKET (kPath) or BUCKET.HOST (kVirtual). kAuto = as the
    /// profile says, else virtual at AWS and path elsewhere.
    enum class Addressing { kAuto, kPath, kVirtual } addressing = Addressing::kAuto;
    int attempts = 8;                                   // of each request, 1..100
    std::chrono::milliseconds connect_timeout{60'000};  // > 0
    std::chrono::milliseconds idle_timeout{60'000};     // > 0; without a byte moved
    std::uint64_t memory_bytes = 0;      // budget of part buffers, at least 10 MiB; 0 = default
    std::uint64_t rate_bytes_per_s = 0;  // of all copies together; 0 = unlimited
    std::string home;  // unfinished transfers and the embedded store; else $TELPHER_HOME
    /// Told what is worth knowing and no failure: "nothing can be resumed: …".
    std::function<void(const std::string&)> notice;
  };

  struct Progress {
    std::optional<std::uint64_t> size_bytes;  // empty = not known (yet)
    std::uint64_t done_bytes = 0;             // falls when a part has to be sent again
    std::uint64_t resumed_bytes = 0;          // of these, done by an earlier run
    std::string phase;                        // "starting", "copying", "completing", "verifying" …
  };

  struct CopyOptions {
    int concurrency = 0;                // parts in flight, 1..256; 0 = default (10)
    std::uint64_t part_size_bytes = 0;  // 5 MiB..5 GiB; 0 = fitting
    std::string checksum;               // crc64nvme (when empty), crc32c, sha256, md5, none
    std::string expect;                 // "sha256:HEX": with any other digest nothing appears
    bool if_none_match = false;         // refuse to write when the destination exists
    enum class Overwrite { kAlways, kNever, kIfDifferent } overwrite = Overwrite::kAlways;
    bool resume = true;                       // false: end unfinished work and start anew
    std::vector<std::string> source_headers;  // "Name: value", to http(s) sources
    std::string content_type;                 // empty = as the source says, else by the name
    std::string content_encoding;
    std::string content_language;
    std::string content_disposition;
    std::string cache_control;
    std::map<std::string, std::string> metadata;  // names in lower case
    std::string storage_class;
    std::string sse;  // AES256, aws:kms
    std::string sse_kms_key_id;
    std::string acl;
    /// Called on the calling thread, every `progress_interval` and at the end. What it throws ends
    /// the copy and comes out of copy().
    std::function<void(const Progress&)> progress;
    std::chrono::milliseconds progress_interval{250};
    std::optional<CancelToken> cancel;  // ends it also while it waits for its turn
  };

  struct Copied {
    std::string destination;  // with the name it got
    std::uint64_t size_bytes = 0;
    std::uint64_t resumed_parts = 0;  // of an earlier run
    bool skipped = false;             // by `overwrite`: it was there
    std::string etag;                 // of objects
    std::string version_id;           // of buckets with versions
    std::string digest;  // "crc64nvme:HEX" of the whole; empty = not computed (SHA-256 of parts)
    std::string verified_by;  // "crc64nvme of the store", "md5 of each part" …
  };

  /// An object, a prefix (key ends in "/", no size) or a bucket (empty key).
  struct Entry {
    std::string bucket;
    std::string key;
    std::uint64_t size_bytes = 0;
    std::string etag;
    std::string storage_class;
    std::chrono::system_clock::time_point last_modified{};
    std::string content_type;                     // of head() only
    std::map<std::string, std::string> metadata;  // of head() only
  };

  /// Ends a call, also one that waits for its turn: it fails with kCancelled. Empty = nobody can.
  using Cancel = std::optional<CancelToken>;

  explicit Client(Options options);
  Client() : Client(Options()) {}
  /// Waits for the journal to be written out. No call may be under way.
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  /// Copies one source to one destination; directories, prefixes and patterns (*, ?, […]) are
  /// refused with kUsage. A file or object that is really called so is none.
  /// Continues what an earlier run, of this program or of `telpher cp`, left unfinished.
  Outcome<Copied> copy(const std::string& source, const std::string& destination,
                       const CopyOptions& options);
  Outcome<Copied> copy(const std::string& source, const std::string& destination) {
    return copy(source, destination, CopyOptions());
  }

  /// What is known about an object of s3:// or local://. kind "not-found" when there is none. The
  /// key is taken as it is, never as a pattern: in list() and remove(), too.
  Outcome<Entry> head(const std::string& address, const Cancel& cancel = {});

  /// Calls `each` for what lies below s3://bucket/prefix or local://…, a page at a time (memory
  /// stays small), until it returns false; for "s3://" its buckets. In the order of keys; without
  /// `recursive` one level, of each page first the prefixes. What `each` throws comes out of here.
  Outcome<void> list(const std::string& address, const std::function<bool(const Entry&)>& each,
                     bool recursive = true, const Cancel& cancel = {});

  /// Deletes one object; one that is not there is no failure. Cancelled, it may be gone or not.
  Outcome<void> remove(const std::string& address, const Cancel& cancel = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// "0.1.0".
TELPHER_API const char* version();

}  // namespace telpher
