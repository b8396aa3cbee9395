#pragma once
// http:// and https:// as a source.

#include "codec/http_headers.h"
#include "codec/uri.h"
#include "net/http_client.h"
#include "source/source.h"

#include <chrono>
#include <memory>
#include <string>

namespace telpher {

struct HttpSourceOptions {
  Headers headers;  // of the user: parse_user_headers()
  std::string user_agent = "telpher";
  int redirects_max = 5;
  /// Of the probe: tries, the first included, and the waits between them (full jitter).
  int attempts_max = 8;
  std::chrono::milliseconds backoff_first{250};
  std::chrono::milliseconds backoff_max{20'000};
  std::chrono::milliseconds retry_after_max{120'000};  // a server that asks for more waits less
};

/// `client` must outlive the source and its readers.
///
/// Probe: HEAD; where that is refused (403, 405, 501) or tells no length, GET of the first byte.
/// Temporary failures are tried again here, then kRetriedOut. Errors as make_status_error() says.
///
/// Ranges are announced when the server says or shows that it serves them, the size is known and
/// there is a strong validator (see strong_validator()). Every range is asked for under If-Match or
/// If-Unmodified-Since, and status, Content-Range, total and validator of the answer are checked:
/// kSourceChanged when they are another source's, kUnsupported when the server did not do what it
/// was asked. Readers and open() do not try again: that is for whoever reads (see
/// transfer/resuming_reader.h), who opens the rest when a body breaks (kNetwork, temporary).
///
/// An answer with a Content-Encoding although identity was asked for is copied as it is, as one
/// stream without ranges, and SourceInfo::metadata.content_encoding says what it is; one that
/// appears only after the probe is refused (kProtocol).
///
/// Redirects are followed hop by hop, never from https to http; Authorization and Cookie go no
/// further than the first origin. Ranges are asked for where the probe ended; should that refuse
/// (an expired link), the way is walked again from the start.
std::unique_ptr<Source> make_http_source(HttpClient& client, Uri uri, HttpSourceOptions options);

}  // namespace telpher
