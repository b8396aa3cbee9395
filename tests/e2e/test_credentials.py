"""Where telpher gets its credentials: every source there is, against imitations of the services that
hand them out, and an S3 endpoint that really checks signatures."""

import hashlib
import json
import os
import resource
import shlex
import signal
import sys
import urllib.request

import pytest

from conftest import MIB, free_port, random_bytes
from credential_servers import Container, Imds, Keys, Sso, Sts, in_minutes

FIRST, SECOND = Keys("first"), Keys("second")
BASE = Keys("base", token=False)
STRANGER = Keys("stranger")
ROLE = "arn:aws:iam::123456789012:role/uploads"
OTHER_ROLE = "arn:aws:iam::123456789012:role/other"
ADMIN = "admin-key-value"
# What no message may ever show.
SECRETS = [value for keys in (FIRST, SECOND, BASE, STRANGER) for value in (keys.secret, keys.token)
           if value] + ["-token-value", ADMIN]


class Bench:
    """telpher with nothing in its environment but an endpoint that knows FIRST, SECOND and BASE."""

    def __init__(self, telpher, serve):
        self.telpher, self.home = telpher, telpher.cwd
        users = telpher.cwd / "users.json"
        users.write_text(json.dumps({"users": [k.user() for k in (FIRST, SECOND, BASE)]}))
        users.chmod(0o600)
        self.store = serve("--store", "memory", "--bucket", "bucket", "--credentials", users,
                           env={"TELPHER_S3_ADMIN_KEY": ADMIN})
        telpher.env["AWS_ENDPOINT_URL_S3"] = self.store.base
        self.env = telpher.env
        (telpher.cwd / "f").write_bytes(b"content")

    def config(self, text):
        (self.home / ".aws").mkdir(exist_ok=True)
        (self.home / ".aws/config").write_text(text)

    def faults(self, *rules):
        urllib.request.urlopen(urllib.request.Request(
            self.store.base + "/_telpher/faults", method="PUT",
            data=json.dumps({"rules": rules}).encode(),
            headers={"Authorization": f"Bearer {ADMIN}"})).read()

    def run(self, *args, **kwargs):
        done = self.telpher.run(*(args or ("cp", "f", "s3://bucket/k")), **kwargs)
        self.check_for_secrets(done.out + done.err)
        return done

    def works(self, *args, **kwargs):
        done = self.run(*args, **kwargs)
        assert done.returncode == 0, done.err
        return done

    def fails(self, *words, args=(), **kwargs):
        """With all these words in its message."""
        done = self.run(*args, **kwargs)
        assert done.returncode not in (0, 1), (done.returncode, done.err)
        missing = [word for word in words if word not in done.err]
        assert not missing, f"{missing} not in: {done.err}"
        return done.err

    def check_for_secrets(self, text):
        assert not [secret for secret in SECRETS if secret in text], text
        for path in (self.home / "home").rglob("*"):
            if path.is_file():
                data = path.read_bytes()
                assert not [secret for secret in SECRETS if secret.encode() in data], path


@pytest.fixture
def bench(telpher, serve):
    return Bench(telpher, serve)


def script(bench, name, text):
    """A Python program in the home directory; returns a command line that runs it."""
    path = bench.home / name
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)
    return shlex.quote(str(path))


# --- environment and profiles --------------------------------------------------------------------

def test_keys_of_the_environment_with_a_session_token(bench):
    bench.env |= FIRST.env()
    bench.works()


def test_a_session_token_that_is_wrong_is_refused_by_the_store(bench):
    bench.env |= FIRST.env() | {"AWS_SESSION_TOKEN": SECOND.token}
    bench.fails("InvalidToken", "environment")


def test_keys_the_store_does_not_know_are_named_by_their_source(bench):
    bench.config(f"[profile p]\naws_access_key_id = {STRANGER.access}\n"
                 f"aws_secret_access_key = {STRANGER.secret}\n")
    bench.fails("InvalidAccessKeyId", "profile 'p'", args=("ls", "s3://bucket", "--profile", "p"))


@pytest.mark.parametrize("wrong", ["InvalidAccessKeyId", "SignatureDoesNotMatch"])
@pytest.mark.parametrize("args", [
    ("stat", "s3://bucket/k"), ("cat", "s3://bucket/k"), ("cp", "s3://bucket/k", "./g"),
    ("verify", "f", "s3://bucket/k")], ids=lambda args: args[0])
def test_keys_that_are_wrong_are_named_though_a_head_has_no_body(bench, wrong, args):
    bench.works(env=BASE.env())
    keys = STRANGER.env() if wrong == "InvalidAccessKeyId" else \
        BASE.env() | {"AWS_SECRET_ACCESS_KEY": STRANGER.secret}
    said = bench.fails(wrong, "The keys are of: environment", args=args, env=keys)
    assert "permission" not in said


def test_keys_that_may_not_read_stay_a_matter_of_permissions(bench):
    bench.env |= BASE.env()
    bench.works()
    for operation in ("HeadObject", "GetObject"):
        bench.faults({"on": operation, "do": "status", "status": 403, "code": "AccessDenied"},
                     {"on": "GetObject", "do": "status", "status": 403, "code": "AccessDenied"})
        said = bench.fails("Insufficient permissions to read from bucket 'bucket'",
                           args=("stat", "s3://bucket/k") if operation == "HeadObject"
                           else ("cat", "s3://bucket/k"))
        assert "keys are of" not in said


@pytest.mark.parametrize("variable, value, named", [
    ("AWS_ACCESS_KEY_ID", BASE.access + "\n", ("AWS_ACCESS_KEY_ID", "environment")),
    ("AWS_ACCESS_KEY_ID", "a\tb", ("AWS_ACCESS_KEY_ID", "environment")),
    ("AWS_SESSION_TOKEN", "a\nb", ("AWS_SESSION_TOKEN", "environment")),
    ("AWS_REGION", "us-east-1\n", ("region", "AWS_REGION"))])
def test_what_cannot_be_sent_is_named_by_where_it_stands(bench, variable, value, named):
    said = bench.fails(*named, "line break", args=("ls", "s3://bucket"),
                       env=BASE.env() | {variable: value})
    assert "header" not in said


def test_a_typed_profile_comes_before_the_environment(bench):
    bench.env |= STRANGER.env()
    bench.config(f"[profile p]\naws_access_key_id = {BASE.access}\n"
                 f"aws_secret_access_key = {BASE.secret}\n")
    bench.works("cp", "f", "s3://bucket/k", "--profile", "p")
    bench.fails("InvalidAccessKeyId", args=("ls", "s3://bucket"), env={"AWS_PROFILE": "p"})


def test_without_any_the_message_says_where_was_looked(bench):
    said = bench.fails("No S3 credentials found", "profile 'default' has no credentials",
                       "AWS_EC2_METADATA_DISABLED", "Set AWS_ACCESS_KEY_ID")
    assert "WEB_IDENTITY" not in said and "CONTAINER" not in said  # nobody has thought of them


@pytest.mark.parametrize("given, missing", [
    ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID")])
def test_half_of_the_keys_is_never_passed_over(bench, given, missing):
    bench.config(f"[default]\naws_access_key_id = {BASE.access}\n"
                 f"aws_secret_access_key = {BASE.secret}\n")
    bench.works("ls", "s3://bucket")
    bench.fails(f"{given} is set and {missing} is not", args=("ls", "s3://bucket"),
                env={given: "half"})
    bench.works("ls", "s3://bucket", "--profile", "default", env={given: "half"})


# --- credential_process --------------------------------------------------------------------------

def test_credential_process(bench):
    program = script(bench, "my creds", f"""
import json, sys
assert sys.argv[1:] == ["--name", "a b", "$HOME"], sys.argv
assert sys.stdin.read() == ""
print({json.dumps(json.dumps(FIRST.process()))})""")
    bench.config(f"[profile p]\ncredential_process = {program} --name \"a b\" '$HOME'\n")
    bench.works("cp", "-", "s3://bucket/k", "--profile", "p", input=b"piped")
    assert bench.works("cp", "s3://bucket/k", "-", "--quiet", "--profile", "p").stdout == b"piped"


def test_credential_process_that_fails(bench):
    program = script(bench, "creds", """
import sys
print("%s")
print("the vault is locked: vault login", file=sys.stderr)
sys.exit(4)""" % FIRST.secret)
    bench.config(f"[profile p]\ncredential_process = {program} --password {SECOND.secret}\n")
    bench.fails("credential_process of profile 'p'", "exit code 4",
                "the vault is locked: vault login", env={"AWS_PROFILE": "p"})


@pytest.mark.parametrize("command, words", [
    ("/no/such/program " + FIRST.secret, ["/no/such/program", "No such file"]),
    ("echo " + FIRST.secret, ["'echo' printed something else than credentials"]),
    ("echo '{\"Version\": 2}'", ["\"Version\": 1"]),
    ("echo 'open " + FIRST.secret, ["a ' is not closed"]),
    ("yes " + FIRST.secret, ["'yes' wrote more than"]),
])
def test_credential_process_that_cannot_be_used(bench, command, words):
    bench.config(f"[default]\ncredential_process = {command}\n")
    bench.fails("credential_process of profile 'default'", *words)


def test_ctrl_c_ends_a_process_that_hangs(bench):
    program = script(bench, "creds", f"""
import os, signal
open({str(bench.home / 'pid')!r}, "w").write(str(os.getpid()))
os.mkfifo({str(bench.home / 'fifo')!r})
open({str(bench.home / 'started')!r}, "w")
signal.pause()""")
    os.mkfifo(bench.home / "started")
    bench.config(f"[default]\ncredential_process = {program}\n")
    process = bench.telpher.start("cp", "f", "s3://bucket/k")
    open(bench.home / "started").close()  # waits until the program is there
    pid = int((bench.home / "pid").read_text())
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


# --- roles ---------------------------------------------------------------------------------------

def role_config(extra="", source="source_profile = base", base=BASE):
    return (f"[profile up]\nrole_arn = {ROLE}\n{source}\n{extra}\n"
            f"[profile base]\naws_access_key_id = {base.access}\n"
            f"aws_secret_access_key = {base.secret}\n"
            + (f"aws_session_token = {base.token}\n" if base.token else ""))


@pytest.fixture
def sts(bench, started):
    server = started(Sts({ROLE: FIRST, OTHER_ROLE: SECOND}, [BASE, SECOND],
                         web_token="web-identity-token-value"))
    bench.env |= {"AWS_ENDPOINT_URL_STS": server.url, "AWS_PROFILE": "up"}
    return server


def test_a_role_by_a_source_profile(bench, sts):
    bench.config(role_config("role_session_name = me\nexternal_id = x=1&y\n"
                             "duration_seconds = 900"))
    bench.works()
    assert sts.forms == [{"Action": "AssumeRole", "Version": "2011-06-15", "RoleArn": ROLE,
                          "RoleSessionName": "me", "ExternalId": "x=1&y",
                          "DurationSeconds": "900"}]


def test_roles_in_a_chain(bench, sts):
    bench.config(role_config(source="source_profile = middle") +
                 f"[profile middle]\nrole_arn = {OTHER_ROLE}\nsource_profile = base\n")
    bench.works()
    assert [form["RoleArn"] for form in sts.forms] == [OTHER_ROLE, ROLE]


def test_a_role_with_the_keys_of_the_environment(bench, sts):
    bench.env |= SECOND.env()
    bench.config(role_config(source="credential_source = Environment"))
    bench.works("cp", "f", "s3://bucket/k", "--profile", "up")
    assert len(sts.forms) == 1


def test_a_role_with_the_role_of_the_instance(bench, sts, started):
    imds = started(Imds(SECOND))
    bench.env |= {"AWS_EC2_METADATA_DISABLED": "false",
                  "AWS_EC2_METADATA_SERVICE_ENDPOINT": imds.url}
    bench.config(role_config(source="credential_source = Ec2InstanceMetadata"))
    bench.works()
    assert len(sts.forms) == 1


def test_a_role_on_top_of_a_process(bench, sts):
    program = script(bench, "creds", f"print({json.dumps(json.dumps(SECOND.process()))})")
    bench.config(role_config(source="source_profile = proc") +
                 f"[profile proc]\ncredential_process = {program}\n")
    bench.works()


def test_a_role_although_the_clock_is_wrong(bench, sts):
    sts.clock_ahead_s = 7200
    bench.config(role_config())
    bench.works()


def test_a_role_that_is_refused(bench, sts):
    bench.config(role_config().replace(ROLE, ROLE + "-not"))
    bench.fails("role/uploads-not of profile 'up' with profile 'base' was refused",
                "AccessDenied: somebody is not authorized")


def test_keys_that_sts_does_not_know(bench, sts):
    bench.config(role_config(base=STRANGER))
    bench.fails("InvalidClientTokenId")


def test_sts_that_is_not_there(bench, sts):
    bench.env["AWS_ENDPOINT_URL_STS"] = f"http://127.0.0.1:{free_port()}"
    bench.config(role_config())
    bench.fails("Taking role", "Connection refused")


@pytest.mark.parametrize("extra, source, words", [
    ("mfa_serial = arn:aws:iam::1:mfa/x", "source_profile = base",
     ["mfa_serial", "aws configure export-credentials --profile up"]),
    ("", "source_profile = up2\n[profile up2]\nrole_arn = x\nsource_profile = up",
     ["in a circle: up -> up2 -> up"]),
    ("", "credential_source = Environment",
     ["credential_source of profile 'up'", "AWS_ACCESS_KEY_ID is not set"]),
    ("", "credential_source = EcsContainer", ["AWS_CONTAINER_CREDENTIALS_* is not set"]),
    ("", "credential_source = Ec2InstanceMetadata", ["AWS_EC2_METADATA_DISABLED"]),
])
def test_roles_that_cannot_be_taken(bench, sts, extra, source, words):
    bench.config(role_config(extra, source))
    bench.fails(*words)
    assert not sts.forms


def test_web_identity_of_the_environment(bench, sts):
    (bench.home / "token").write_text("web-identity-token-value\n")
    del bench.env["AWS_PROFILE"]
    bench.env |= {"AWS_WEB_IDENTITY_TOKEN_FILE": str(bench.home / "token"), "AWS_ROLE_ARN": ROLE,
                  "AWS_ROLE_SESSION_NAME": "pod"}
    bench.works()
    assert sts.forms[0]["RoleSessionName"] == "pod"


def test_web_identity_of_a_profile(bench, sts):
    (bench.home / "token").write_text("web-identity-token-value")
    bench.config(role_config(source=f"web_identity_token_file = {bench.home}/token"))
    bench.works()


@pytest.mark.parametrize("token, words", [
    (None, ["/token'", "missing or empty"]), ("", ["missing or empty"]),
    ("another-token-value", ["InvalidIdentityToken: the token is not known here"])])
def test_web_identity_that_fails(bench, sts, token, words):
    if token is not None:
        (bench.home / "token").write_text(token)
    bench.config(role_config(source=f"web_identity_token_file = {bench.home}/token"))
    bench.fails("profile 'up'", *words)


# --- SSO -----------------------------------------------------------------------------------------

SSO_CONFIG = """[profile sso]
sso_session = work
sso_account_id = 123456789012
sso_role_name = Reader
[sso-session work]
sso_region = eu-west-1
sso_start_url = https://work.awsapps.com/start
[profile old]
sso_start_url = https://work.awsapps.com/start
sso_region = eu-west-1
sso_account_id = 123456789012
sso_role_name = Reader
"""


def sso_cache(bench, name, minutes, refresh_token="", access_token="sso-access-token-value"):
    folder = bench.home / ".aws/sso/cache"
    folder.mkdir(parents=True, exist_ok=True)
    token = {"startUrl": "https://work.awsapps.com/start", "region": "eu-west-1",
             "accessToken": access_token, "expiresAt": in_minutes(minutes)}
    if refresh_token:
        token |= {"refreshToken": refresh_token, "clientId": "client",
                  "clientSecret": "client-token-value",
                  "registrationExpiresAt": in_minutes(10_000)}
    path = folder / (hashlib.sha1(name.encode()).hexdigest() + ".json")
    path.write_text(json.dumps(token))
    return path


@pytest.fixture
def sso(bench, started):
    server = started(Sso(FIRST, "sso-access-token-value", "first-refresh-token-value"))
    bench.env |= {"AWS_ENDPOINT_URL_SSO": server.url, "AWS_ENDPOINT_URL_SSO_OIDC": server.url,
                  "AWS_PROFILE": "sso"}
    bench.config(SSO_CONFIG)
    return server


def test_sso_session(bench, sso):
    sso_cache(bench, "work", minutes=60)
    bench.works()
    assert sso.asked == [("GET", "/federation/credentials")]


def test_sso_of_the_older_form(bench, sso):
    sso_cache(bench, "https://work.awsapps.com/start", minutes=60)
    bench.works("cp", "f", "s3://bucket/k", "--profile", "old")


def test_sso_log_in_that_has_expired_is_renewed_and_kept(bench, sso):
    path = sso_cache(bench, "work", minutes=-10, refresh_token="first-refresh-token-value")
    bench.works()
    kept = json.loads(path.read_text())
    assert kept["accessToken"] == "renewed-access-token-value"
    assert kept["refreshToken"] == "second-refresh-token-value"
    assert kept["startUrl"] == "https://work.awsapps.com/start"
    assert path.stat().st_mode & 0o777 == 0o600
    sso.asked.clear()
    bench.works("cp", "f", "s3://bucket/other")
    assert sso.asked == [("GET", "/federation/credentials")]


def test_sso_log_in_that_was_renewed_and_cannot_be_kept(bench, sso):
    path = sso_cache(bench, "work", minutes=-10, refresh_token="first-refresh-token-value")
    before = path.read_text()
    no_room = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    done = bench.works(preexec_fn=no_room)
    assert done.err.count("could not be kept") == 1, done.err
    assert path.read_text() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_sso_that_is_not_signed_in(bench, sso):
    bench.fails("profile 'sso' is not signed in", "aws sso login --profile sso")


@pytest.mark.parametrize("kwargs, words", [
    ({"minutes": -1}, ["has expired. Sign in: aws sso login --profile sso"]),
    ({"minutes": -1, "refresh_token": "stale-token-value"}, ["invalid_grant: used up",
                                                            "aws sso login --profile sso"]),
    ({"minutes": 60, "access_token": "revoked-token-value"}, ["aws sso login --profile sso"]),
])
def test_sso_log_in_that_is_no_longer_good(bench, sso, kwargs, words):
    sso_cache(bench, "work", **kwargs)
    bench.fails("log-in of profile 'sso'", *words)


def test_sso_role_that_is_not_given(bench, sso):
    sso_cache(bench, "work", minutes=60)
    bench.config(SSO_CONFIG.replace("Reader", "Owner"))
    bench.fails("Role 'Owner' in account 123456789012", "No access")


# --- containers ----------------------------------------------------------------------------------

def test_container(bench, started):
    container = started(Container(FIRST, token="Basic container-token-value"))
    bench.env |= {"AWS_CONTAINER_CREDENTIALS_FULL_URI": container.url + "/creds?id=1",
                  "AWS_CONTAINER_AUTHORIZATION_TOKEN": "Basic container-token-value"}
    bench.works()
    assert container.asked == [("GET", "/creds")]


def test_container_with_a_token_in_a_file(bench, started):
    container = started(Container(FIRST, token="file-token-value"))
    (bench.home / "token").write_text("file-token-value\n")
    bench.env |= {"AWS_CONTAINER_CREDENTIALS_FULL_URI": container.url,
                  "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(bench.home / "token")}
    bench.works()
    container.token = "another-token-value"
    bench.fails("container's credentials at 127.0.0.1", "AccessDenied: wrong token")


def test_container_service_elsewhere_is_not_asked_plainly(bench):
    bench.env |= {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://credentials.example/"}
    bench.fails("AWS_CONTAINER_CREDENTIALS_FULL_URI", "'credentials.example' must be asked by https")


# --- instances -----------------------------------------------------------------------------------

def use_imds(bench, url):
    bench.env |= {"AWS_EC2_METADATA_SERVICE_ENDPOINT": url, "AWS_EC2_METADATA_DISABLED": "false"}


@pytest.mark.parametrize("version", [1, 2])
def test_instance(bench, started, version):
    imds = started(Imds(FIRST, version=version))
    use_imds(bench, imds.url)
    bench.works()
    assert imds.asked == [("PUT", "/latest/api/token"), ("GET", Imds.ROLES),
                          ("GET", Imds.ROLES + "its-role")]


def test_instance_version_1_may_be_forbidden(bench, started):
    use_imds(bench, started(Imds(FIRST, version=1)).url)
    bench.fails("gives no token (HTTP 404)", env={"AWS_EC2_METADATA_V1_DISABLED": "true"})


def test_instance_without_a_role(bench, started):
    use_imds(bench, started(Imds(FIRST, role=None)).url)
    bench.fails("No S3 credentials found", "the machine has no role")


def test_instance_whose_role_is_broken(bench, started):
    broken = {"Code": "AssumeRoleUnauthorizedAccess", "Message": "EC2 cannot assume the role"}
    use_imds(bench, started(Imds(broken)).url)
    bench.fails("IMDSv2 role 'its-role'", "EC2 cannot assume the role")


def test_no_instance(bench):
    use_imds(bench, f"http://127.0.0.1:{free_port()}")
    bench.fails("No S3 credentials found", "no instance metadata at 127.0.0.1")


# --- in the middle of an upload ------------------------------------------------------------------

EXPIRED = {"do": "status", "status": 400, "code": "ExpiredToken"}


def upload(bench, *args):
    data = random_bytes(24 * MIB)
    (bench.home / "large").write_bytes(data)
    done = bench.works("cp", "large", "s3://bucket/large", "--part-size", "5MiB", "--concurrency",
                       "2", *args)
    assert bench.works("cp", "s3://bucket/large", "-", "--quiet").stdout == data
    return done


def test_keys_that_expire_during_an_upload_are_asked_for_again(bench, started):
    imds = started(Imds(FIRST, SECOND))
    use_imds(bench, imds.url)
    bench.faults(EXPIRED | {"on": "UploadPart", "after": 2, "count": 1})
    upload(bench)
    assert imds.asked.count(("GET", Imds.ROLES + "its-role")) == 3  # the third: of the download


def test_a_process_is_run_again_when_its_keys_have_expired(bench):
    program = script(bench, "creds", f"""
import os
runs = {str(bench.home / 'runs')!r}
open(runs, "a").write("x")
print({json.dumps(json.dumps(FIRST.process()))} if os.path.getsize(runs) == 1
      else {json.dumps(json.dumps(SECOND.process()))})""")
    bench.config(f"[default]\ncredential_process = {program}\n")
    bench.faults(EXPIRED | {"on": "UploadPart", "after": 1, "count": 1})
    upload(bench)


def test_keys_that_cannot_be_renewed_end_the_upload_and_it_resumes(bench, started):
    imds = started(Imds(FIRST))
    use_imds(bench, imds.url)
    bench.faults(EXPIRED | {"on": "UploadPart", "after": 2})
    (bench.home / "large").write_bytes(random_bytes(24 * MIB))
    args = ("cp", "large", "s3://bucket/large", "--part-size", "5MiB", "--concurrency", "1")
    bench.fails("has expired (ExpiredToken)", "IMDSv2 role 'its-role'", args=args)
    bench.faults()
    assert "10.0 MiB" in bench.works(*args).out
