"""Rows about many objects: sync, listing, removing, against `telpher s3 --store memory`. Used by
run.py."""

import os
import shutil
import subprocess
import time

from contenders import AWS, Contender, Row, Target, need
from lab import Command, Failure, Server

KEYS = {"TELPHER_S3_ACCESS_KEY": "bench", "TELPHER_S3_SECRET_KEY": "bench-secret",
        "TELPHER_S3_ADMIN_KEY": "bench-admin"}
FILES, FILE_SIZE = 20_000, 10 * 1024
OBJECTS = 100_000
PEERS = ["rclone", "aws-cli", "s3cmd"]


class Endpoint(Server):
    """The store that all contenders talk to; its CPU time is shown beside theirs."""

    def __init__(self, lab):
        self.process = subprocess.Popen(
            [lab.telpher, "s3", "--store", "memory", "--capacity", "8GiB", "--listen",
             "127.0.0.1:0", "--bucket", "bench"],
            env=lab.environment(KEYS), stdout=subprocess.PIPE, stderr=lab.log, text=True,
        )  # fmt: skip
        line = self.process.stdout.readline().split()
        if line[:2] != ["listening", "on"]:
            raise Failure("telpher s3 did not start")
        self.url = line[2]


def endpoint(lab):
    if not hasattr(lab, "_set_endpoint"):
        lab._set_endpoint = Endpoint(lab)
        lab.servers.append(lab._set_endpoint)
    return lab._set_endpoint


def telpher_now(lab, *words):
    """Not measured: what sets the stage, or looks at the outcome."""
    done = subprocess.run([lab.telpher, *words, "--endpoint-url", endpoint(lab).url],
                          env=lab.environment({}), capture_output=True, text=True)  # fmt: skip
    if done.returncode not in (0, 3):  # 3: there was nothing
        raise Failure(done.stderr[-300:])
    return done.stdout


def count(lab, prefix):
    return len(telpher_now(lab, "ls", "-r", f"s3://bench/{prefix}").splitlines())


def tree(lab):
    """20,000 files, older than whatever will be made of them."""
    folder = lab.small_files(FILES, FILE_SIZE)
    past = time.time() - 3600
    if folder.stat().st_mtime > past + 60:
        for file in folder.iterdir():
            os.utime(file, (past, past))
        os.utime(folder, (past, past))
    return folder


def clear(lab, prefix):
    telpher_now(lab, "rm", "-r", f"s3://bench/{prefix}", "-q")


def fill(lab, prefix):
    """100,000 objects of a few bytes."""
    folder = lab.work / f"names-{OBJECTS}"
    if not folder.exists():
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        for number in range(OBJECTS):
            path = partial / f"{number // 1000:03}" / f"{number:06}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"{}")
        partial.rename(folder)
    if count(lab, prefix) != OBJECTS:
        telpher_now(lab, "sync", str(folder), f"s3://bench/{prefix}", "--size-only", "--quiet",
                    "--concurrency", "64")


def rclone(lab, *words):
    need("rclone")
    return ["rclone", "--config", "/dev/null", "--s3-provider", "Other", "--s3-env-auth",
            "--s3-endpoint", endpoint(lab).url, *words]  # fmt: skip


def aws(lab, *words):
    need(AWS)
    return [AWS, "--endpoint-url", endpoint(lab).url, "s3", *words]


def s3cmd(lab, *words):
    need("s3cmd")
    host = endpoint(lab).url.removeprefix("http://")
    return ["s3cmd", "-c", "/dev/null", "--access_key=bench", "--secret_key=bench-secret",
            "--host=" + host, "--host-bucket=" + host, "--no-ssl", "--quiet", *words]  # fmt: skip


def contender(name, words, prefix, prepare, check):
    """`words(lab)` is what is typed; the stage is set before the clock starts."""

    def make(lab):
        line = words(lab)
        if name == "telpher":
            line = [lab.telpher, *line, "--endpoint-url", endpoint(lab).url]
        return Command(line, prepare=lambda: prepare(lab, prefix))

    return Contender(name, make, lambda lab: check(lab, prefix))


def targets():
    return [Target(f"≥ 5 × less CPU than {peer}", "times-below", 5, peer) for peer in PEERS]


def walls():
    return [Target(f"no longer than {peer} (wall)", "at-most", 1, peer, "wall_s") for peer in PEERS]


def sync_commands(lab, folder):
    return {
        "telpher": lambda lab: ["sync", folder(lab), "s3://bench/telpher/", "--quiet"],
        "rclone": lambda lab: rclone(lab, "sync", folder(lab), ":s3:bench/rclone"),
        "aws-cli": lambda lab: aws(lab, "sync", folder(lab), "s3://bench/aws-cli/",
                                   "--only-show-errors"),
        "s3cmd": lambda lab: s3cmd(lab, "sync", f"{folder(lab)}/", "s3://bench/s3cmd/"),
    }  # fmt: skip


def synced(lab, prefix):
    found = count(lab, prefix)
    if found != FILES:
        raise Failure(f"{found} objects are there, not {FILES}")
    return {}


def sync_row(name, title, prepare):
    commands = sync_commands(None, tree)
    return Row(
        name, title, "CPU µs/object", lambda lab: FILES,
        [contender(who, words, f"{who}/", prepare, synced) for who, words in commands.items()],
        targets() + walls(), reads=tree,
    )  # fmt: skip


def sync_first():
    return sync_row("sync-first", "sync of 20,000 files of 10 KiB, the first time", clear)


def sync_unchanged():
    def once(lab, prefix):
        if count(lab, prefix) == FILES:
            return
        who = prefix.rstrip("/")
        words = sync_commands(lab, tree)[who](lab)
        if who == "telpher":
            words = [lab.telpher, *words, "--endpoint-url", endpoint(lab).url]
        subprocess.run(words, env=lab.environment({}), check=True, capture_output=True)

    return sync_row("sync-unchanged", "the same sync again: nothing has changed", once)


def listing():
    def all_there(lab, prefix):
        return {}

    commands = {
        "telpher": lambda lab: ["ls", "-r", "s3://bench/keys/"],
        "rclone": lambda lab: rclone(lab, "lsl", "--fast-list", "--use-server-modtime",
                                 ":s3:bench/keys"),
        "aws-cli": lambda lab: aws(lab, "ls", "--recursive", "s3://bench/keys/"),
        "s3cmd": lambda lab: s3cmd(lab, "ls", "--recursive", "s3://bench/keys/"),
    }
    return Row(
        "list-100k", "listing 100,000 keys with sizes and times", "CPU µs/object",
        lambda lab: OBJECTS,
        [contender(who, words, "keys/", fill, all_there) for who, words in commands.items()],
        targets() + walls(),
    )  # fmt: skip


def removing():
    def gone(lab, prefix):
        if left := count(lab, prefix):
            raise Failure(f"{left} objects are still there")
        return {}

    commands = {
        "telpher": lambda lab: ["rm", "-r", "s3://bench/rm-telpher/", "-q"],
        "rclone": lambda lab: rclone(lab, "delete", ":s3:bench/rm-rclone"),
        "aws-cli": lambda lab: aws(lab, "rm", "--recursive", "s3://bench/rm-aws-cli/",
                                   "--only-show-errors"),
        "s3cmd": lambda lab: s3cmd(lab, "del", "--recursive", "--force", "s3://bench/rm-s3cmd/"),
    }  # fmt: skip
    return Row(
        "remove-100k", "removing 100,000 objects", "CPU µs/object", lambda lab: OBJECTS,
        [contender(who, words, f"rm-{who}/", fill, gone) for who, words in commands.items()],
        targets() + walls(),
    )  # fmt: skip


ROWS = [sync_first, sync_unchanged, listing, removing]
