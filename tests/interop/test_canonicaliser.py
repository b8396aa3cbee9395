"""Our signatures against botocore's, over random requests made to be nasty.

Each request is signed by botocore in its headers or as a link; ours must be the same to the letter,
and our verifier must take what botocore has signed. Needs Debian's python3-botocore and the program
s3_signatures from the same build:

    cmake --build --preset dev --target s3_signatures
    /usr/bin/python3 -m pytest -q tests/interop/test_canonicaliser.py
    TELPHER_SEED=7 TELPHER_REQUESTS=100000 …      another run, a longer one
"""

import datetime
import json
import os
import pathlib
import random
import subprocess
import urllib.parse

import pytest

botocore_auth = pytest.importorskip("botocore.auth")
from botocore.awsrequest import AWSRequest  # noqa: E402
from botocore.credentials import Credentials  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "build" / os.environ.get("TELPHER_BUILD", "dev") / "tests/support/s3_signatures"
SEED = int(os.environ.get("TELPHER_SEED", "1"))
REQUESTS = int(os.environ.get("TELPHER_REQUESTS", "4000"))

PLAIN = "abcXYZ019"
NASTY = " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~" + "\x01\t\n\r\x7f" + "éß€語😀\u0301"
# Python's str.split() takes other characters for blanks than HTTP does; they are left out.
VALUE = PLAIN + " \t!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~" + "éß€語😀"


def text(rng, alphabet, most):
    letters = alphabet if rng.random() < 0.7 else PLAIN
    return "".join(rng.choice(letters) for _ in range(rng.randint(0, most)))


def random_path(rng):
    key = "/".join(text(rng, PLAIN + NASTY, 8) for _ in range(rng.randint(1, 5)))
    key = rng.choice(["", "/", "../", "./", "a//b/"]) + key
    path = urllib.parse.quote("/bucket/" + key, safe="/~")
    return path.replace("/a", "%2Fa", 1) if rng.random() < 0.05 else path


def random_query(rng, unique):
    names = ["acl", "uploads", "prefix", "delimiter", "list-type", "X-id", "x-id", "partNumber"]
    pairs = []
    for _ in range(rng.randint(0, 6)):
        name = rng.choice(names) if rng.random() < 0.6 else text(rng, PLAIN + NASTY, 6) + "n"
        if unique and name in [pair[0] for pair in pairs]:
            continue
        pairs.append((name, text(rng, PLAIN + NASTY, 10)))
    quote = lambda part: urllib.parse.quote(part, safe="-_.~")
    parts = [quote(n) + ("" if not v and rng.random() < 0.5 else "=" + quote(v)) for n, v in pairs]
    return "&".join(parts)


def random_headers(rng):
    names = ["x-amz-meta-a", "X-Amz-Meta-B", "x-amz-acl", "Content-Type", "content-md5", "Range",
             "x-amz-copy-source", "Cache-Control", "X-Amz-Meta-a.b", "If-Match"]
    headers = []
    for name in rng.sample(names, rng.randint(0, 5)):
        for _ in range(2 if rng.random() < 0.1 else 1):
            headers.append((name, text(rng, VALUE, 20).strip(" \t")))
    return headers


class FrozenDatetime(datetime.datetime):
    moment = None

    @classmethod
    def utcnow(cls):
        return cls.moment


def signed_by_botocore(rng, kind):
    """What s3_signatures is asked about, and botocore's own signature."""
    FrozenDatetime.moment = datetime.datetime(2000, 1, 1) + datetime.timedelta(
        seconds=rng.randrange(2**31))
    token = text(rng, PLAIN + "+/=", 40) if rng.random() < 0.3 else ""
    credentials = Credentials("AKIA" + text(rng, PLAIN, 10), "s" + text(rng, PLAIN + "+/", 30),
                              token or None)
    region = rng.choice(["us-east-1", "eu-central-1", "auto", "r" + text(rng, PLAIN + "-", 5)])
    host = rng.choice(["localhost:9000", "127.0.0.1", "bucket.s3.amazonaws.com", "[::1]:9000"])
    path, query = random_path(rng), random_query(rng, unique=kind == "link")
    target = path + ("?" + query if query else "")
    method = rng.choice(["GET", "PUT", "POST", "DELETE", "HEAD"])
    body = b"" if kind == "link" or rng.random() < 0.5 else text(rng, PLAIN, 50).encode()
    request = AWSRequest(method=method, url="http://" + host + target, data=body)
    headers = random_headers(rng)
    for name, value in headers:
        request.headers.add_header(name, value)
    expires = rng.randint(1, 604800)
    if kind == "link":
        botocore_auth.S3SigV4QueryAuth(credentials, "s3", region, expires=expires).add_auth(request)
        sent_target = request.url[len("http://" + host):]
        made = sent_target.rpartition("X-Amz-Signature=")[2]
        target = sent_target.partition("X-Amz-Algorithm=")[0].rstrip("?&")
    else:
        botocore_auth.S3SigV4Auth(credentials, "s3", region).add_auth(request)
        sent_target, made = target, request.headers["Authorization"]
    return {
        "kind": kind, "method": method, "host": host, "target": target, "headers": headers,
        "payload_hash": request.headers.get("X-Amz-Content-SHA256", ""),
        "time": FrozenDatetime.moment.strftime("%Y%m%dT%H%M%SZ"), "region": region,
        "access_key": credentials.access_key, "secret": credentials.secret_key, "token": token,
        "expires": expires, "sent_target": sent_target,
        "sent_headers": [("Host", host)] + list(request.headers.items()),
    }, made


@pytest.mark.parametrize("kind", ["header", "link"])
def test_signs_as_botocore_does(kind, monkeypatch):
    if not PROGRAM.exists():
        pytest.fail(f"{PROGRAM} is not built")
    monkeypatch.setattr(botocore_auth.datetime, "datetime", FrozenDatetime)
    rng = random.Random(f"{SEED} {kind}")
    asked, expected = zip(*(signed_by_botocore(rng, kind) for _ in range(REQUESTS)))
    done = subprocess.run([PROGRAM], input="\n".join(map(json.dumps, asked)) + "\n", text=True,
                          capture_output=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == REQUESTS
    for question, theirs, answer in zip(asked, expected, answers):
        context = json.dumps(question, ensure_ascii=False, indent=1)
        assert answer["made"] == theirs, f"seed {SEED}, {context}"
        assert answer["verdict"] == "ok", f"seed {SEED}, {context}"


@pytest.mark.parametrize("kind", ["header", "link"])
def test_refuses_what_botocore_did_not_sign(kind, monkeypatch):
    monkeypatch.setattr(botocore_auth.datetime, "datetime", FrozenDatetime)
    rng = random.Random(f"{SEED} tampered {kind}")
    asked = []
    for _ in range(REQUESTS // 4):
        question, _ = signed_by_botocore(rng, kind)
        what = rng.choice(["method", "target", "header"])
        if what == "method":
            question["method"] = "PATCH"
        elif what == "target":
            question["sent_target"] = question["sent_target"].replace("/bucket", "/bucket2", 1)
        else:
            question["sent_headers"][0] = ("Host", question["host"] + "0")
        asked.append(question)
    done = subprocess.run([PROGRAM], input="\n".join(map(json.dumps, asked)) + "\n", text=True,
                          capture_output=True, timeout=600)
    for question, line in zip(asked, done.stdout.splitlines(), strict=True):
        assert json.loads(line)["verdict"] == "SignatureDoesNotMatch", json.dumps(question)
