"""HTTP and JSON clients reach every service, and every error has one shape."""

import asyncio
import base64
import json
import re

import httpx
import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def fakes(shared_fakes):
    shared_fakes.seen.forget()
    return shared_fakes


@pytest.fixture
def gateway(shared_gateway):
    return shared_gateway


LONG_BYTES = 8 * 1024 * 1024

ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"


def error_info(answer):
    """The one ErrorInfo that every error carries."""
    body = answer.json()
    assert set(body) == {"code", "message", "details"}
    assert body["message"]
    [info] = [detail for detail in body["details"] if detail["@type"] == ERROR_INFO]
    assert info["domain"] == "voicebox"
    return info


async def test_a_unary_call_answers_in_proto_json(gateway):
    answer = await gateway.http.post(
        "/v1/speech:synthesize", json={"text": "hello", "config": {"voice": {"voice": "slt"}}}
    )
    assert answer.status_code == 200
    body = answer.json()
    assert len(base64.b64decode(body["audio"])) == 8192
    assert body["finished"]["sampleCount"] == str(2**53 + 1)  # int64 is a string: JavaScript's numbers would round it


async def test_both_spellings_of_a_field_are_understood(gateway, fakes):
    for name in ("requestId", "request_id"):
        answer = await gateway.http.post("/v1/speech:synthesize", json={"text": "hello", "config": {name: "an-id"}})
        assert answer.status_code == 200
        assert fakes.seen.request.config.request_id == "an-id"


async def test_unary_messages_may_be_longer_than_a_connections_buffer(gateway):
    """That is 64 KiB; the transcoder holds unary messages whole."""
    sent = await gateway.http.post("/v1/speech:recognize", json={"audio": base64.b64encode(bytes(2_500_000)).decode()})
    assert sent.json() == {"transcript": "2500000 bytes"}
    received = await gateway.http.post("/v1/speech:synthesize", json={"text": "long"})
    assert len(base64.b64decode(received.json()["audio"])) == LONG_BYTES


@pytest.mark.parametrize("framing", ["content-length: 5000000", "transfer-encoding: chunked"])
@pytest.mark.parametrize("path", ["/v1/speech:synthesize", "/v1/speech:play"])
async def test_a_unary_body_over_the_limit_is_a_413(gateway, path, framing):
    """Envoy answers and reads no further: a client that only writes would wait for ever, so this one reads
    meanwhile.
    """
    host, port = gateway.address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"POST {path} HTTP/1.1\r\nhost: {host}\r\n{framing}\r\n\r\n".encode())
    if "chunked" in framing:
        writer.write(b"4c4b40\r\n" + b" " * 5_000_000 + b"\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    found = re.search(rb"content-length: (\d+)", head)
    assert found
    length = int(found[1])
    body = json.loads(await reader.readexactly(length))
    writer.transport.abort()
    assert head.startswith(b"HTTP/1.1 413 ")
    assert (body["code"], body["details"][0]["reason"]) == (3, "REQUEST_TOO_LARGE")


async def test_the_catalog_answers_under_its_paths(gateway, fakes):
    created = await gateway.http.post("/v1/profiles?profile_id=ann", json={"display_name": "Ann"})
    assert created.json() == {"name": "profiles/ann", "displayName": "Ann"}
    assert (await gateway.http.get("/v1/profiles/ann")).json() == {"name": "profiles/ann"}
    changed = await gateway.http.patch("/v1/profiles/ann?update_mask=displayName", json={"displayName": "Anna"})
    assert changed.json()["displayName"] == "Anna"
    assert list(fakes.seen.request.update_mask.paths) == ["display_name"]
    assert (await gateway.http.delete("/v1/profiles/ann")).json() == {}


@pytest.mark.parametrize("service", ["tts", "asr"])
async def test_the_path_chooses_whose_models(gateway, service):
    listed = await gateway.http.get(f"/v1/{service}/models")
    assert listed.json() == {"models": [{"name": f"models/{service}/one"}]}
    got = await gateway.http.get(f"/v1/{service}/models/flite/2.2")
    assert got.json() == {"name": "models/flite/2.2", "detail": service}
    loaded = await gateway.http.post(f"/v1/{service}/models/flite/2.2:load", json={})
    assert loaded.json()["detail"] == service
    downloaded = await gateway.http.post(f"/v1/{service}/models/flite/2.2:download", json={})
    assert downloaded.json() == {"model": {"detail": service}, "done": True}


async def test_the_path_wins_over_the_metadata(gateway):
    listed = await gateway.http.get("/v1/tts/models", headers={"x-voicebox-service": "asr"})
    assert listed.json() == {"models": [{"name": "models/tts/one"}]}


async def test_a_services_error_keeps_its_details(gateway):
    answer = await gateway.http.post("/v1/speech:synthesize", json={"text": "missing"})
    assert answer.status_code == 404
    assert error_info(answer)["reason"] == "PROFILE_NOT_FOUND"
    assert answer.json()["code"] == 5
    assert {detail.get("resourceName") for detail in answer.json()["details"]} == {None, "profiles/nobody"}


async def test_an_error_before_the_first_byte_of_a_stream_is_an_ordinary_error(gateway):
    for path in ("/v1/speech:stream", "/v1/speech:play"):
        answer = await gateway.http.post(path, json={"text": "loading"})
        assert answer.status_code == 503
        assert error_info(answer)["reason"] == "LOADING"
        assert {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2.500s"} in answer.json()["details"]


@pytest.mark.parametrize(("path", "chunk"), [("/v1/speech:stream", b'{"chunk":'), ("/v1/speech:play", b"\0\1\2\3")])
async def test_an_error_after_the_first_chunk_breaks_the_answer_off(gateway, path, chunk):
    """The status, 200, was sent before: no last chunk comes, which every HTTP client notices."""
    host, port = gateway.address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    body = b'{"text": "breaks"}'
    writer.write(
        f"POST {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n".encode()
        + body
    )
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert chunk in answer
    assert b"finished" not in answer
    assert b"\r\n0\r\n" not in answer


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code", "reason"),
    [
        ("GET", "/nothing", None, 404, 5, "UNKNOWN_PATH"),
        ("GET", "/v1/nothing", None, 404, 5, "UNKNOWN_PATH"),
        ("PUT", "/v1/voices", None, 405, 12, "METHOD_NOT_ALLOWED"),
        ("GET", "/v1/voices?colour=blue", None, 400, 3, "UNKNOWN_FIELD"),
        ("GET", "/v1/profiles?page_size=many", None, 400, 3, "INVALID_FIELD"),
        ("GET", "/v1/profiles/a%2Fb", None, 404, 5, "UNKNOWN_PATH"),
        ("POST", "/v1/speech:synthesize", b"{text", 400, 3, "BAD_JSON"),
        ("POST", "/v1/speech:synthesize", b'{"text": ', 400, 3, "BAD_JSON"),
        ("POST", "/v1/speech:synthesize", b'{"text": 1, "audio": "wav"}', 400, 3, "INVALID_FIELD"),
        (
            "POST",
            "/v1/speech:synthesize",
            b'{"text": "hello", "config": {"audio": {"encoding": "LOUD"}}}',
            400,
            3,
            "INVALID_FIELD",
        ),
    ],
)
async def test_the_gateways_own_errors_have_the_same_shape(gateway, method, path, body, status, code, reason):
    answer = await gateway.http.request(method, path, content=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    assert answer.json()["code"] == code
    assert error_info(answer)["reason"] == reason


async def test_headers_over_the_limit_are_a_431(gateway):
    answer = await gateway.http.get("/v1/voices", headers={"x-long": "a" * 150_000})
    assert answer.status_code == 431
    assert error_info(answer)["reason"] == "HEADERS_TOO_LARGE"


async def test_a_service_may_be_given_by_name(open_gateway, fakes):
    async with (
        open_gateway(TTS_ADDRESS=fakes.tts.address.replace("127.0.0.1", "localhost")) as serving,
        httpx.AsyncClient() as http,
    ):
        assert (await http.get(f"http://{serving.endpoints[0].address}/v1/voices")).status_code == 200


async def test_a_service_that_is_down_is_a_503_that_names_it(open_alone):
    async with open_alone() as (gateway, fakes):
        await fakes.asr.server.stop(0)
        answer = await gateway.http.post("/v1/speech:recognize", json={})
        assert answer.status_code == 503
        info = error_info(answer)
        assert (info["reason"], info["metadata"]["service"]) == ("SERVICE_UNAVAILABLE", "asr")
        assert (await gateway.http.get("/v1/voices")).status_code == 200


async def test_a_slow_unary_call_is_a_504(open_gateway, fakes):
    async with open_gateway(GATEWAY_UNARY_SECONDS="0.2") as serving, httpx.AsyncClient() as http:
        answer = await http.post(f"http://{serving.endpoints[0].address}/v1/speech:synthesize", json={"text": "waits"})
    assert answer.status_code == 504
    assert error_info(answer)["reason"] == "SERVICE_TOO_SLOW"
    assert answer.json()["code"] == 4


async def test_the_request_id_passes_through_and_comes_back(gateway, fakes):
    answer = await gateway.http.get("/v1/voices", headers={"x-request-id": "mine-1"})
    assert fakes.seen.metadata["x-request-id"] == answer.headers["x-request-id"] == "mine-1"


async def test_a_request_without_an_id_gets_one(gateway, fakes):
    answer = await gateway.http.get("/v1/voices")
    assert len(answer.headers["x-request-id"]) == 36
    assert fakes.seen.metadata["x-request-id"] == answer.headers["x-request-id"]


async def test_a_client_cannot_set_the_gateways_limits(gateway):
    """Envoy obeys x-envoy headers that come from private addresses."""
    headers = {"x-envoy-upstream-rq-timeout-ms": "1", "x-envoy-max-retries": "9"}
    answer = await gateway.http.post("/v1/speech:synthesize", json={"text": "long"}, headers=headers)
    assert answer.status_code == 200


async def test_an_answer_over_the_limit_is_an_error_too(open_gateway):
    async with open_gateway(GATEWAY_MAX_RESPONSE_BYTES="100000") as serving, httpx.AsyncClient() as http:
        answer = await http.post(f"http://{serving.endpoints[0].address}/v1/speech:synthesize", json={"text": "long"})
    assert answer.status_code == 500
    assert (answer.json()["code"], error_info(answer)["reason"]) == (13, "GATEWAY")


async def test_nobody_can_say_who_he_is(gateway, fakes):
    await gateway.http.get("/v1/voices", headers={"x-voicebox-principal": "ann"})
    assert "x-voicebox-principal" not in fakes.seen.metadata
