#pragma once
// From a URL to its source: the list of schemes there are.

#include "source/curl_source.h"
#include "source/http_source.h"

#include <memory>

namespace telpher {

/// What sources of URLs share.
struct UrlAccess {
  HttpClient* http = nullptr;  // outlives the source
  HttpSourceOptions http_options;
  CurlOptions curl_options;
};

/// http, https, ftp, ftps, sftp. Errors: kUnsupported.
Result<std::unique_ptr<Source>> make_url_source(Uri uri, UrlAccess access);

}  // namespace telpher
