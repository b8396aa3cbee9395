// What a program of somebody else does with an S3 service, everything said in the options.
// usage: stranger ENDPOINT ACCESS_KEY SECRET_KEY FILE
#include <cstdlib>
#include <iostream>
#include <telpher/telpher.h>

namespace {

template <class T>
const telpher::Outcome<T>& expect(const char* what, const telpher::Outcome<T>& outcome) {
  if (!outcome) {
    std::cerr << what << ": " << outcome.failure().message << '\n';
    std::exit(1);
  }
  return outcome;
}

void expect(const char* what, bool holds) {
  if (holds) return;
  std::cerr << what << '\n';
  std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  telpher::Client::Options options;
  options.endpoint_url = argv[1];
  options.region = "us-east-1";
  options.access_key_id = argv[2];
  options.secret_access_key = argv[3];
  telpher::Client client(options);

  telpher::Client::CopyOptions wanted;
  wanted.part_size_bytes = 5 << 20;
  wanted.concurrency = 3;
  wanted.metadata = {{"made-by", "a stranger"}};
  wanted.content_type = "text/plain";
  int pictures = 0;
  wanted.progress = [&](const telpher::Client::Progress&) { ++pictures; };
  const auto copied = expect("copy", client.copy(argv[4], "s3://bucket/folder/", wanted));
  expect("progress", pictures > 0);
  expect("destination", copied->destination.rfind("s3://bucket/folder/", 0) == 0);
  expect("digest", copied->digest.rfind("crc64nvme:", 0) == 0);

  const auto head = expect("head", client.head(copied->destination));
  expect("size", head->size_bytes == copied->size_bytes);
  expect("content type", head->content_type == "text/plain");
  expect("metadata", head->metadata == wanted.metadata);

  wanted.if_none_match = true;
  const auto refused = client.copy(argv[4], copied->destination, wanted);
  expect("refused", !refused && refused.failure().kind == "precondition" &&
                        refused.failure().side == telpher::FailureSide::kDestination);

  int seen = 0;
  expect("list", client.list("s3://bucket", [&](const telpher::Client::Entry&) { return ++seen; }));
  expect("one object", seen == 1);
  expect("remove", client.remove(copied->destination));
  expect("gone", client.head(copied->destination).failure().kind == "not-found");

  options.secret_access_key = "wrong";
  telpher::Client stranger(options);
  const auto denied = stranger.copy(argv[4], "s3://bucket/x");
  expect("denied", !denied && denied.failure().kind == "denied");
}
