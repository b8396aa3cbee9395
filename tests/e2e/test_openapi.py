"""The API's description and the API. (Every answer that a test gets is held against it besides:
service_command.py.)"""

import openapi
from test_serve import ROUTES


def test_it_is_served_as_it_is_written(service):
    assert service("--no-auth").get("/openapi.json").json == openapi.DOCUMENT


def test_every_route_is_described_with_its_role():
    for method, path, role in ROUTES:
        described = openapi.find(method, path)
        assert described, (method, path)
        assert described.get("x-role") == role, (method, path)


def test_everything_described_is_tried_with_every_role():
    tried = {(method, id(openapi.find(method, path))) for method, path, _ in ROUTES}
    missing = [(method, path) for method, path, described in openapi.operations()
               if (method, id(described)) not in tried]
    assert missing == []


def test_references_lead_somewhere():
    def walk(part):
        if isinstance(part, dict):
            if "$ref" in part:
                assert openapi.resolved(part)
            for value in part.values():
                walk(value)
        elif isinstance(part, list):
            for value in part:
                walk(value)

    walk(openapi.DOCUMENT)
