"""Which address is asked, in which style, and by which proxy."""

import json
import subprocess

import pytest

from conftest import MIB, free_port, random_bytes
from credential_servers import Imds, Keys, Sts
from proxy_servers import HttpProxy, SocksProxy
from s3_command import KEYS

CLIENT = {"AWS_ACCESS_KEY_ID": KEYS["TELPHER_S3_ACCESS_KEY"],
          "AWS_SECRET_ACCESS_KEY": KEYS["TELPHER_S3_SECRET_KEY"]}
LOG_IN = "me:proxy-password"


@pytest.fixture
def proxy(started):
    return started(HttpProxy())


@pytest.fixture
def store(telpher, serve):
    """`telpher s3` that knows itself as s3.test, too; and something to upload."""
    store = serve("--store", "memory", "--bucket", "bucket", "--domain", "s3.test")
    telpher.env |= CLIENT
    telpher.data = random_bytes(24 * MIB)
    (telpher.cwd / "f").write_bytes(telpher.data)
    return store


def copy_and_compare(telpher, *options, env=None):
    """There and back: several parts, the bytes the same."""
    telpher.ok("cp", "f", "s3://bucket/k", "--part-size", "5MiB", *options, env=env)
    back = telpher.ok("cp", "s3://bucket/k", "-", "--quiet", *options, env=env)
    assert back.stdout == telpher.data


def config(telpher, text):
    (telpher.cwd / ".aws").mkdir(exist_ok=True)
    (telpher.cwd / ".aws/config").write_text(text)


def asked_at_aws(telpher, proxy, *args, env=None):
    """The host that is asked when no endpoint is given: nobody outside is, the proxy refuses."""
    proxy.refuse_with = 403
    proxy.asked.clear()
    done = telpher.run("ls", *args, env=CLIENT | {"HTTPS_PROXY": proxy.url} | (env or {}))
    assert done.returncode not in (0, 1) and "HTTP 403" in done.err, done.err
    return proxy.asked


# --- endpoints -----------------------------------------------------------------------------------

def test_order_of_endpoints(telpher, store, proxy):
    dead = f"http://127.0.0.1:{free_port()}"
    config(telpher, f"[default]\nendpoint_url = {store.base}\nservices = s\n"
                    f"[profile p]\nservices = s\nendpoint_url = {dead}\n"
                    f"[services s]\ns3 =\n  endpoint_url = {store.base}\n")
    telpher.ok("ls", "s3://bucket")
    telpher.ok("ls", "s3://bucket", env={"AWS_PROFILE": "p"})
    telpher.ok("ls", "s3://bucket", env={"AWS_ENDPOINT_URL": dead,
                                         "AWS_ENDPOINT_URL_S3": store.base})
    telpher.ok("ls", "s3://bucket", "--endpoint-url", store.base,
               env={"AWS_ENDPOINT_URL_S3": dead})
    assert telpher.run("ls", "s3://bucket", "--retries", "1",
                       env={"AWS_ENDPOINT_URL": dead}).returncode != 0
    assert asked_at_aws(telpher, proxy, "s3://bucket", "--retries", "1",
                        env={"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}) == [
        "CONNECT bucket.s3.us-east-1.amazonaws.com:443"]


@pytest.mark.parametrize("env, args, host", [
    ({}, [], "bucket.s3.us-east-1"),
    ({"AWS_DEFAULT_REGION": "eu-west-1"}, [], "bucket.s3.eu-west-1"),
    ({"AWS_REGION": "eu-west-2", "AWS_DEFAULT_REGION": "eu-west-1"}, [], "bucket.s3.eu-west-2"),
    ({"AWS_REGION": "eu-west-2"}, ["--region", "eu-west-3"], "bucket.s3.eu-west-3"),
    ({}, ["--addressing", "path"], "s3.us-east-1"),
    ({"AWS_USE_FIPS_ENDPOINT": "true"}, [], "bucket.s3-fips.us-east-1"),
    ({"AWS_USE_DUALSTACK_ENDPOINT": "true"}, [], "bucket.s3.dualstack.us-east-1"),
])
def test_hosts_of_aws(telpher, proxy, env, args, host):
    assert asked_at_aws(telpher, proxy, "s3://bucket", *args, env=env) == [
        f"CONNECT {host}.amazonaws.com:443"]


def test_addressing(telpher, store, proxy):
    proxy.hosts = {name: ("127.0.0.1", store.port) for name in ("s3.test", "bucket.s3.test")}
    there = ["--endpoint-url", "http://s3.test", "--proxy", proxy.url]
    for args, asked in ((["--addressing", "virtual"], "GET http://bucket.s3.test/?"),
                        (["--addressing", "path"], "GET http://s3.test/bucket/?"),
                        ([], "GET http://s3.test/bucket/?")):
        proxy.asked.clear()
        telpher.ok("ls", "s3://bucket", *there, *args)
        assert any(line.startswith(asked) for line in proxy.asked), (args, proxy.asked)
    config(telpher, "[default]\ns3 =\n  addressing_style = virtual\n")
    proxy.asked.clear()
    telpher.ok("ls", "s3://bucket", *there)
    assert any("http://bucket.s3.test/?" in line for line in proxy.asked)
    proxy.asked.clear()
    telpher.ok("ls", "s3://bucket", *there, "--addressing", "auto")
    assert any("http://s3.test/bucket/?" in line for line in proxy.asked)


def test_addressing_that_is_none(telpher):
    done = telpher.run("ls", "s3://bucket", "--addressing", "sideways")
    assert done.returncode == 2
    assert "--addressing: auto, path or virtual is expected, not 'sideways'" in done.err


# --- proxies -------------------------------------------------------------------------------------

def test_http_store_by_a_proxy(telpher, store, proxy):
    copy_and_compare(telpher, "--endpoint-url", store.base, "--proxy", proxy.url)
    parts = [line for line in proxy.asked if line.startswith(f"PUT {store.base}/bucket/k?partN")]
    assert len(parts) == 5


def test_https_store_by_a_proxy_is_tunnelled(telpher, serve, store, proxy):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", "k.pem", "-out", "c.pem",
                    "-subj", "/CN=s3.test", "-addext", "subjectAltName=DNS:s3.test"],
                   cwd=telpher.cwd, check=True, capture_output=True)
    secure = serve("--store", "memory", "--bucket", "bucket", "--tls-cert", telpher.cwd / "c.pem",
                   "--tls-key", telpher.cwd / "k.pem")
    proxy.hosts["s3.test"] = ("127.0.0.1", secure.port)
    copy_and_compare(telpher, "--endpoint-url", "https://s3.test", "--ca-bundle", "c.pem",
                     env={"https_proxy": proxy.url})
    assert set(proxy.asked) == {"CONNECT s3.test:443"}
    # The certificate is the store's, not the proxy's affair.
    done = telpher.run("ls", "s3://bucket", "--endpoint-url", "https://s3.test", "--proxy",
                       proxy.url)
    assert done.returncode != 0 and "certificate" in done.err, done.err


def test_a_log_in_at_the_proxy(telpher, store, started):
    proxy = started(HttpProxy(LOG_IN))
    there = ["--endpoint-url", store.base]
    copy_and_compare(telpher, *there, env={"HTTP_PROXY": proxy.url_with(LOG_IN)})
    for endpoint, log_in, words in ((store.base, "me:wrong-password", "refuses the log-in"),
                                    ("https://s3.test", "me:wrong-password", "refuses the log-in"),
                                    ("https://s3.test", "", "wants a log-in")):
        url = proxy.url_with(log_in) if log_in else proxy.url
        done = telpher.run("ls", "s3://bucket", "--endpoint-url", endpoint,
                           env={"ALL_PROXY": url})
        assert done.returncode not in (0, 1)
        assert words in done.err and f"127.0.0.1:{proxy.port}" in done.err, done.err
        assert "wrong-password" not in done.err


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1", "https://127.0.0.1:1"])
def test_a_proxy_that_is_not_there(telpher, store, endpoint):
    url = f"http://{LOG_IN}@127.0.0.1:{free_port()}"
    done = telpher.run("ls", "s3://bucket", "--endpoint-url", endpoint, "--proxy", url,
                       "--retries", "2")
    assert done.returncode not in (0, 1)
    assert "the proxy 127.0.0.1" in done.err and "refused" in done.err, done.err
    assert "proxy-password" not in done.err


@pytest.mark.parametrize("status", [403, 502])
def test_a_proxy_that_refuses(telpher, store, proxy, status):
    proxy.refuse_with = status
    done = telpher.run("ls", "s3://bucket", "--endpoint-url", "https://s3.test", "--proxy",
                       proxy.url, "--retries", "2")
    assert f"does not lead to s3.test:443 (HTTP {status})" in done.err
    assert len(proxy.asked) == (1 if status == 403 else 2)  # who may not need not ask again


@pytest.mark.parametrize("url", ["gopher://x:1", "http://me:proxy-password@:x", "http://"])
def test_a_proxy_that_is_none(telpher, store, url):
    done = telpher.run("ls", "s3://bucket", "--proxy", url)
    assert done.returncode == 2 and "--proxy: the proxy" in done.err, done.err
    assert "proxy-password" not in done.err


def test_hosts_that_are_reached_directly(telpher, store, proxy):
    there = ["ls", "s3://bucket", "--endpoint-url", store.base]
    telpher.ok(*there, env={"HTTP_PROXY": proxy.url, "NO_PROXY": "localhost,127.0.0.0/8"})
    telpher.ok(*there, "--proxy", "none", env={"HTTP_PROXY": proxy.url})
    assert proxy.asked == []
    telpher.ok(*there, env={"HTTP_PROXY": proxy.url, "NO_PROXY": "localhost,10.0.0.0/8"})
    assert proxy.asked


def test_sources_by_a_proxy(telpher, nginx, proxy):
    data = random_bytes(20 * MIB)
    nginx.put("by-proxy", data)
    proxy.hosts["web.test"] = ("127.0.0.1", nginx.port)
    telpher.ok("cp", "http://web.test/by-proxy", "got", "--proxy", proxy.url)
    assert (telpher.cwd / "got").read_bytes() == data
    assert "HEAD http://web.test/by-proxy" in proxy.asked


def test_socks(telpher, store, nginx, started):
    proxy = started(SocksProxy())
    proxy.hosts = {"s3.test": ("127.0.0.1", store.port), "web.test": ("127.0.0.1", nginx.port)}
    copy_and_compare(telpher, "--endpoint-url", "http://s3.test", "--proxy", proxy.url)
    nginx.put("by-socks", b"content")
    telpher.ok("cp", "http://web.test/by-socks", "s3://bucket/k", "--endpoint-url",
               "http://s3.test", env={"ALL_PROXY": proxy.url})
    assert {"SOCKS s3.test:80", "SOCKS web.test:80"} <= set(proxy.asked)


@pytest.mark.parametrize("kind", [HttpProxy, SocksProxy])
def test_sts_is_asked_by_the_proxy_and_the_instance_is_not(telpher, serve, started, kind):
    base, role = Keys("base"), Keys("role")
    users = telpher.cwd / "users.json"
    users.write_text(json.dumps({"users": [role.user()]}))
    users.chmod(0o600)
    store = serve("--store", "memory", "--bucket", "bucket", "--credentials", users, env={})
    sts, imds = started(Sts({"arn:role": role}, [base])), started(Imds(base))
    proxy = started(kind())
    sts.url = "http://sts.test"  # whom requests are signed for
    proxy.hosts["sts.test"] = sts.http.server_address
    config(telpher, "[default]\nrole_arn = arn:role\ncredential_source = Ec2InstanceMetadata\n")
    telpher.ok("ls", "s3://bucket", "--endpoint-url", store.base, "--proxy", proxy.url,
               env={"AWS_ENDPOINT_URL_STS": sts.url, "AWS_EC2_METADATA_DISABLED": "false",
                    "AWS_EC2_METADATA_SERVICE_ENDPOINT": imds.url})
    assert any("sts.test" in line for line in proxy.asked)
    assert not any(str(imds.http.server_port) in line for line in proxy.asked)


# --- servers that are no S3 ----------------------------------------------------------------------

def answering(front, store, status, body, **headers):
    """A gateway that answers everything alike; what it was asked."""
    asked = []

    def decide(handler):
        asked.append(handler.command)
        handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", len(body))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)
        return True

    return front(store, decide).base, asked


PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"


@pytest.mark.parametrize("body", [PAGE, b"\n<html></html>", b'{"status": "ok"}', bytes(17 * MIB),
                                  b"<a>" * 6 * MIB],
                         ids=["page", "html", "json", "zeros", "long"])
def test_a_server_that_answers_everything_but_is_no_s3(telpher, store, front, body):
    base, asked = answering(front, store, 200, body)
    done = telpher.run("ls", "s3://bucket", "--endpoint-url", base)
    assert done.returncode == 3 and len(asked) == 1, done.err
    host = base.removeprefix("http://")
    assert f"'{host}' does not look like an S3 service: it" in done.err
    assert "telpher doctor s3://bucket tells more" in done.err and "later" not in done.err


def test_a_copy_there_is_not_repeated_either(telpher, store, front):
    base, asked = answering(front, store, 200, PAGE, ETag='"a"')
    done = telpher.run("cp", "s3://bucket/a", "s3://bucket/b", "--endpoint-url", base)
    assert done.returncode in (3, 4) and "does not look like an S3 service" in done.err, done.err
    assert "CompleteMultipartUploadResult" not in done.err and asked.count("PUT") <= 1


@pytest.mark.parametrize("status", [302, 303, 308])
def test_a_redirect_to_a_page_says_where_it_points(telpher, store, front, status):
    base, asked = answering(front, store, status, b"",
                            Location="https://portal.test/login?from=secret")
    done = telpher.run("ls", "s3://bucket", "--endpoint-url", base)
    assert done.returncode == 3 and len(asked) == 1, done.err
    assert "does not look like an S3 service: it redirects to https://portal.test/login " \
        f"(HTTP {status})" in done.err
    assert "secret" not in done.err


@pytest.mark.parametrize("options, named", [
    (["--sse", "AES256"], "--sse"), (["--storage-class", "COLD"], "--storage-class"),
    (["--acl", "private", "--sse", "AES256"], "--sse, --acl")])
def test_what_a_store_does_not_implement_is_named(telpher, store, front, options, named):
    def decide(handler):
        if handler.command not in ("PUT", "POST"):
            return False
        handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        body = b"<Error><Code>NotImplemented</Code><Message>A header you provided implies " \
            b"functionality that is not implemented</Message></Error>"
        handler.send_response(501)
        handler.send_header("Content-Length", len(body))
        handler.end_headers()
        handler.wfile.write(body)
        return True

    for size in (1, 24 * MIB):
        (telpher.cwd / "g").write_bytes(bytes(size))
        done = telpher.run("cp", "g", "s3://bucket/k", "--endpoint-url",
                           front(store, decide).base, *options)
        assert done.returncode == 4, done.err
        assert f"The store may not know what {named} asks for: leave it out" in done.err
