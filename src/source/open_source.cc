#include "source/open_source.h"

#include <utility>

namespace telpher {

Result<std::unique_ptr<Source>> make_url_source(Uri uri, UrlAccess access) {
  if (uri.scheme == "http" || uri.scheme == "https") {
    return make_http_source(*access.http, std::move(uri), std::move(access.http_options));
  }
  if (uri.scheme == "ftp" || uri.scheme == "ftps" || uri.scheme == "sftp") {
    return make_curl_source(std::move(uri), std::move(access.curl_options));
  }
  return make_error(ErrorKind::kUnsupported, uri.scheme + ":// cannot be read from");
}

}  // namespace telpher
