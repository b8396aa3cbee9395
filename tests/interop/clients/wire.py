"""S3 requests as bytes on a socket: signed by our own few lines, so that a test can leave out, add
or spoil anything. For what client libraries refuse to send."""

import base64
import dataclasses
import datetime
import hashlib
import hmac
import http.client
import io
import re
import socket
import ssl
import urllib.parse
import xml.etree.ElementTree as ET

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
UNSIGNED = "UNSIGNED-PAYLOAD"


def quote(text):
    if isinstance(text, str):
        text = text.encode()
    return urllib.parse.quote(text, safe="-_.~")


def quote_key(key):
    """Of a key as it stands in a path."""
    if isinstance(key, str):
        key = key.encode()
    return urllib.parse.quote(key, safe="-_.~/")


def sha256_hex(data):
    return hashlib.sha256(data).hexdigest()


def crc_base64(algorithm, data):
    """The value of x-amz-checksum-…, computed bit by bit where Python has nothing: small data."""
    if algorithm in ("sha1", "sha256"):
        return base64.b64encode(hashlib.new(algorithm, data).digest()).decode()
    width, polynomial = {"crc32": (32, 0xEDB88320), "crc32c": (32, 0x82F63B78),
                         "crc64nvme": (64, 0x9A6C9329AC4BC9B5)}[algorithm]
    mask = (1 << width) - 1
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (polynomial if value & 1 else 0)
        table.append(value)
    crc = mask
    for byte in data:
        crc = (crc >> 8) ^ table[(crc ^ byte) & 0xFF]
    return base64.b64encode((crc ^ mask).to_bytes(width // 8, "big")).decode()


ALGORITHMS = ["crc32", "crc32c", "crc64nvme", "sha1", "sha256"]


@dataclasses.dataclass
class Answer:
    status: int
    reason: str
    headers: dict  # names in lower case
    body: bytes
    interim: list  # status codes of 1xx before it

    @property
    def xml(self):
        """Its root, without namespaces."""
        root = ET.fromstring(self.body)
        for node in root.iter():
            node.tag = node.tag.split("}", 1)[-1]
        return root

    @property
    def namespace(self):
        tag = ET.fromstring(self.body).tag
        return tag[1:].split("}")[0] if tag.startswith("{") else ""

    @property
    def code(self):
        return self.xml.findtext("Code") if self.body.lstrip()[:1] == b"<" else None

    def text(self, path):
        return self.xml.findtext(path)

    def texts(self, path):
        return [node.text or "" for node in self.xml.findall(path)]

    def __str__(self):
        return f"{self.status} {self.body[:400]!r}"


class Wire:
    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.host = endpoint.host
        self.secure = endpoint.url.startswith("https")

    # --- signing --------------------------------------------------------------------------------
    @staticmethod
    def key(scope, secret):
        key = ("AWS4" + secret).encode()
        for step in scope.split("/"):
            key = hmac.digest(key, step.encode(), "sha256")
        return key

    def signature(self, scope, secret, when, canonical):
        key = self.key(scope, secret)
        text = "\n".join(["AWS4-HMAC-SHA256", when, scope, sha256_hex(canonical.encode())])
        return hmac.new(key, text.encode(), "sha256").hexdigest()

    def scope(self, when, region=None, service="s3"):
        return f"{when[:8]}/{region or self.endpoint.region}/{service}/aws4_request"

    @staticmethod
    def now(shift=datetime.timedelta(0)):
        return (datetime.datetime.now(datetime.timezone.utc) + shift).strftime("%Y%m%dT%H%M%SZ")

    @staticmethod
    def canonical(method, path, query, headers, signed, payload_hash):
        pairs = sorted((quote(k), quote(v or "")) for k, v in query)
        lines = [method, path, "&".join(f"{k}={v}" for k, v in pairs)]
        lower = {k.lower(): " ".join(str(v).split()) for k, v in headers}
        lines += [f"{name}:{lower.get(name, '')}" for name in signed]
        return "\n".join(lines + ["", ";".join(signed), payload_hash])

    def signed(self, method, path, query=(), headers=(), payload_hash=EMPTY_SHA256, *,
               access_key=None, secret_key=None, when=None, region=None, service="s3",
               leave_unsigned=(), host=None):
        """The headers with Host, date, hash and Authorization added."""
        when = when or self.now()
        headers = list(headers)
        given = {k.lower() for k, _ in headers}
        if "host" not in given:
            headers.append(("Host", host or self.host))
        if "x-amz-date" not in given:
            headers.append(("x-amz-date", when))
        if "x-amz-content-sha256" not in given:
            headers.append(("x-amz-content-sha256", payload_hash))
        signed = sorted({k.lower() for k, _ in headers
                         if k.lower() in ("host", "content-type", "content-md5", "range") or
                         k.lower().startswith("x-amz-")} - set(leave_unsigned))
        scope = self.scope(when, region, service)
        canonical = self.canonical(method, path, query, headers, signed, payload_hash)
        signature = self.signature(scope, secret_key or self.endpoint.secret_key, when, canonical)
        access_key = access_key or self.endpoint.access_key
        headers.append(("Authorization", f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, "
                        f"SignedHeaders={';'.join(signed)}, Signature={signature}"))
        return headers

    def presigned(self, method, path, query=(), *, expires=300, when=None, headers=(), region=None,
                  service="s3", leave_out=()):
        """The target of a link; `headers` are signed and must be sent."""
        when = when or self.now()
        scope = self.scope(when, region, service)
        headers = [("host", self.host), *headers]
        signed = sorted(k.lower() for k, _ in headers)
        query = list(query) + [("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
                               ("X-Amz-Credential", f"{self.endpoint.access_key}/{scope}"),
                               ("X-Amz-Date", when), ("X-Amz-Expires", str(expires)),
                               ("X-Amz-SignedHeaders", ";".join(signed))]
        query = [(k, v) for k, v in query if k not in leave_out]
        canonical = self.canonical(method, path, query, headers, signed, UNSIGNED)
        signature = self.signature(scope, self.endpoint.secret_key, when, canonical)
        if "X-Amz-Signature" not in leave_out:
            query.append(("X-Amz-Signature", signature))
        return path + "?" + urllib.parse.urlencode(query, quote_via=urllib.parse.quote)

    def signed_chunks(self, method, path, data, query=(), headers=(), trailer=None, chunk=8192,
                      spoil=None):
        """A request whose chunks are signed one by one, as the chain of AWS4-HMAC-SHA256-PAYLOAD has
        it. `trailer`: (name, value), signed too. `spoil` changes the body's bytes before it is sent."""
        form = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + ("-TRAILER" if trailer else "")
        when = self.now()
        headers = [*headers, ("Content-Encoding", "aws-chunked"),
                   ("x-amz-decoded-content-length", str(len(data)))]
        if trailer:
            headers.append(("x-amz-trailer", trailer[0]))
        headers = self.signed(method, path, query, headers, form, when=when)
        previous = headers[-1][1].rsplit("Signature=", 1)[1]
        body = b""
        for at in range(0, len(data), chunk):
            piece = data[at:at + chunk]
            previous = self.chunk_signature(when, previous, piece)
            body += b"%x;chunk-signature=%s\r\n%s\r\n" % (len(piece), previous.encode(), piece)
        previous = self.chunk_signature(when, previous, b"")
        body += b"0;chunk-signature=" + previous.encode() + b"\r\n"
        if trailer:
            line = f"{trailer[0]}:{trailer[1]}\n"
            text = "\n".join(["AWS4-HMAC-SHA256-TRAILER", when, self.scope(when), previous,
                              sha256_hex(line.encode())])
            signature = hmac.new(self.key(self.scope(when), self.endpoint.secret_key), text.encode(),
                                 "sha256").hexdigest()
            body += f"{trailer[0]}:{trailer[1]}\r\nx-amz-trailer-signature:{signature}\r\n".encode()
        body += b"\r\n"
        target = path + ("?" + "&".join(f"{quote(k)}={quote(v)}" for k, v in query) if query else "")
        return self.send(method, target, headers, spoil(body) if spoil else body)

    def chunk_signature(self, when, previous, piece):
        scope = self.scope(when)
        text = "\n".join(["AWS4-HMAC-SHA256-PAYLOAD", when, scope, previous, EMPTY_SHA256,
                          sha256_hex(piece)])
        return hmac.new(self.key(scope, self.endpoint.secret_key), text.encode(), "sha256").hexdigest()

    # --- sending --------------------------------------------------------------------------------
    def connect(self, timeout=30):
        connection = socket.create_connection(("127.0.0.1", self.endpoint.port), timeout)
        if self.secure:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            connection = context.wrap_socket(connection)
        return connection

    @staticmethod
    def head(method, target, headers):
        lines = [f"{method} {target} HTTP/1.1"] + [f"{k}: {v}" for k, v in headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def raw(self, data, method="GET", half_close=False):
        """Sends the bytes, reads one answer. None when the server closes without one."""
        with self.connect() as connection:
            try:
                connection.sendall(data)
                if half_close:
                    connection.shutdown(socket.SHUT_WR)
            except (BrokenPipeError, ConnectionResetError):
                pass  # it may have answered already
            return read_answer(connection, method)

    def send(self, method, target, headers=(), body=b""):
        """As given: only Connection is added, and Host and Content-Length where there are none."""
        headers = [*headers, ("Connection", "close")]
        names = {k.lower() for k, _ in headers}
        if "host" not in names:
            headers.insert(0, ("Host", self.host))
        if not names & {"content-length", "transfer-encoding"} and (
                body or method in ("PUT", "POST")):
            headers.append(("Content-Length", str(len(body))))
        headers = [(k, v) for k, v in headers if v is not None]  # None = leave it out
        return self.raw(self.head(method, target, headers) + body, method)

    def request(self, method, path, query=(), headers=(), body=b"", payload_hash=None, **signing):
        """Signed and sent. `path` is escaped already; `query` is [(name, value or None)]."""
        if isinstance(headers, dict):
            headers = headers.items()
        if payload_hash is None:
            payload_hash = sha256_hex(body)
        headers = self.signed(method, path, query, headers, payload_hash, **signing)
        target = path
        if query:
            target += "?" + "&".join(quote(k) if v is None else f"{quote(k)}={quote(v)}"
                                     for k, v in query)
        return self.send(method, target, headers, body)

    def get(self, path, *query, **kwargs):
        return self.request("GET", path, query, **kwargs)

    def put(self, path, body=b"", *query, **kwargs):
        return self.request("PUT", path, query, body=body, **kwargs)

    def post(self, path, body=b"", *query, **kwargs):
        return self.request("POST", path, query, body=body, **kwargs)

    def delete(self, path, *query, **kwargs):
        return self.request("DELETE", path, query, **kwargs)


def read_answer(connection, method):
    interim = []
    file = connection.makefile("rb")
    while True:
        try:
            line = file.readline()
        except ConnectionResetError:
            return None
        if not line:
            return None
        found = re.fullmatch(rb"HTTP/1\.1 (\d{3}) ?(.*)\r\n", line)
        assert found, line
        status, reason = int(found[1]), found[2].decode()
        message = http.client.parse_headers(file)
        if status >= 200:
            break
        interim.append(status)
    headers = {k.lower(): v for k, v in message.items()}
    body = b""
    if method != "HEAD" and status not in (204, 304):
        body = read_body(file, headers)
    return Answer(status, reason, headers, body, interim)


def read_body(file, headers):
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = io.BytesIO()
        while size := int(file.readline().split(b";")[0], 16):
            body.write(file.read(size))
            file.readline()
        while file.readline() not in (b"\r\n", b""):
            pass
        return body.getvalue()
    if "content-length" in headers:
        body = file.read(int(headers["content-length"]))
        assert len(body) == int(headers["content-length"]), "the answer ends early"
        return body
    return file.read()


def trailer_body(data, algorithm, value, chunk=65536):
    """An aws-chunked body without chunk signatures, its checksum at the end."""
    body = b""
    for at in range(0, len(data), chunk):
        piece = data[at:at + chunk]
        body += b"%x\r\n%s\r\n" % (len(piece), piece)
    return body + f"0\r\nx-amz-checksum-{algorithm}:{value}\r\n\r\n".encode()


def trailer_headers(data, algorithm, **more):
    return {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            "x-amz-decoded-content-length": str(len(data)), "Content-Encoding": "aws-chunked",
            "x-amz-trailer": f"x-amz-checksum-{algorithm}"} | more
