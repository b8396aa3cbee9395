"""The endpoint of a soak: started, killed, started again over the same store, asked, and checked."""

import datetime
import hashlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.parse
import urllib.request

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "bench/endpoint"))
import signing  # noqa: E402

ACCESS, SECRET, ADMIN = "soak", "soak-secret", "soak-admin"
BUCKET = "soak"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Endpoint:
    def __init__(self, telpher, folder, script):
        self.telpher, self.folder = telpher, folder
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "TELPHER_"))}
        self.env |= {"TELPHER_HOME": str(folder / "server-home"), "TELPHER_S3_ACCESS_KEY": ACCESS,
                     "TELPHER_S3_SECRET_KEY": SECRET, "TELPHER_S3_ADMIN_KEY": ADMIN}
        self.lock = threading.Lock()
        self.set_script(script)
        self.process = self.start()

    def set_script(self, script):
        (self.folder / "faults.json").write_text(json.dumps(script))

    def start(self):
        with open(self.folder / "server.log", "ab") as log:
            process = subprocess.Popen(
                [self.telpher, "s3", "--listen", f"127.0.0.1:{self.port}", "--store", "local",
                 "--root", str(self.folder / "root"), "--bucket", BUCKET, "--faults",
                 str(self.folder / "faults.json")],
                env=self.env, stdout=subprocess.PIPE, stderr=log, text=True)
        line = process.stdout.readline()
        if not line.startswith("listening on "):
            raise SystemExit(f"the endpoint does not start: see {self.folder}/server.log")
        return process

    def kill_and_start_again(self):
        with self.lock:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process.stdout.close()
            self.process = self.start()

    def problems(self):
        """Whether it ended by itself."""
        with self.lock:
            if self.process.poll() is None:
                return []
            code = self.process.returncode
            self.process = self.start()
            return [f"the endpoint ended by itself with {code}: see server.log"]

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)

    def scrub(self):
        """Every stored byte against its checksum."""
        done = subprocess.run([self.telpher, "s3", "--scrub", "--root", str(self.folder / "root")],
                              env=self.env, capture_output=True, text=True)
        return [] if done.returncode == 0 else [f"scrub: {done.stdout[-500:]} {done.stderr[-500:]}"]

    def usage(self):
        """(resident bytes, open descriptors) of the server."""
        try:
            pid = self.process.pid
            text = pathlib.Path(f"/proc/{pid}/status").read_text()
            resident = re.search(r"^VmRSS:\s+(\d+) kB", text, re.M)
            return int(resident.group(1)) * 1024, len(os.listdir(f"/proc/{pid}/fd"))
        except (OSError, AttributeError):
            return 0, 0

    # --- its own pages -------------------------------------------------------------------------

    def admin(self, page, method="GET", script=None):
        request = urllib.request.Request(
            f"{self.base}/_telpher/{page}", method=method, data=script,
            headers={"Authorization": f"Bearer {ADMIN}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def stats(self):
        try:
            return self.admin("stats")
        except (OSError, http.client.HTTPException):
            return None

    def set_faults(self, script):
        self.set_script(script)
        self.admin("faults", "PUT", json.dumps(script).encode())

    # --- requests without an SDK ---------------------------------------------------------------

    def request(self, method, path, query=None):
        """(status, headers, body) of one request. Errors: OSError, HTTPException."""
        head = signing.Signer(ACCESS, SECRET, f"127.0.0.1:{self.port}").head(method, path, query)
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(head.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").encode())
            answer = http.client.HTTPResponse(connection, method=method)
            answer.begin()
            return answer.status, answer.headers, answer.read()

    def ask(self, method, path, query=None, attempts=60):
        """The first answer that is neither a 5xx nor broken off."""
        for _ in range(attempts):
            try:
                status, headers, body = self.request(method, path, query)
            except (OSError, http.client.HTTPException):
                threading.Event().wait(0.2)
                continue
            if status >= 500:
                continue
            return status, headers, body
        raise TimeoutError(f"{method} {path}: no answer in {attempts} attempts")

    def read(self, key):
        """MD5 of an object, or None if there is none. Damage on the way (a fault) is told by an ETag
        that is the MD5; where it is not (of several parts, "…-N") damage differs each time, and what
        is read twice alike is what is stored."""
        seen = set()
        for _ in range(60):
            status, headers, body = self.ask("GET", f"/{BUCKET}/{key}")
            found = None if status == 404 else hashlib.md5(body).hexdigest()
            if status not in (200, 404):
                raise RuntimeError(f"GET {key}: {status} {body[:200]}")
            etag = headers.get("ETag", "").strip('"')
            if found and "-" not in etag:
                if found == etag:
                    return found
                continue
            if found in seen:
                return found
            seen.add(found)
        raise RuntimeError(f"GET {key}: never twice the same, or never what its ETag says")

    def delete(self, key):
        self.ask("DELETE", f"/{BUCKET}/{key}")

    def list_uploads(self):
        """(key, upload id, UTC time of its begin) of the first open uploads, and only of those."""
        _, _, body = self.ask("GET", f"/{BUCKET}", {"uploads": ""})
        for upload in re.findall(r"<Upload>(.*?)</Upload>", body.decode(), re.S):
            key, upload_id, initiated = (re.search(f"<{name}>(.*?)</{name}>", upload).group(1)
                                         for name in ("Key", "UploadId", "Initiated"))
            yield urllib.parse.unquote(key), upload_id, datetime.datetime.fromisoformat(initiated)

    def list_keys(self):
        token = None
        while True:
            query = {"list-type": 2} | ({"continuation-token": token} if token else {})
            _, _, body = self.ask("GET", f"/{BUCKET}", query)
            text = body.decode()
            for key in re.findall(r"<Key>(.*?)</Key>", text):
                yield urllib.parse.unquote(key)
            more = re.search(r"<NextContinuationToken>(.*?)</NextContinuationToken>", text)
            if not more:
                return
            token = more.group(1)
