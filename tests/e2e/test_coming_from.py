"""docs/coming-from.md: every command we tell people to type does what they meant."""

import json
import re
import subprocess

import pytest

from conftest import ROOT, TELPHER, note_shell, random_bytes, sha256

ROW = re.compile(r"^\| (.*?) \| `(telpher .*?|.* \\\| telpher .*?)` \|$")


def commands():
    seen = {}
    for line in (ROOT / "docs/coming-from.md").read_text().splitlines():
        if found := ROW.match(line):
            seen[found[2].replace("\\|", "|")] = None
    return list(seen)


OBJECTS = {"notes.txt": b"notes " * 100, "kept.iso": random_bytes(300_000),
           "logs/a.gz": b"a", "logs/b.txt": b"b", "logs/deep/c.gz": b"c"}
PHOTOS = {"1.jpg": b"one", "2.png": b"two", "2026/3.jpg": b"three"}


@pytest.fixture
def world(telpher, s3, nginx, tmp_path):
    """A few files, two buckets, a web server. Their names are those of the page."""
    server = s3([], args=["--bucket", "other"])
    for name, data in PHOTOS.items():
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (tmp_path / "big.iso").write_bytes(OBJECTS["kept.iso"])
    page = b"a page"
    (tmp_path / "urls.csv").write_text(f"url\n{nginx.put('page', page)}\n{nginx.put('two', b'2')}\n")
    for key, data in OBJECTS.items():
        telpher.ok("cp", "-", f"s3://bucket/{key}", "--quiet", input=data)
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    (bin_folder / "telpher").symlink_to(TELPHER)
    telpher.env |= {"PATH": f"{bin_folder}:/usr/bin:/bin", "SUM": sha256(page),
                    "WEB": nginx.url("").rstrip("/")}
    return server


def state(telpher, bucket):
    listed = telpher.run("ls", "-r", "--json", f"s3://{bucket}")
    events = map(json.loads, listed.out.splitlines())
    return {event["key"] for event in events if "key" in event}


# What must be there, or gone, afterwards: by the command's own words. (bucket, key, present)
EFFECTS = [
    (r"(cp|mv) big.iso s3://bucket/( |$)(?!.*dryrun)", [("bucket", "big.iso", True)]),
    (r"--dryrun", [("bucket", "big.iso", False)]),
    (r"(cp|sync|mv) (--delete )?photos s3://bucket/photos(?!.*dry-run)",
     [("bucket", "photos/2026/3.jpg", True), ("bucket", "photos/2.png", True)]),
    (r"--include '\*.jpg'", [("bucket", "p/1.jpg", True), ("bucket", "p/2.png", False)]),
    (r"s3://bucket/notes.txt s3://other/", [("other", "notes.txt", True)]),
    (r"mv s3://bucket/logs/ s3://other/logs/",
     [("other", "logs/deep/c.gz", True), ("bucket", "logs/a.gz", False)]),
    (r"mv 's3://bucket/logs/\*\*'", [("other", "deep/c.gz", True), ("bucket", "logs/a.gz", False)]),
    (r"rm s3://bucket/notes.txt", [("bucket", "notes.txt", False), ("bucket", "kept.iso", True)]),
    (r"rm --recursive .*--exclude", [("bucket", "logs/b.txt", False), ("bucket", "logs/a.gz", True)]),
    (r"rm -r s3://bucket/logs/|rm 's3://bucket/logs/\*\*'",
     [("bucket", "logs/deep/c.gz", False), ("bucket", "notes.txt", True)]),
    (r"cp \$WEB/page", [("bucket", "page", True)]),
    (r"--from-file", [("bucket", "dataset/page", True), ("bucket", "dataset/two", True)]),
    (r"\| telpher cp - s3://bucket/big.gz", [("bucket", "big.gz", True)]),
]
FILES = [
    (r"sync s3://bucket/logs logs", {"logs/b.txt": True, "logs/a.gz": False}),
    (r"cp 's3://bucket/logs/\*\*' out/", {"out/a.gz": True, "out/deep/c.gz": True}),
    (r"cp s3://bucket/notes.txt \./", {"notes.txt": True}),
    (r"mv big.iso", {"big.iso": False}),
    (r"mv photos", {"photos/1.jpg": False}),
]
PRINTS = [
    (r"ls s3://$", r"bucket\n.*other"),
    (r"^telpher cat s3|cat --range", r"^notes notes"),
    (r"presign", r"^http://.*X-Amz-Signature="),
    (r"du -H", r"\d B|KiB"),
    (r"stat s3", r"(?i)etag"),
    (r"dry-?run", r"would (copy|remove)|nothing|0 files"),
    (r"s3 --help", r"usage: telpher s3"),
    (r"doctor", r"ok    no overwrite .*all is well"),
]


@pytest.mark.parametrize("command", commands())
def test_coming_from(world, telpher, tmp_path, command):
    if "verify photos" in command:  # which someone has copied before
        telpher.ok("cp", "photos", "s3://bucket/photos/")
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], env=telpher.env, cwd=tmp_path,
                          capture_output=True, timeout=120)
    note_shell(command, done)
    assert done.returncode == 0, done.stderr.decode()
    there = {bucket: state(telpher, bucket) for bucket in ("bucket", "other")}
    for pattern, effects in EFFECTS:
        for bucket, key, present in effects if re.search(pattern, command) else []:
            assert (key in there[bucket]) == present, (bucket, key, there)
    for pattern, files in FILES:
        for name, present in files.items() if re.search(pattern, command) else []:
            assert (tmp_path / name).exists() == present, name
    for pattern, text in PRINTS:
        if re.search(pattern, command):
            assert re.search(text, done.stdout.decode(), re.S), done.stdout.decode()


def test_the_page_has_a_command_for_each_verb():
    text = "\n".join(commands())
    for verb in "cp sync mv ls stat cat rm mb rb du presign verify jobs resume sweep doctor bench".split():
        assert f"telpher {verb}" in text, verb


def test_what_is_expected_belongs_to_some_command():
    """A pattern that fits no command would check nothing."""
    for pattern, _ in EFFECTS + FILES + PRINTS:
        assert any(re.search(pattern, command) for command in commands()), pattern
