"""telpher serve: a transfer is a trace, and OpenTelemetry hears of it."""

import http.server
import json
import signal
import threading

import pytest
from conftest import MIB, random_bytes
from test_serve import wait_for
from test_serve_transfers import begin, private, wait_until  # noqa: F401 (a fixture)


@pytest.fixture
def collector():
    """A small OTLP receiver."""
    received = {"/v1/traces": [], "/v1/metrics": []}

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            received[self.path].append((dict(self.headers), body))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.url, server.received = f"http://127.0.0.1:{server.server_port}", received
    yield server
    server.shutdown()


def spans_of(collector):
    return [span for _, body in collector.received["/v1/traces"]
            for resource in body["resourceSpans"] for scope in resource["scopeSpans"]
            for span in scope["spans"]]


def test_a_transfer_is_a_trace_and_its_parts_are_spans(private, nginx, collector):  # noqa: F811
    served = private(env={"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
                          "OTEL_EXPORTER_OTLP_HEADERS": "x-team=a%20b",
                          "OTEL_SERVICE_NAME": "carrier"})
    url = nginx.put("traced", random_bytes(40 * MIB))
    trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    answer = served.ask("POST", "/transfers", {"sourceUrl": url, "bucketName": "files"},
                        headers={"traceparent": f"00-{trace}-{parent}-01"})
    wait_until(served, answer.json["transferId"], "completed")
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(30) == 0
    spans = [span for span in spans_of(collector) if span["traceId"] == trace]
    by_name = {}
    for span in spans:
        by_name.setdefault(span["name"], []).append(span)
    [request] = by_name["POST /transfers"]
    [transfer] = by_name["transfer"]
    assert request["parentSpanId"] == parent
    assert transfer["parentSpanId"] == request["spanId"]
    assert len(by_name["part"]) >= 2
    assert {part["parentSpanId"] for part in by_name["part"]} == {transfer["spanId"]}
    headers, body = collector.received["/v1/metrics"][-1]
    assert headers["x-team"] == "a b"
    resource = {a["key"]: a["value"]["stringValue"]
                for a in body["resourceMetrics"][0]["resource"]["attributes"]}
    assert resource["service.name"] == "carrier"


def test_without_a_collector_it_goes_on(private, nginx):  # noqa: F811
    served = private(env={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"})
    wait_until(served, begin(served, nginx.put("untraced", b"1")), "completed")
    wait_for(served, lambda: served.log_text().count("OTEL_EXPORTER_OTLP_ENDPOINT") == 1, "said once")
