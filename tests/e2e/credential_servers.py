"""Imitations of what hands out credentials: instance metadata, a container's service, STS, the SSO
portal with its OIDC service. Each checks what it is asked as the real one does, and remembers it."""

import datetime
import http.server
import json
import threading
import time
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials


def in_minutes(minutes):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


class Keys:
    """A set of credentials; the S3 endpoint behind knows it as a user."""

    def __init__(self, name, token=True):
        self.access = f"AK{name.upper()}"
        self.secret = f"{name}-secret-key-value"
        self.token = f"{name}-session-token-value" if token else ""

    def user(self):
        return {"access_key": self.access, "secret_key": self.secret, "session_token": self.token,
                "id": "everyone"}

    def env(self):
        return {"AWS_ACCESS_KEY_ID": self.access, "AWS_SECRET_ACCESS_KEY": self.secret} | (
            {"AWS_SESSION_TOKEN": self.token} if self.token else {})

    def role(self, minutes=60):
        """As instance metadata and containers give them."""
        return {"Code": "Success", "AccessKeyId": self.access, "SecretAccessKey": self.secret,
                "Token": self.token, "Expiration": in_minutes(minutes)}

    def process(self, minutes=60):
        return {"Version": 1, "AccessKeyId": self.access, "SecretAccessKey": self.secret,
                "SessionToken": self.token, "Expiration": in_minutes(minutes)}


class Server:
    """An HTTP server in a thread. `handle(request)` of the class derived returns (status, body)."""

    def __init__(self):
        outer = self
        self.asked = []  # (method, path without query)

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                size = int(self.headers.get("Content-Length") or 0)
                self.body = self.rfile.read(size).decode()
                parts = urllib.parse.urlsplit(self.path)
                self.path_only = parts.path
                self.query = dict(urllib.parse.parse_qsl(parts.query))
                outer.asked.append((self.command, parts.path))
                status, body = outer.handle(self)
                if not isinstance(body, (str, bytes)):
                    body = json.dumps(body)
                data = body if isinstance(body, bytes) else body.encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_PUT = do_POST = answer

            def date_time_string(self, timestamp=None):
                return super().date_time_string(time.time() + outer.clock_ahead_s)

            def log_message(self, *args):
                pass

        self.clock_ahead_s = 0
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.05,))
        self.thread.start()

    def stop(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


class Imds(Server):
    """Instance metadata. Hands out `keys` one after the other, the last again and again."""

    ROLES = "/latest/meta-data/iam/security-credentials/"

    def __init__(self, *keys, role="its-role", version=2):
        super().__init__()
        self.keys, self.role, self.version = list(keys), role, version

    def handle(self, request):
        if request.path_only == "/latest/api/token":
            if self.version == 1:
                return 404, ""
            if request.command != "PUT" or \
                    not request.headers.get("x-aws-ec2-metadata-token-ttl-seconds"):
                return 400, ""
            return 200, "imds-token-value"
        if self.version == 2 and \
                request.headers.get("x-aws-ec2-metadata-token") != "imds-token-value":
            return 401, ""
        if request.path_only == self.ROLES and self.role:
            return 200, self.role
        if request.path_only == self.ROLES + str(self.role):
            keys = self.keys.pop(0) if len(self.keys) > 1 else self.keys[0]
            return 200, keys.role() if isinstance(keys, Keys) else keys
        return 404, "<html>not found</html>"


class Container(Server):
    def __init__(self, keys, token=""):
        super().__init__()
        self.keys, self.token = keys, token

    def handle(self, request):
        if self.token and request.headers.get("Authorization") != self.token:
            return 403, {"code": "AccessDenied", "message": "wrong token"}
        return 200, self.keys.role()


class Sts(Server):
    """`roles`: arn -> keys handed out; `users`: who may sign. Signatures are really checked."""

    def __init__(self, roles, users, web_token=""):
        super().__init__()
        self.roles, self.web_token = roles, web_token
        self.users = {keys.access: keys for keys in users}
        self.forms = []

    def handle(self, request):
        form = dict(urllib.parse.parse_qsl(request.body))
        self.forms.append(form)
        if form.get("Version") != "2011-06-15" or not form.get("RoleSessionName"):
            return self.refuse(400, "ValidationError", "what is this")
        if form["Action"] == "AssumeRoleWithWebIdentity":
            if form["WebIdentityToken"] != self.web_token:
                return self.refuse(400, "InvalidIdentityToken", "the token is not known here")
        elif problem := self.problem_of_signature(request):
            return self.refuse(403, *problem)
        keys = self.roles.get(form["RoleArn"])
        if not keys:
            return self.refuse(403, "AccessDenied", "somebody is not authorized to assume it")
        name = form["Action"]
        return 200, f"""<{name}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
            <{name}Result><Credentials><AccessKeyId>{keys.access}</AccessKeyId>
            <SecretAccessKey>{keys.secret}</SecretAccessKey>
            <SessionToken>{keys.token}</SessionToken><Expiration>{in_minutes(60)}</Expiration>
            </Credentials></{name}Result></{name}Response>"""

    def problem_of_signature(self, request):
        head = request.headers
        access = head["Authorization"].split("Credential=")[1].split("/")[0]
        keys = self.users.get(access)
        if not keys:
            return "InvalidClientTokenId", "the security token is invalid"
        if head.get("X-Amz-Security-Token", "") != keys.token:
            return "InvalidClientTokenId", "the session is not this user's"
        signed = head["Authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
        region = head["Authorization"].split("/")[2]
        copy = botocore.awsrequest.AWSRequest(
            method="POST", url=self.url + request.path, data=request.body,
            headers={name: head[name] for name in signed})
        copy.context["timestamp"] = head["X-Amz-Date"]
        signer = botocore.auth.SigV4Auth(
            botocore.credentials.Credentials(keys.access, keys.secret), "sts", region)
        text = signer.string_to_sign(copy, signer.canonical_request(copy))
        if signer.signature(text, copy) != head["Authorization"].split("Signature=")[1]:
            return "SignatureDoesNotMatch", "the signature is wrong"
        at = datetime.datetime.strptime(head["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(
            tzinfo=datetime.timezone.utc)
        if abs(at.timestamp() - time.time() - self.clock_ahead_s) > 900:
            return "SignatureDoesNotMatch", "Signature expired"
        return None

    @staticmethod
    def refuse(status, code, message):
        return status, f"""<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>
            <Message>{message}</Message></Error><RequestId>r</RequestId></ErrorResponse>"""


class Sso(Server):
    """The portal and its OIDC service."""

    def __init__(self, keys, access_token, refresh_token=""):
        super().__init__()
        self.keys, self.access_token, self.refresh_token = keys, access_token, refresh_token

    def handle(self, request):
        if request.path_only == "/token":
            body = json.loads(request.body)
            if body["grantType"] != "refresh_token" or body["refreshToken"] != self.refresh_token:
                return 400, {"error": "invalid_grant", "error_description": "used up"}
            self.access_token = "renewed-access-token-value"
            self.refresh_token = "second-refresh-token-value"
            return 200, {"accessToken": self.access_token, "expiresIn": 3600,
                         "refreshToken": self.refresh_token, "tokenType": "Bearer"}
        if request.headers.get("x-amz-sso_bearer_token") != self.access_token:
            return 401, {"message": "Session token not found or invalid"}
        if request.query != {"account_id": "123456789012", "role_name": "Reader"}:
            return 403, {"message": "No access"}
        return 200, {"roleCredentials": {
            "accessKeyId": self.keys.access, "secretAccessKey": self.keys.secret,
            "sessionToken": self.keys.token, "expiration": int(time.time() + 3600) * 1000}}
