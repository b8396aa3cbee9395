// sink: a small fast S3-like server for measurements. It takes objects and parts, checks them and
// drops their bytes, so that the client is what a run measures; GET serves synthetic objects.
//
//   sink --listen 127.0.0.1:0 [--listen …] [--listen-tls 127.0.0.1:0 --tls-cert PEM --tls-key PEM]
//        [--object bucket/key=2GiB …] [--md5]
//
// prints "http 127.0.0.1:PORT" or "https 127.0.0.1:PORT" for each listener, then serves until
// SIGTERM. GET /_sink/stats: counts as JSON; POST /_sink/reset: forget objects and counts.
// Signatures are not checked.

#include "base/units.h"
#include "peers/arguments.h"
#include "peers/server.h"
#include "peers/sink_answers.h"
#include "peers/socket.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>

using namespace telpher;
using namespace telpher::bench;

namespace {

/// `spec` is "bucket/key=SIZE".
void add_pattern_object(SinkState& state, const Pattern& pattern, const std::string& spec) {
  std::size_t equals = spec.rfind('=');
  auto size = parse_size(equals == std::string::npos ? "" : spec.substr(equals + 1));
  errno = 0;
  if (!size) die("--object wants BUCKET/KEY=SIZE, not " + spec);
  Checksum crc64(ChecksumAlgorithm::kCrc64Nvme);
  for (ByteCount at = 0; at < *size;) {
    Bytes piece = pattern.at(at, *size - at);
    crc64.update(piece);
    at += piece.size();
  }
  StoredObject object{.size = *size, .crc64 = crc64.finish(), .is_pattern = true};
  object.etag = make_etag(object.crc64, object.size, std::nullopt);
  state.put(spec.substr(0, equals), std::move(object));
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments(argc, argv, {"--md5"});
  Pattern pattern;
  SinkState state;
  for (const std::string& spec : arguments.all("--object")) {
    add_pattern_object(state, pattern, spec);
  }
  ServerOptions options{.pattern = &pattern};
  bool md5 = arguments.flag("--md5");
  options.make_service = [&state, md5] { return std::make_unique<S3Service>(state, md5); };
  add_listeners(options, arguments);
  serve(std::move(options));
  return 0;
}
