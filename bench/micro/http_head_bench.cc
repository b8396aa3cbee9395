// What parsing one HTTP head costs: it is paid once for every object moved.

#include "codec/http_head.h"

#include <benchmark/benchmark.h>

namespace telpher {
namespace {

constexpr std::string_view kResponse =
    "HTTP/1.1 200 OK\r\n"
    "x-amz-id-2: eftixk72aD6Ap51TnqcoF8eFidJG9Z/2mkiDFu8yU9AS1ed4OpIszj7UDNEHGran\r\n"
    "x-amz-request-id: 318BC8BC148832E5\r\n"
    "Date: Mon, 28 Oct 2024 22:32:00 GMT\r\n"
    "Last-Modified: Mon, 28 Oct 2024 21:00:00 GMT\r\n"
    "ETag: \"d41d8cd98f00b204e9800998ecf8427e\"\r\n"
    "x-amz-checksum-crc64nvme: rosUhgp5mIg=\r\n"
    "x-amz-server-side-encryption: AES256\r\n"
    "Accept-Ranges: bytes\r\n"
    "Content-Type: application/octet-stream\r\n"
    "Content-Length: 16777216\r\n"
    "Server: AmazonS3\r\n"
    "\r\n";

constexpr std::string_view kRequest =
    "PUT /bucket/some/key/of/usual/length.bin?partNumber=17&uploadId=VXBsb2FkIElE HTTP/1.1\r\n"
    "Host: 127.0.0.1:9000\r\n"
    "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20241028/us-east-1/s3/aws4_request, "
    "SignedHeaders=host;x-amz-content-sha256;x-amz-date, "
    "Signature=fe5f80f77d5fa3beca038a248ff027d0445342fe2855ddc963176630326f1024\r\n"
    "x-amz-content-sha256: UNSIGNED-PAYLOAD\r\n"
    "x-amz-date: 20241028T223200Z\r\n"
    "x-amz-checksum-crc64nvme: rosUhgp5mIg=\r\n"
    "Content-Length: 16777216\r\n"
    "User-Agent: telpher/0.1\r\n"
    "\r\n";

void response_head(benchmark::State& state) {
  for (auto _ : state) {
    auto parsed = parse_response_head(kResponse);
    benchmark::DoNotOptimize(response_framing((*parsed)->head, "GET"));
  }
}
BENCHMARK(response_head);

void request_head(benchmark::State& state) {
  for (auto _ : state) {
    auto parsed = parse_request_head(kRequest);
    benchmark::DoNotOptimize(request_framing((*parsed)->head));
  }
}
BENCHMARK(request_head);

}  // namespace
}  // namespace telpher

BENCHMARK_MAIN();
