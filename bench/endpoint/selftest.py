#!/usr/bin/env python3
"""Tests of the endpoint's measuring tools that need no server: the verdicts and the signatures."""

import pathlib
import sys
import unittest

BENCH = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(BENCH), str(BENCH / "peers")]

import endpoint_table as table  # noqa: E402
import rows  # noqa: E402
from signing import Signer  # noqa: E402


def row(**runs):
    return {"contenders": [
        {"id": name, "name": name, "load": "", "runs": [{"figure": v} for v in values]}
        for name, values in runs.items()
    ]}  # fmt: skip


def target(limit, of=(), at_least=False, unit="×"):
    return {"subject": "ours", "limit": limit, "of": list(of), "at_least": at_least, "unit": unit}


class TableTest(unittest.TestCase):
    def verdict(self, *words, **more):
        return table.judge(*words, **more)[1]

    def test_ratios_are_of_medians_and_of_sums(self):
        measured = row(ours=[9, 4, 1], nginx=[1, 1, 7], md5=[1])
        self.assertEqual(table.judge(measured, target(2, ["nginx", "md5"])), ("2.00 ×", "met"))
        self.assertEqual(self.verdict(measured, target(1.9, ["nginx", "md5"])), "**missed**")
        self.assertEqual(self.verdict(measured, target(4, ["nginx"])), "met")

    def test_throughput_must_reach_its_limit(self):
        self.assertEqual(self.verdict(row(ours=[7999]), target(8000, at_least=True)), "**missed**")
        self.assertEqual(self.verdict(row(ours=[8000]), target(8000, at_least=True)), "met")

    def test_what_was_not_measured_is_not_met(self):
        self.assertEqual(self.verdict(row(ours=[1]), target(2, ["nginx"])), "not measured")
        self.assertEqual(self.verdict(row(ours=[1], nginx=[]), target(2, ["nginx"])), "not measured")
        self.assertEqual(self.verdict(row(ours=[]), target(2)), "not measured")

    def test_targets_name_contenders_and_rows_have_their_place_in_the_table(self):
        self.assertEqual([make().name for make in rows.ROWS], table.ORDER)
        for made in (make() for make in rows.ROWS):
            names = {contender.id for contender in made.contenders}
            for wanted in made.targets:
                self.assertLessEqual({wanted.subject, *wanted.of}, names)


class SignerTest(unittest.TestCase):
    def test_signature_is_that_of_another_implementation(self):
        try:
            from botocore.auth import SigV4Auth
            from botocore.awsrequest import AWSRequest
            from botocore.credentials import Credentials
        except ImportError:
            self.skipTest("botocore is not installed")
        signer = Signer("AKID", "secret", "127.0.0.1:9000")
        head = signer.head("GET", "/b/k/ü", {"start-after": "a b/c", "list-type": 2})
        request = AWSRequest("GET", "http://127.0.0.1:9000/b/k/%C3%BC",
                             headers={"Host": "127.0.0.1:9000", "X-Amz-Date": signer.time,
                                      "x-amz-content-sha256": "UNSIGNED-PAYLOAD"})  # fmt: skip
        request.context["timestamp"] = signer.time
        auth = SigV4Auth(Credentials("AKID", "secret"), "s3", "us-east-1")
        request.params = {"start-after": "a b/c", "list-type": "2"}
        # S3's own rules: the path is quoted once, and the payload is named.
        auth._normalize_url_path = lambda path: path
        auth.payload = lambda request: "UNSIGNED-PAYLOAD"
        text = auth.string_to_sign(request, auth.canonical_request(request))
        self.assertIn("Signature=" + auth.signature(text, request), head)


if __name__ == "__main__":
    unittest.main()
