"""Who runs what: a row is one job, done by several contenders. Used by run.py."""

import dataclasses
import shlex

from lab import Command, Failure

AWS = "/usr/bin/aws"  # Debian's: another one in PATH has no CRT


@dataclasses.dataclass
class Contender:
    name: str
    make: object  # Lab -> Command; raises Failure when it cannot take part
    check: object = None  # Lab -> dict; raises Failure when the job was not done
    start: list | None = None  # what only starts this program, for rows that subtract it


@dataclasses.dataclass
class Target:
    """`value / of <= limit` ("at-most") or `of / value >= limit` ("times-below"); without `of`,
    the value itself. `figure` picks what is compared."""

    text: str
    kind: str
    limit: float
    of: str | None = None
    figure: str = "figure"


@dataclasses.dataclass
class Row:
    name: str
    title: str
    unit: str  # "CPU-s/GiB", "CPU ms/object", "CPU µs/object", "wall s", "wall ms"
    amount: object  # Lab -> what the cost is divided by: GiB or objects (1 for wall time)
    contenders: list
    targets: list
    subtract_start: bool = False
    subject: str = "telpher"
    optional: bool = False
    reads: object = None  # Lab -> the file or folder that is to be in the page cache
    note: str = ""


def gib(lab):
    return lab.size / 2**30


# ---- commands


def telpher(lab, *words, endpoint=None, env=None, prepare=None):
    if not lab.telpher.exists():
        raise Failure("not built: src/telpher")
    where = ["--endpoint-url", endpoint or lab.sink_url]
    return Command([lab.telpher, "cp", *words, *where], env or {}, prepare)


def rclone(lab, *words, endpoint=None):
    need("rclone")
    return Command([
        "rclone", "--config", "/dev/null", "--s3-provider", "Other", "--s3-env-auth",
        "--s3-endpoint", endpoint or lab.sink_url, *words,
    ])  # fmt: skip


def aws(lab, *words, crt, endpoint=None):
    need(AWS)
    config = lab.work / ("aws-crt.conf" if crt else "aws.conf")
    text = "[default]\nregion = us-east-1\n"
    if crt:
        if endpoint is None and not lab.has_port_80:
            raise Failure("port 80 is not ours, and the CRT mode of Debian's aws-cli needs it")
        text += "s3 =\n  preferred_transfer_client = crt\n"
    config.write_text(text)
    url = endpoint or ("http://127.0.0.1" if crt else lab.sink_url)
    words = [AWS, "--endpoint-url", url, "s3", "cp", *words, "--only-show-errors"]
    return Command(words, {"AWS_CONFIG_FILE": str(config)})


def piped(producer, command):
    """producer | command, as a user would write it; both are in the figures."""
    line = shlex.join(producer) + " | " + shlex.join(str(word) for word in command.words)
    return Command(line, command.env)


def floor(lab, kind, *arguments):
    arguments = [str(argument) for argument in arguments]
    buffer = lab.floor_buffer(kind, arguments)
    return Command([lab.tools / "floor", kind, *arguments, "--buffer", str(buffer)])


def need(program):
    import shutil

    if shutil.which(program) is None:
        raise Failure(f"{program} is not installed (run.py --setup)")


def http(server):
    return server.endpoints["http"][0]


def https(server):
    return server.endpoints["https"][0]


# ---- checks


def large_arrived(lab):
    return lab.check_sink(lab.fingerprint(lab.large_file()))


def downloaded(lab):
    return lab.check_download(lab.work / "download")


# ---- rows


def file_to_s3():
    return Row(
        "file-to-s3", "file → S3", "CPU-s/GiB", gib,
        [
            Contender("floor read+send", lambda lab: floor(
                lab, "read-send", "--file", lab.large_file(), "--to", http(lab.sink)),
                large_arrived),
            Contender("telpher", lambda lab: telpher(
                lab, lab.large_file(), "s3://bench/telpher"), large_arrived),
            Contender("aws-cli (CRT)", lambda lab: aws(
                lab, lab.large_file(), "s3://bench/aws-crt", crt=True), large_arrived),
            Contender("aws-cli", lambda lab: aws(
                lab, lab.large_file(), "s3://bench/aws", crt=False), large_arrived),
            Contender("rclone", lambda lab: rclone(
                lab, "copyto", lab.large_file(), ":s3:bench/rclone"), large_arrived),
            Contender("s3cmd", s3cmd, large_arrived),
            Contender("curl (one unsigned PUT)", lambda lab: Command(
                ["curl", "-sf", "-T", lab.large_file(), lab.sink_url + "/bench/curl"]),
                large_arrived),
        ],
        [
            Target("≤ 1.4 × the read+send floor", "at-most", 1.4, "floor read+send"),
            Target("≥ 2 × below aws-cli with CRT", "times-below", 2, "aws-cli (CRT)"),
        ],
        reads=lambda lab: lab.large_file(),
    )  # fmt: skip


def s3cmd(lab):
    need("s3cmd")
    host = http(lab.sink)
    return Command([
        "s3cmd", "-c", "/dev/null", "--access_key=bench", "--secret_key=bench-secret",
        "--host=" + host, "--host-bucket=" + host, "--no-ssl", "--quiet", "put",
        lab.large_file(), "s3://bench/s3cmd",
    ])  # fmt: skip


def url_to_s3():
    def url(lab):
        return f"http://{http(lab.origin)}/file"

    def curl_into(crt):
        return lambda lab: piped(
            ["curl", "-sf", url(lab)], aws(lab, "-", "s3://bench/piped", crt=crt))

    return Row(
        "url-to-s3", "URL → S3", "CPU-s/GiB", gib,
        [
            Contender("floor recv+send", lambda lab: floor(
                lab, "recv-send", "--from", http(lab.origin), "--to", http(lab.sink)),
                large_arrived),
            Contender("telpher", lambda lab: telpher(lab, url(lab), "s3://bench/telpher"),
                      large_arrived),
            Contender("rclone copyurl", lambda lab: rclone(
                lab, "copyurl", url(lab), ":s3:bench/rclone"), large_arrived),
            Contender("curl piped into aws-cli (CRT)", curl_into(True), large_arrived),
            Contender("curl piped into aws-cli", curl_into(False), large_arrived),
        ],
        [
            Target("≤ 1.6 × the recv+send floor", "at-most", 1.6, "floor recv+send"),
            Target("≥ 4 × less than rclone copyurl", "times-below", 4, "rclone copyurl"),
        ],
    )  # fmt: skip


def url_to_s3_nginx():
    return Row(
        "url-to-s3-nginx", "URL → S3, from nginx (one worker, sendfile on)", "CPU-s/GiB", gib,
        [
            Contender("floor recv+send", lambda lab: floor(
                lab, "recv-send", "--from", lab.nginx() + "/large", "--to",
                http(lab.sink) + "/bench/floor"), large_arrived),
            Contender("telpher", lambda lab: telpher(
                lab, f"http://{lab.nginx()}/large", "s3://bench/telpher"), large_arrived),
            Contender("rclone copyurl", lambda lab: rclone(
                lab, "copyurl", f"http://{lab.nginx()}/large", ":s3:bench/rclone"),
                large_arrived),
        ],
        [
            Target("≤ 1.6 × the recv+send floor", "at-most", 1.6, "floor recv+send"),
            Target("≥ 4 × less than rclone copyurl", "times-below", 4, "rclone copyurl"),
        ],
        reads=lambda lab: lab.large_file(),
    )  # fmt: skip


def url_to_s3_tls():
    def url(lab):
        return f"https://{https(lab.origin)}/file"

    def to(lab):
        return f"https://{https(lab.sink)}"

    return Row(
        "url-to-s3-tls", "URL → S3, TLS on both legs", "CPU-s/GiB", gib,
        [
            Contender("floor TLS relay", lambda lab: floor(
                lab, "tls-relay", "--from", https(lab.origin), "--to", https(lab.sink),
                "--ca", lab.cert), large_arrived),
            Contender("telpher", lambda lab: telpher(
                lab, url(lab), "s3://bench/telpher", "--ca-bundle", lab.cert, endpoint=to(lab)),
                large_arrived),
            Contender("rclone copyurl", lambda lab: rclone(
                lab, "copyurl", url(lab), ":s3:bench/rclone", "--ca-cert", str(lab.cert),
                endpoint=to(lab)), large_arrived),
        ],
        [Target("≤ 1.3 × the TLS relay floor", "at-most", 1.3, "floor TLS relay")],
    )  # fmt: skip


def s3_to_file():
    def fresh(lab):
        """Every run writes a new file into memory that the machine has just used: in a virtual
        machine, memory touched for the first time costs several times as much."""

        def prepare():
            import subprocess

            for name in ("download", "ballast"):
                (lab.work / name).unlink(missing_ok=True)
            subprocess.run([lab.tools / "origin", "--write", lab.work / "ballast", "--size",
                            str(lab.size + 2**29)], check=True)
            (lab.work / "ballast").unlink()

        return prepare

    def into_file(make):
        def made(lab):
            command = make(lab)
            command.prepare = fresh(lab)
            return command

        return made

    def target(lab):
        return lab.work / "download"

    return Row(
        "s3-to-file", "S3 → file", "CPU-s/GiB", gib,
        [
            Contender("floor recv+write", into_file(lambda lab: floor(
                lab, "recv-write", "--from", http(lab.sink) + "/bench/object", "--file",
                target(lab))), downloaded),
            Contender("telpher", into_file(lambda lab: telpher(
                lab, "s3://bench/object", target(lab))), downloaded),
            Contender("aws-cli (CRT)", into_file(lambda lab: aws(
                lab, "s3://bench/object", target(lab), crt=True)), downloaded),
            Contender("rclone", into_file(lambda lab: rclone(
                lab, "copyto", ":s3:bench/object", target(lab))), downloaded),
            Contender("aws-cli", into_file(lambda lab: aws(
                lab, "s3://bench/object", target(lab), crt=False)), downloaded),
        ],
        [Target("≤ 1.4 × the recv+write floor", "at-most", 1.4, "floor recv+write")],
    )  # fmt: skip


def throttled():
    def url(lab):
        return f"http://{http(lab.slow_origin)}/file"

    def arrived(lab):
        return lab.check_sink(lab.pattern_fingerprint(lab.slow_size))

    return Row(
        "throttled", "source that gives each connection 20 MiB/s", "wall s", lambda lab: 1,
        [
            Contender("telpher", lambda lab: telpher(
                lab, url(lab), "s3://bench/telpher", "--concurrency", "8"), arrived),
            Contender("telpher, one stream", lambda lab: telpher(
                lab, url(lab), "s3://bench/telpher", "--concurrency", "1"), arrived),
            Contender("curl, one stream to /dev/null", lambda lab: Command(
                ["curl", "-sf", "-o", "/dev/null", url(lab)])),
        ],
        [Target("≥ 7 × a single stream at concurrency 8", "times-below", 7,
                "telpher, one stream")],
    )  # fmt: skip


def small_64k():
    def folder(lab):
        return lab.small_files(2000, 64 * 1024)

    def arrived(lab):
        return lab.check_sink(lab.fingerprint(folder(lab)))

    return Row(
        "small-64k", "2,000 files of 64 KiB → S3", "CPU ms/object", lambda lab: 2000,
        [
            Contender("floor put-small", lambda lab: Command(
                [lab.tools / "floor", "put-small", "--dir", folder(lab), "--to",
                 http(lab.sink)]), arrived),
            Contender("telpher", lambda lab: telpher(
                lab, f"{folder(lab)}/", "s3://bench/small/"), arrived, ["--version"]),
            Contender("rclone", lambda lab: rclone(
                lab, "copy", folder(lab), ":s3:bench/small"), arrived, ["rclone", "version"]),
            Contender("aws-cli (CRT)", lambda lab: aws(
                lab, folder(lab), "s3://bench/small/", "--recursive", crt=True), arrived,
                [AWS, "--version"]),
            Contender("aws-cli", lambda lab: aws(
                lab, folder(lab), "s3://bench/small/", "--recursive", crt=False), arrived,
                [AWS, "--version"]),
        ],
        [
            Target("≤ 0.15 ms of CPU per object", "at-most", 0.15),
            Target("≥ 5 × less than rclone", "times-below", 5, "rclone"),
        ],
        subtract_start=True,
        reads=folder,
    )  # fmt: skip


def small_10k():
    def folder(lab):
        return lab.small_files(20000, 10 * 1024)

    def arrived(lab):
        return lab.check_sink(lab.fingerprint(folder(lab)))

    return Row(
        "small-10k", "20,000 files of 10 KiB → S3, 64 connections", "CPU µs/object",
        lambda lab: 20000,
        [
            Contender("floor put-small", lambda lab: Command(
                [lab.tools / "floor", "put-small", "--dir", folder(lab), "--to",
                 http(lab.sink), "--connections", "64"]), arrived),
            Contender("telpher", lambda lab: telpher(
                lab, f"{folder(lab)}/", "s3://bench/small/", "--concurrency", "64"), arrived,
                ["--version"]),
        ],
        [Target("≤ 20 µs of CPU per object", "at-most", 20)],
        subtract_start=True,
        reads=folder,
    )  # fmt: skip


def start_up():
    def version(lab):
        if not lab.telpher.exists():
            raise Failure("not built: src/telpher")
        return Command([lab.telpher, "--version"])

    return Row(
        "start-up", "start-up (`telpher --version`)", "wall ms", lambda lab: 1,
        [
            Contender("telpher", version),
            Contender("rclone version", lambda lab: Command(["rclone", "version"])),
            Contender("aws --version", lambda lab: Command([AWS, "--version"])),
        ],
        [
            Target("≤ 15 ms", "at-most", 15),
            Target("≤ 15 MiB", "at-most", 15, figure="rss_mib"),
        ],
    )  # fmt: skip


ROWS = [file_to_s3, url_to_s3, url_to_s3_nginx, url_to_s3_tls, s3_to_file, throttled, small_64k,
        small_10k, start_up]  # fmt: skip
