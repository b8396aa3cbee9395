"""The same jobs against a real S3 server (--s3-endpoint), such as Ceph's RADOS gateway. There is
no floor for these, and a server on the same machine decides the wall time; what arrived is read
back with curl and compared. Used by run.py."""

import os
import re
import shlex
import subprocess

from contenders import Contender, Failure, Row, aws, gib, http, rclone, telpher

BUCKET = "telpher-bench"
NOTE = "Here \"other load\" contains the S3 server."


def signed_curl(lab, path, *words):
    env = lab.environment({})
    user = env["AWS_ACCESS_KEY_ID"] + ":" + env["AWS_SECRET_ACCESS_KEY"]
    options = ["--aws-sigv4", "aws:amz:us-east-1:s3", "--user", user]
    options += ["-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", *words]
    return ["curl", "-sf", *options, lab.s3_endpoint.rstrip("/") + path]


def make_bucket(lab):
    subprocess.run(signed_curl(lab, f"/{BUCKET}", "-X", "PUT"), stdout=subprocess.DEVNULL)
    if subprocess.run(signed_curl(lab, f"/{BUCKET}", "-o", os.devnull)).returncode != 0:
        raise SystemExit(f"no bucket {BUCKET} at {lab.s3_endpoint}")


def check_object(key):
    def check(lab):
        get = shlex.join(signed_curl(lab, f"/{BUCKET}/{key}"))
        tool = shlex.join([str(lab.tools / "origin"), "--fingerprint", "-"])
        done = subprocess.run(["bash", "-o", "pipefail", "-c", f"{get} | {tool}"],
                              capture_output=True, text=True)  # fmt: skip
        subprocess.run(signed_curl(lab, f"/{BUCKET}/{key}", "-X", "DELETE"))
        got = tuple(int(word) for word in done.stdout.split())
        if done.returncode != 0 or got != lab.fingerprint(lab.large_file()):
            raise Failure(f"{key}: the bytes at the server are not those sent")
        return {}

    return check


def check_count(prefix, count, size):
    """All objects are there with their size; then deletes them."""

    def check(lab):
        found = 0
        while True:
            words = signed_curl(lab, f"/{BUCKET}?list-type=2&max-keys=1000&prefix={prefix}%2F")
            page = subprocess.run(words, capture_output=True, text=True, check=True).stdout
            keys = re.findall(r"<Key>([^<]*)</Key>", page)
            if not keys:
                break
            found += len(keys)
            if page.count(f"<Size>{size}</Size>") != len(keys):
                raise Failure(f"{prefix}: an object has the wrong size")
            urls = [f"/{BUCKET}/{key}" for key in keys]
            for at in range(0, len(urls), 200):
                first, *rest = urls[at : at + 200]
                more = [lab.s3_endpoint.rstrip("/") + url for url in rest]
                subprocess.run(signed_curl(lab, first, "-X", "DELETE", *more), check=True)
        if found != count:
            raise Failure(f"{prefix}: {found} objects, not {count}")
        return {}

    return check


def large_row(name, title, make_source, rclone_verb):
    def to(key):
        return f"s3://{BUCKET}/{key}"

    return Row(
        name, title, "CPU-s/GiB", gib,
        [
            Contender("telpher", lambda lab: telpher(
                lab, make_source(lab), to("telpher"), endpoint=lab.s3_endpoint),
                check_object("telpher")),
            Contender("rclone " + rclone_verb, lambda lab: rclone(
                lab, rclone_verb, make_source(lab), f":s3:{BUCKET}/rclone",
                endpoint=lab.s3_endpoint), check_object("rclone")),
        ],
        [], optional=True, note=NOTE,
    )  # fmt: skip


def file_to_real():
    row = large_row("real-file-to-s3", "file → S3 on a real server",
                    lambda lab: lab.large_file(), "copyto")  # fmt: skip
    row.contenders.append(Contender("aws-cli", lambda lab: aws(
        lab, lab.large_file(), f"s3://{BUCKET}/aws", crt=False, endpoint=lab.s3_endpoint),
        check_object("aws")))  # fmt: skip
    return row


def url_to_real():
    return large_row("real-url-to-s3", "URL → S3 on a real server",
                     lambda lab: f"http://{http(lab.origin)}/file", "copyurl")  # fmt: skip


def small_to_real():
    count, size = 2000, 64 * 1024

    def folder(lab):
        return lab.small_files(count, size)

    return Row(
        "real-small-64k", "2,000 files of 64 KiB → S3 on a real server", "CPU ms/object",
        lambda lab: count,
        [
            Contender("telpher", lambda lab: telpher(
                lab, f"{folder(lab)}/", f"s3://{BUCKET}/telpher/", endpoint=lab.s3_endpoint),
                check_count("telpher", count, size), ["--version"]),
            Contender("rclone", lambda lab: rclone(
                lab, "copy", folder(lab), f":s3:{BUCKET}/rclone", endpoint=lab.s3_endpoint),
                check_count("rclone", count, size), ["rclone", "version"]),
        ],
        [], subtract_start=True, optional=True, note=NOTE,
    )  # fmt: skip


ROWS = [file_to_real, url_to_real, small_to_real]
