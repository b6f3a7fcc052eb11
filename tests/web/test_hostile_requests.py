"""Whatever stands in a path, a query, a header or a body, over HTTP it is no fault of ours: no 500 and no 502, and no
traceback in the log.
"""

import json
import re
from urllib.parse import quote

import httpx
import pytest

from .test_openapi import operations

STRINGS = (
    "\0",
    "%ff%fe",
    "../../etc/passwd",
    "' OR 1=1 --",
    "\u202e\u0301\u0323" * 200,
    "👩‍👩‍👧‍👦",
    "x" * 3000,
    "-1e999",
    "{}",
    "models/../..",
)
BODIES = (
    b"",
    b"{",
    b"null",
    b"[]",
    b'"text"',
    b'{"text": 1e999}',
    b'{"text": "\\ud800"}',
    b'{"config": []}',
    b'{"text": "a", "text": "b"}',
    b"[" * 5000,
    b"\xff\xfe\0",
    json.dumps({"text": "\u0301" * 20_000}).encode(),
)
HEADERS = (
    {"content-type": "\u00ff/\u00ff"},
    {"content-type": "multipart/form-data; boundary="},
    {"content-type": "application/json; charset=nothing"},
    {"x-request-id": "\u00e9" * 50},
    {"x-junk-bin": "!!!"},
    {"grpc-timeout": "nonsense"},
    {"range": "bytes=" + "9" * 40 + "-"},
    {"authorization": "Bearer \u00ff"},
)
OURS = {500, 502}


@pytest.fixture(autouse=True)
def clean_log(running):
    """The test fails when its requests leave an error or a traceback in the platform's log."""
    before = running.log.stat().st_size
    yield
    with running.log.open("rb") as log:
        log.seek(before)
        written = log.read().decode(errors="replace").splitlines()
    assert not [line for line in written if " ERROR " in line or " CRITICAL " in line or "Traceback" in line]


@pytest.fixture(scope="module")
def calls(http):
    """Verb and path of all that is served, but for what downloads, reads for ever or opens a socket."""
    document = http.get("/openapi.json").json()
    return [(verb, path) for verb, path, _ in operations(document) if not re.search(r":download|realtime|:watch", path)]


def answered(http: httpx.Client, verb: str, path: str, **given):
    """The status; that the connection ends is what a stream does that finds an error late."""
    given["headers"] = {name: value.encode("latin-1") for name, value in given.get("headers", {}).items()}
    try:
        return http.request(verb, path, **given).status_code
    except httpx.RemoteProtocolError:
        return 0


def with_values(path: str, value: str) -> str:
    return re.sub(r"\{[^}]*\}", lambda _: quote(value, safe=""), path)


def test_no_path_or_query_is_our_fault(http, calls):
    for verb, path in calls:
        for value in STRINGS:
            status = answered(http, verb, f"{with_values(path, value)}?{quote(value)}={quote(value)}")
            assert status not in OURS, (verb, path, value[:20], status)


def test_no_query_of_a_known_name_is_our_fault(http):
    for value in STRINGS:
        for name in ("text", "ssml", "config.seed", "config.voice.voice", "config.audio.encoding", "ahead_seconds"):
            status = answered(http, "GET", f"/v1/speech:play?{name}={quote(value)}")
            assert status not in OURS, (name, value[:20], status)


def test_no_body_is_our_fault(http, calls):
    for verb, path in calls:
        for body in BODIES if verb in ("post", "patch", "put") else ():
            status = answered(http, verb, with_values(path, "x"), content=body)
            assert status not in OURS, (verb, path, body[:20], status)


def test_no_header_is_our_fault(http, calls):
    for verb, path in calls:
        for headers in HEADERS:
            status = answered(http, verb, with_values(path, "x"), headers=headers, content=b"{}")
            assert status not in OURS, (verb, path, headers, status)
