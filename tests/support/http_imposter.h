#pragma once
// A web server that answers from a script and remembers what it was asked: every way in which the
// servers of sources disappoint, as data. Runs on a thread of its own, listens on loopback.

#include "base/bytes.h"
#include "base/result.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace telpher {

/// What is answered, and to whom. For each request the first rule that fits and is not used up
/// counts; without one the answer is 404. In a JSON script the fields have the same names.
struct ImposterRule {
  // To which requests.
  std::string path;    // without query; empty = any
  std::string method;  // empty = any
  std::string header;  // only requests with this field, e.g. "Range"; empty = any
  int after = 0;       // passes over the first so many that fit
  int times = -1;      // is used up after so many; -1 = never

  // The representation.
  std::string body;               // or, when `size` is set,
  std::optional<ByteCount> size;  // so many bytes of imposter_content(seed)
  std::uint64_t seed = 1;
  std::string etag;  // with its quotes
  std::string last_modified;
  std::string content_type;

  // The answer.
  int status = 0;  // other than 0: this status with `body`, without regard to Range or conditions
  std::vector<std::pair<std::string, std::string>> headers;  // replace; an empty value removes
  std::string redirect;                                      // Location; status 302 unless given

  // How it goes wrong.
  bool ranges = true;                    // false: Range is ignored, Accept-Ranges not sent
  bool conditions = true;                // false: If-Match and If-Unmodified-Since are ignored
  bool gzip = false;                     // sends the body in gzip, whatever was asked for
  bool chunked = false;                  // no Content-Length
  std::int64_t content_range_shift = 0;  // Content-Range lies by so many bytes
  std::int64_t content_range_total = 0;  // and its total by so many
  std::optional<ByteCount> close_at;     // the connection is closed after so many body bytes
  std::optional<ByteCount> reset_at;     // the same by a reset
  std::optional<ByteCount> stall_at;     // nothing more comes after so many
  ByteCount rate = 0;                    // bytes a second of each connection; 0 = all it can
};

struct ImposterRequest {
  std::string method;
  std::string target;
  std::vector<std::pair<std::string, std::string>> headers;

  /// The first field of that name, in any case; empty if there is none.
  std::string_view header(std::string_view name) const;
};

/// Fills `buffer` with the bytes from `offset` of the content that `seed` stands for.
void imposter_content(std::uint64_t seed, ByteCount offset, MutableBytes buffer);
std::string imposter_content(std::uint64_t seed, ByteRange range);

/// `{"rules": [{"path": "/f", "size": 1000, …}, …]}`; sizes may be written "64MiB".
/// Errors: kInvalid, naming what is unknown.
Result<std::vector<ImposterRule>> parse_imposter_script(std::string_view json);

/// GET /_imposter/requests gives the record as JSON, DELETE empties it.
class HttpImposter {
 public:
  explicit HttpImposter(std::vector<ImposterRule> rules, std::string host = "127.0.0.1",
                        std::uint16_t port = 0);
  ~HttpImposter();

  std::uint16_t port() const;
  /// "http://127.0.0.1:1234".
  std::string url(std::string_view path = "") const;
  std::vector<ImposterRequest> requests() const;
  void clear_requests();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace telpher
