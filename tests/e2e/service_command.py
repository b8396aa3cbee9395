"""`telpher serve` under test, and a client that keeps one connection."""

import http.client
import json
import subprocess

import openapi


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        # What goes on and on is not waited for.
        goes_on = self.headers.get("Content-Type") == "text/event-stream"
        self.body = b"" if goes_on else response.read()

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:500]}"


class Service:
    """Started with the options given; `key` is that of an administrator unless --no-auth is given."""

    def __init__(self, telpher, *args, env=None):
        self.log = open(telpher.cwd / "serve.log", "ab")
        self.process = telpher.start("serve", "--listen", "127.0.0.1:0", *args, env=env,
                                     stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("listening on "), (line, self.log_text())
        self.base = line.split()[-1]
        self.host = self.base.split("://")[1]
        self.key = None
        if "--no-auth" not in args:
            key_file = telpher.cwd / "admin-key"
            if not key_file.exists():
                line = self.process.stdout.readline()
                assert line.startswith("admin key: tk_"), line
                key_file.write_text(line.split()[-1])
            self.key = key_file.read_text()

    def log_text(self):
        with open(self.log.name, errors="replace") as file:
            return file.read()

    def connect(self):
        host, port = self.host.rsplit(":", 1)
        return http.client.HTTPConnection(host, int(port), timeout=60)

    def ask(self, method, path, body=None, key=..., headers=None):
        """`body`: bytes, or what becomes JSON. `key`: ... = the administrator's, None = none."""
        headers = dict(headers or {})
        key = self.key if key is ... else key
        if key:
            headers.setdefault("Authorization", f"Bearer {key}")
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        connection = self.connect()
        try:
            connection.request(method, path, body, headers)
            answer = Answer(connection.getresponse())
        finally:
            connection.close()
        openapi.check(method, path, answer.status, answer.headers, answer.body)
        return answer

    def get(self, path, **kwargs):
        return self.ask("GET", path, **kwargs)

    def ok(self, method, path, *args, **kwargs):
        answer = self.ask(method, path, *args, **kwargs)
        assert answer.status < 300, answer
        return answer.json if answer.body else {}

    def add_key(self, role, **fields):
        made = self.ok("POST", "/keys", {"name": f"a {role}", "role": role, **fields})
        return made["key"]["secret"]
