"""telpher serve: files that come with the request, many in one or in resumable pieces."""

import base64
import json
import re
import socket
import time

import pytest
from conftest import MIB, ended, random_bytes, sha256

BOUNDARY = "----formBoundary7MA4YWxk"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
TUS = {"Tus-Resumable": "1.0.0"}
ELF = b"\x7fELF\x02\x01\x01" + bytes(100)
KEY = r"uploads/\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d_"


def part(name, content, kind=None, field="files"):
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
    if kind:
        head += f"Content-Type: {kind}\r\n"
    return head.encode() + b"\r\n" + content + b"\r\n"


def field(name, value):
    return (f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
            f"{value}\r\n").encode()


def form(*parts):
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def post(served, *parts, path="/upload", **kwargs):
    return served.ask("POST", path, form(*parts), headers=FORM, **kwargs)


def keys(served, bucket="files", prefix=""):
    listed = served.ok("GET", f"/objects?bucket={bucket}&prefix={prefix}&delimiter=&limit=1000")
    return [entry["key"] for entry in listed["objects"]]


def content(served, key, bucket="files"):
    return served.get(f"/objects/{bucket}/{key}").body


def mixed_batch():
    """Twenty files, four of them bad; (parts, names of the good ones, names of the bad ones)."""
    bad = {2: ("oversized.bin", random_bytes(20 * MIB + 1)), 5: ("empty.txt", b""),
           11: ("cat.png", ELF), 19: ("broken.bin", random_bytes(10 * MIB))}
    files = [bad.get(i, (f"file {i}.txt", f"content {i}".encode())) for i in range(20)]
    names = [name for name, _ in files]
    wrong = [name for name, _ in bad.values()]
    return files, [name for name in names if name not in wrong], wrong


def check_mixed(served, answer, files, good, bad):
    assert answer.status == 207
    body = answer.json
    assert list(body) == ["success", "partialSuccess", "files", "failures", "count",
                          "failureCount", "duration"]
    assert body["success"] is False and body["partialSuccess"] is True
    assert [file["originalName"] for file in body["files"]] == good
    assert [file["originalName"] for file in body["failures"]] == bad
    assert (body["count"], body["failureCount"]) == (len(good), len(bad))
    for file in body["files"]:
        assert list(file) == ["originalName", "path", "size", "type"]
        assert re.fullmatch(KEY + r"file_\d+\.txt", file["path"]), file
        assert file["type"] == "text/plain"
        assert content(served, file["path"], "bucket") == dict(files)[file["originalName"]]
    assert len(keys(served, "bucket")) == len(good)


def test_one_bad_file_harms_no_other(service, s3):
    server = s3()
    served = service("--store", "s3://bucket", "--max-file-size", "20MiB")
    files, good, bad = mixed_batch()
    # Only the broken file comes so far: the other large one is found out before.
    server.faults([{"on": "CompleteMultipartUpload", "do": "status", "status": 400}])
    answer = post(served, *[part(name, data) for name, data in files])
    check_mixed(served, answer, files, good, bad)
    reasons = [failure["error"] for failure in answer.json["failures"]]
    assert reasons[:3] == ["File is larger than 20.0 MiB", "File is empty",
                           "Files of type application/x-executable are not allowed "
                           "(it is said to be image/png)"]


def test_names_and_places(service):
    served = service("--store", "local")
    png = b"\x89PNG\r\n\x1a\n" + bytes(50)
    answer = post(served, part("../../My Photo (1).PNG", png, "image/png"), part(".hidden", b"x"),
                  part("same.txt", b"one"), part("same.txt", b"two"), path="/api/upload")
    assert answer.status == 200 and list(answer.json) == ["success", "files", "count", "duration"]
    paths = [file["path"] for file in answer.json["files"]]
    assert [re.sub(KEY, "", path) for path in paths] == ["My_Photo__1_.PNG", "hidden", "same.txt",
                                                         "same-2.txt"]
    assert [content(served, path) for path in paths] == [png, b"x", b"one", b"two"]
    read = served.get("/objects/files/" + paths[0])
    assert read.headers["Content-Type"] == "image/png"
    elsewhere = post(served, field("bucket", "files"), field("prefix", "a/b"), part("c.txt", b"d"))
    assert elsewhere.json["files"][0]["path"].startswith("a/b/")


def test_too_many_and_nothing(service):
    served = service("--store", "local")
    answer = post(served, *[part(f"{i}.txt", b"hello") for i in range(21)])
    assert answer.status == 400 and answer.json["error"] == "Maximum 20 files allowed"
    assert list(answer.json) == ["success", "error", "duration"]
    assert post(served).json["error"] == "No files uploaded"
    assert served.ask("POST", "/upload", b"", headers=FORM).json["error"] == "No files uploaded"
    refused = post(served, part("a", b""), part("b", ELF))
    assert refused.status == 400 and len(refused.json["failures"]) == 2
    assert served.ask("POST", "/upload", b"--" + BOUNDARY.encode() + b"\r\nX\r\n\r\n",
                      headers=FORM).status == 400
    cut = form(part("a.txt", b"hello"), part("b.txt", b"world"))[:-60]
    assert served.ask("POST", "/upload", cut, headers=FORM).status == 400
    assert keys(served) == []


def test_all_failed(service, s3):
    server = s3()
    served = service("--store", "s3://bucket")
    server.faults([{"on": "PutObject", "do": "status", "status": 403}])
    answer = post(served, part("a.txt", b"hello"), part("b.txt", b"world"))
    assert answer.status == 500 and answer.json["error"] == "All uploads failed"
    assert len(answer.json["failures"]) == 2


def test_fewer_files_and_other_types_if_that_is_wished(service):
    served = service("--no-auth", "--max-files", "2", "--max-file-size", "1MiB", "--allow-type",
                     "image/*", "--allow-type", "text/*", "--block-type", "text/html")
    png = b"\x89PNG\r\n\x1a\n" + bytes(100)
    answer = post(served, part("a.png", png), part("b.html", b"<!DOCTYPE html><p>x"))
    assert answer.status == 207 and answer.json["count"] == 1, answer
    assert post(served, part("a.pdf", b"%PDF-1.7 " + bytes(100))).status == 400
    three = post(served, *[part(f"{n}.png", png) for n in range(3)])
    assert three.status == 400 and three.json["error"] == "Maximum 2 files allowed"
    assert served.ok("GET", "/settings")["upload"]["filesMax"] == 2


def test_a_client_that_disconnects_leaves_nothing(service, s3):
    server = s3()
    served = service("--store", "s3://bucket")
    body = form(part("a.txt", b"hello"), part("large.bin", random_bytes(30 * MIB)))
    for sent in (len(body) // 2, len(body) - 10, 300):
        host, port = served.host.rsplit(":", 1)
        with socket.create_connection((host, int(port))) as client:
            client.sendall(f"POST /upload HTTP/1.1\r\nHost: {served.host}\r\n"
                           f"Authorization: Bearer {served.key}\r\n"
                           f"Content-Type: {FORM['Content-Type']}\r\n"
                           f"Content-Length: {len(body)}\r\n\r\n".encode() + body[:sent])
        deadline = time.monotonic() + 30
        while served.ok("GET", "/monitor")["memory"]["used"] or keys(served, "bucket"):
            assert time.monotonic() < deadline, keys(served, "bucket")
            assert not ended(served.process, within_s=0.1)
    stats = server.stats()
    assert stats["open_uploads"] == 0, stats


def test_a_batch_is_written_side_by_side(service, s3):
    server = s3()
    served = service("--store", "s3://bucket")
    server.faults([{"on": "PutObject", "do": "delay", "ms": 500}])
    one = post(served, part("0", random_bytes(MIB))).json["duration"]
    answer = post(served, *[part(str(i), random_bytes(MIB, i)) for i in range(20)])
    assert answer.status == 200
    assert answer.json["duration"] < 10 * one, "one after the other it would be 20 times as long"


# --- tus ----------------------------------------------------------------------------------------


def metadata(**pairs):
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}"
                    for name, value in pairs.items())


def create(served, length, **pairs):
    made = served.ask("POST", "/tus/", headers=TUS | {"Upload-Length": str(length),
                                                      "Upload-Metadata": metadata(**pairs)})
    assert made.status == 201, made
    return made.headers["Location"]


def patch(served, url, offset, data, **more):
    return served.ask("PATCH", url, data, headers=TUS | more | {
        "Content-Type": "application/offset+octet-stream", "Upload-Offset": str(offset)})


def offset_of(served, url):
    return int(served.ask("HEAD", url, headers=TUS).headers["Upload-Offset"])


def test_a_resumable_upload_survives_kill_9(service, telpher):
    data = random_bytes(20 * MIB)
    served = service("--store", "local")
    url = create(served, len(data), filename="big file.bin")
    at = 0
    while at < len(data):
        answer = patch(served, url, at, data[at:at + 3 * MIB])
        assert answer.status == 204, answer
        at = int(answer.headers["Upload-Offset"])
        served.process.kill()
        served.process.wait()
        served = service("--store", "local")
        assert offset_of(served, url) == at
    assert len(keys(served)) == 1
    assert sha256(content(served, keys(served)[0])) == sha256(data)


def test_a_resumable_upload_and_its_refusals(service):
    served = service("--store", "local")
    options = served.ask("OPTIONS", "/tus/")
    assert options.status == 204 and "concatenation" in options.headers["Tus-Extension"]
    url = create(served, 11, key="the/key", filetype="text/plain")
    assert patch(served, url, 0, b"hello ").status == 204
    assert patch(served, url, 0, b"hello ").status == 409
    wrong = patch(served, url, 6, b"world", **{"Upload-Checksum": "sha1 " + "A" * 27 + "="})
    assert wrong.status == 460 and offset_of(served, url) == 6
    assert patch(served, url, 6, b"world").status == 204
    assert content(served, "the/key") == b"hello world"
    forbidden = create(served, len(ELF), filename="cat.png")
    assert patch(served, forbidden, 0, ELF).status == 415
    assert served.ask("HEAD", forbidden, headers=TUS).status == 404
    gone = create(served, 100)
    assert patch(served, gone, 0, b"hello").status == 204
    assert served.ask("DELETE", gone, headers=TUS).status == 204
    assert served.ask("HEAD", gone, headers=TUS).status == 404
    assert keys(served) == ["the/key"]


def test_uploads_are_told_to_listeners(service):
    served = service("--store", "local")
    listening = served.connect()
    listening.request("GET", "/events", headers={"Authorization": f"Bearer {served.key}"})
    events = listening.getresponse()
    post(served, part("a.txt", b"hello"))
    url = create(served, 5, key="b.txt")
    patch(served, url, 0, b"world")
    told = []
    while len(told) < 2:
        line = events.readline().decode()
        if line == "event: upload\n":
            told.append(json.loads(events.readline().decode().removeprefix("data: ")))
    listening.close()
    assert [(event["how"], event["size"], event["type"]) for event in told] == \
        [("batch", 5, "text/plain"), ("tus", 5, "text/plain")]
    assert told[1]["key"] == "b.txt" and told[1]["bucketName"] == "files"


def test_keys_upload_only_where_they_may(service):
    served = service("--store", "local")
    key = served.add_key("uploader", buckets=["files/mine/"])
    assert post(served, part("a.txt", b"hello"), key=key).status == 403
    assert post(served, field("prefix", "mine"), part("a.txt", b"hello"), key=key).status == 200
    headers = TUS | {"Upload-Length": "5"}
    assert served.ask("POST", "/tus/", headers=headers, key=key).status == 403
    made = served.ask("POST", "/tus/", key=key,
                      headers=headers | {"Upload-Metadata": metadata(key="mine/b")})
    assert made.status == 201
    assert served.ask("HEAD", made.headers["Location"], headers=TUS).status == 404, "not its owner"
    reader = served.add_key("reader")
    assert post(served, part("a.txt", b"hello"), key=reader).status == 403


def memory_of(served, what):
    with open(f"/proc/{served.process.pid}/status") as status:
        return int(re.search(what + r":\s+(\d+) kB", status.read())[1]) * 1024


@pytest.mark.slow
def test_memory_stays_flat_with_twenty_large_files(service):
    served = service("--store", "local")
    before = memory_of(served, "VmRSS")
    data = random_bytes(99 * MIB)
    chunk = part("large.bin", data)
    length = 20 * len(chunk) + len(form())
    connection = served.connect()
    connection.putrequest("POST", "/upload")
    for name, value in (FORM | {"Authorization": f"Bearer {served.key}",
                                "Content-Length": str(length)}).items():
        connection.putheader(name, value)
    connection.endheaders()
    for _ in range(20):
        connection.send(chunk)
    connection.send(form())
    answer = json.loads(connection.getresponse().read())
    assert answer["count"] == 20, answer
    grown = memory_of(served, "VmHWM") - before
    assert grown < 100 * MIB, f"{grown} bytes"
