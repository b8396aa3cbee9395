#!/usr/bin/env python3
"""Tests of the measuring tools: a sink that lets wrong bytes pass, or a report that turns a missed
target into a met one, would make every figure worthless.

    bench/peers/selftest.py [BUILD]      (default: build/release)
"""

import base64
import hashlib
import http.client
import pathlib
import subprocess
import sys
import tempfile
import types
import unittest

import lab
import report

BUILD = str(lab.REPOSITORY / "build" / "release")
CHECK_STRING = b"123456789"
# The published check values of the three CRCs.
CHECK_VALUES = {
    "crc64nvme": 0xAE8B14860A799888.to_bytes(8, "big"),
    "crc32c": 0xE3069283.to_bytes(4, "big"),
    "crc32": 0xCBF43926.to_bytes(4, "big"),
}


def base64_of(data):
    return base64.b64encode(data).decode()


class SinkTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        options = types.SimpleNamespace(
            size="9MiB", throttled_size="1MiB", work=cls.folder.name, build=BUILD,
            s3_endpoint=None, keep=False,
        )  # fmt: skip
        cls.lab = lab.Lab(options)
        cls.lab.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.lab.__exit__()
        cls.folder.cleanup()

    def setUp(self):
        self.lab.reset_sink()

    def request(self, method, path, body=None, headers=None):
        host = self.lab.sink.endpoints["http"][0]
        connection = http.client.HTTPConnection(host, timeout=10)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer, text

    def put(self, headers, body=CHECK_STRING):
        return self.request("PUT", "/b/k", body, headers)[0].status

    def counts(self):
        stats = self.lab.sink_stats()
        return stats["verified"], stats["unverified"], stats["mismatches"], stats["incomplete"]

    def test_right_checksum_headers_are_counted_as_verified(self):
        for name, value in CHECK_VALUES.items():
            self.assertEqual(self.put({f"x-amz-checksum-{name}": base64_of(value)}), 200)
        md5 = hashlib.md5(CHECK_STRING).digest()
        self.assertEqual(self.put({"Content-MD5": base64_of(md5)}), 200)
        self.assertEqual(self.put({}), 200)
        self.assertEqual(self.counts(), (4, 1, 0, 0))

    def test_wrong_checksum_headers_are_refused(self):
        for name, value in CHECK_VALUES.items():
            wrong = bytes([value[0] ^ 1]) + value[1:]
            self.assertEqual(self.put({f"x-amz-checksum-{name}": base64_of(wrong)}), 400)
        self.assertEqual(self.put({"Content-MD5": base64_of(bytes(16))}), 400)
        self.assertEqual(self.counts(), (0, 0, 4, 0))
        self.assertEqual(self.lab.sink_stats()["objects"], 0)

    def put_with_trailer(self, value, length=9):
        body = b"4\r\n1234\r\n5;chunk-signature=ab\r\n56789\r\n0\r\n"
        body += b"x-amz-checksum-crc64nvme:" + base64_of(value).encode() + b"\r\n\r\n"
        return self.put(
            {
                "Content-Encoding": "aws-chunked",
                "x-amz-decoded-content-length": str(length),
                "x-amz-trailer": "x-amz-checksum-crc64nvme",
                "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            },
            body,
        )

    def test_checksum_trailers_are_checked(self):
        self.assertEqual(self.put_with_trailer(CHECK_VALUES["crc64nvme"]), 200)
        self.assertEqual(self.put_with_trailer(bytes(8)), 400)
        self.assertEqual(self.put_with_trailer(CHECK_VALUES["crc64nvme"], length=10), 400)
        self.assertEqual(self.counts(), (1, 0, 1, 1))

    def test_multipart_joins_parts_in_order_and_refuses_strangers(self):
        data = self.lab.large_file().read_bytes()
        parts = [data[: 5 * 2**20], data[5 * 2**20 :]]
        _, text = self.request("POST", "/b/k?uploads")
        upload = text.decode().split("<UploadId>")[1].split("<")[0]
        tags = []
        for number, part in enumerate(parts, 1):
            answer, _ = self.request("PUT", f"/b/k?partNumber={number}&uploadId={upload}", part)
            tags.append(answer.getheader("ETag"))

        def complete(order):
            xml = "".join(
                f"<Part><PartNumber>{n}</PartNumber><ETag>{tag}</ETag></Part>" for n, tag in order
            )
            body = f"<CompleteMultipartUpload>{xml}</CompleteMultipartUpload>"
            return self.request("POST", f"/b/k?uploadId={upload}", body)[0].status

        self.assertEqual(complete([(1, tags[1]), (2, tags[0])]), 400)
        self.assertEqual(complete([(2, tags[1]), (1, tags[0])]), 400)
        with self.assertRaises(lab.Failure):  # the upload is still open
            self.lab.check_sink(self.lab.fingerprint(self.lab.large_file()))
        self.assertEqual(complete([(1, tags[0]), (2, tags[1])]), 200)
        self.lab.check_sink(self.lab.fingerprint(self.lab.large_file()))

    def test_wrong_bytes_without_checksum_fail_the_check_of_the_harness(self):
        data = bytearray(self.lab.large_file().read_bytes())
        data[7 * 2**20] ^= 1
        self.assertEqual(self.put({}, bytes(data)), 200)
        with self.assertRaises(lab.Failure):
            self.lab.check_sink(self.lab.fingerprint(self.lab.large_file()))

    def test_ranges_of_origin_and_sink_are_those_of_the_file(self):
        data = self.lab.large_file().read_bytes()
        for host, path in [(self.lab.origin.endpoints["http"][0], "/any"),
                           (self.lab.sink.endpoints["http"][0], "/bench/object")]:  # fmt: skip
            for header, want in [("bytes=0-9", data[:10]), ("bytes=-3", data[-3:]),
                                 ("bytes=1000000-3000000", data[1000000:3000001])]:  # fmt: skip
                connection = http.client.HTTPConnection(host, timeout=10)
                connection.request("GET", path, headers={"Range": header})
                answer = connection.getresponse()
                self.assertEqual((answer.status, answer.read()), (206, want))
                connection.close()

    def test_every_floor_moves_all_bytes(self):
        sink, origin = self.lab.sink.endpoints, self.lab.origin.endpoints
        file = str(self.lab.large_file())
        for words in [
            ["read-send", "--file", file, "--to", sink["http"][0]],
            ["recv-send", "--from", origin["http"][0], "--to", sink["http"][0]],
            ["tls-relay", "--from", origin["https"][0], "--to", sink["https"][0],
             "--ca", str(self.lab.cert)],
        ]:  # fmt: skip
            self.lab.reset_sink()
            self.lab.measure(lab.Command([self.lab.tools / "floor", *words, "--buffer", "64KiB"]))
            self.lab.check_sink(self.lab.fingerprint(self.lab.large_file()))
        path = pathlib.Path(self.folder.name) / "download"
        words = ["recv-write", "--from", sink["http"][0] + "/bench/object", "--file", str(path)]
        self.lab.measure(lab.Command([self.lab.tools / "floor", *words, "--buffer", "64KiB"]))
        self.lab.check_download(path)

    def test_a_failing_command_is_a_failure(self):
        with self.assertRaises(lab.Failure):
            self.lab.measure(lab.Command("true | false | true"))


class ReportTest(unittest.TestCase):
    def row(self, ours, theirs):
        def runs(values):
            return [
                {"cpu_s": v, "wall_s": 1, "rss_kib": 1024, "server_cpu_s": 0, "other_cpu_s": 0,
                 "softirq_cpu_s": 0} for v in values
            ]  # fmt: skip

        contenders = [{"name": "telpher", "runs": runs(ours)}, {"name": "x", "runs": runs(theirs)}]
        return {"unit": "CPU-s/GiB", "amount": 2, "subject": "telpher", "contenders": contenders}

    def verdict(self, row, kind, limit, of="x"):
        return report.judge(row, {"kind": kind, "limit": limit, "of": of, "figure": "figure"})[1]

    def test_targets_compare_medians(self):
        row = self.row([3, 1, 2], [1, 1, 9])
        self.assertEqual(self.verdict(row, "at-most", 2.0), "met")
        self.assertEqual(self.verdict(row, "at-most", 1.9), "**missed**")
        self.assertEqual(self.verdict(row, "times-below", 0.5), "met")
        self.assertEqual(self.verdict(row, "times-below", 0.6), "**missed**")
        self.assertEqual(self.verdict(row, "at-most", 1.0, of=None), "met")
        self.assertEqual(self.verdict(row, "at-most", 0.9, of=None), "**missed**")

    def test_what_was_not_measured_is_not_met(self):
        self.assertEqual(self.verdict(self.row([], [1]), "at-most", 9), "not measured")
        self.assertEqual(self.verdict(self.row([1], []), "at-most", 9), "not measured")


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        BUILD = sys.argv.pop(1)
    unittest.main()
