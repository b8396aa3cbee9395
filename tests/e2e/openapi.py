"""The API's own description, held against what it answers."""

import json
import pathlib
import re

import jsonschema

DOCUMENT = json.loads(
    (pathlib.Path(__file__).resolve().parents[2] / "src/server/openapi.json").read_text())
METHODS = ("get", "post", "put", "patch", "delete", "options", "head")


def operations():
    """(METHOD, path, its description) of all."""
    return [(method.upper(), path, described) for path, item in DOCUMENT["paths"].items()
            for method, described in item.items() if method in METHODS]


def pattern_of(path):
    pattern = re.escape(path).replace(r"\{", "{").replace(r"\}", "}")
    # A key may have slashes.
    pattern = pattern.replace("{key}", ".+")
    return re.compile(re.sub(r"{[^}]+}", "[^/]+", pattern) + r"\Z")


OPERATIONS = [(method, path, pattern_of(path), described) for method, path, described in operations()]


def find(method, target):
    path = target.split("?")[0]
    method = "GET" if method == "HEAD" and not path.startswith("/tus/") else method
    for its_method, its_path, pattern, described in OPERATIONS:
        if method == its_method and (its_path == path or pattern.match(path)):
            return described
    return None


def resolved(part):
    while "$ref" in part:
        found = DOCUMENT
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


def check(method, target, status, headers, body):
    """Fails when this answer is not one that is described."""
    described = find(method, target)
    if described is None or method == "HEAD":
        return
    assert str(status) in described["responses"], f"{method} {target}: {status} is not described"
    response = resolved(described["responses"][str(status)])
    kind = (headers.get("Content-Type") or "").split(";")[0]
    content = response.get("content", {})
    if not body:
        return
    if kind != "application/json" or "application/json" not in content:
        assert content, f"{method} {target}: {status} has a body"
        return
    schema = dict(content["application/json"]["schema"], components=DOCUMENT["components"])
    jsonschema.Draft202012Validator(schema).validate(json.loads(body))
