"""Request heads signed with AWS Signature Version 4, by the thousand. Bodies are not signed
(UNSIGNED-PAYLOAD)."""

import datetime
import hashlib
import hmac
import urllib.parse

REGION = "us-east-1"


def _hmac(key, text):
    return hmac.digest(key, text.encode(), "sha256")


class Signer:
    def __init__(self, access_key, secret_key, host):
        now = datetime.datetime.now(datetime.UTC)
        self.host = host
        self.time = now.strftime("%Y%m%dT%H%M%SZ")
        self.scope = f"{self.time[:8]}/{REGION}/s3/aws4_request"
        key = ("AWS4" + secret_key).encode()
        for word in self.scope.split("/"):
            key = _hmac(key, word)
        self.key = key
        self.credential = f"{access_key}/{self.scope}"

    def head(self, method, path, query=None, length=None):
        """A whole request head. `query` = dict; `length` of the body."""
        target = urllib.parse.quote(path)
        text = "&".join(
            f"{urllib.parse.quote(name, safe='')}={urllib.parse.quote(str(value), safe='')}"
            for name, value in sorted((query or {}).items())
        )
        canonical = (
            f"{method}\n{target}\n{text}\nhost:{self.host}\nx-amz-content-sha256:UNSIGNED-PAYLOAD\n"
            f"x-amz-date:{self.time}\n\nhost;x-amz-content-sha256;x-amz-date\nUNSIGNED-PAYLOAD"
        )
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        to_sign = f"AWS4-HMAC-SHA256\n{self.time}\n{self.scope}\n{digest}"
        signature = _hmac(self.key, to_sign).hex()
        lines = [
            f"{method} {target}{'?' + text if text else ''} HTTP/1.1",
            f"Host: {self.host}",
            f"Authorization: AWS4-HMAC-SHA256 Credential={self.credential}, SignedHeaders="
            f"host;x-amz-content-sha256;x-amz-date, Signature={signature}",
            f"x-amz-date: {self.time}",
            "x-amz-content-sha256: UNSIGNED-PAYLOAD",
        ]
        if length is not None:
            lines.append(f"Content-Length: {length}")
        return "\r\n".join(lines) + "\r\n\r\n"
