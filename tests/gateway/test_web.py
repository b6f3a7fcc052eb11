"""Browsers: gRPC-Web, cross-origin requests, and pages that must not call."""

import base64

import grpc
import httpx
import pytest
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc

from tests.support.aio import aio_stub

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def fakes(shared_fakes):
    shared_fakes.seen.forget()
    return shared_fakes


@pytest.fixture
def gateway(shared_gateway):
    return shared_gateway


TTS = "/voicebox.tts.v1.TextToSpeechService"
HOME = "http://localhost:5173"
FOREIGN = "https://evil.example"


def frame(message):
    """A gRPC frame: one byte of flags, four of length, the message."""
    data = message.SerializeToString()
    return b"\0" + len(data).to_bytes(4, "big") + data


def frames(body):
    """Messages and trailers of a gRPC-Web answer: flag 0x80 marks the trailers."""
    messages, trailers = [], {}
    while body:
        length = int.from_bytes(body[1:5], "big")
        data, flag, body = body[5 : 5 + length], body[0], body[5 + length :]
        if flag & 0x80:
            trailers = dict(line.split(":", 1) for line in data.decode().split("\r\n") if line)
        else:
            messages.append(data)
    return messages, trailers


async def call(gateway, method, message, **headers):
    headers = {"content-type": "application/grpc-web+proto", "x-grpc-web": "1", **headers}
    return await gateway.http.post(f"{TTS}/{method}", content=frame(message), headers=headers)


async def test_grpc_web_unary(gateway):
    answer = await call(gateway, "ListVoices", tts_pb2.ListVoicesRequest(), origin=HOME)
    assert answer.headers["content-type"] == "application/grpc-web+proto"
    assert answer.headers["access-control-allow-origin"] == HOME
    [message], trailers = frames(answer.content)
    assert tts_pb2.ListVoicesResponse.FromString(message).voices[0].name == "flite/slt"
    assert trailers["grpc-status"].strip() == "0"


async def test_grpc_web_streaming(gateway):
    answer = await call(gateway, "StreamSynthesize", tts_pb2.StreamSynthesizeRequest(text="hello"))
    messages, trailers = frames(answer.content)
    events = [tts_pb2.StreamSynthesizeResponse.FromString(message).WhichOneof("event") for message in messages]
    assert events == ["chunk", "chunk", "finished"]
    assert trailers["grpc-status"].strip() == "0"


async def test_grpc_web_as_text(gateway):
    headers = {"content-type": "application/grpc-web-text", "accept": "application/grpc-web-text"}
    answer = await gateway.http.post(
        f"{TTS}/ListVoices", content=base64.b64encode(frame(tts_pb2.ListVoicesRequest())), headers=headers
    )
    assert b"flite/slt" in base64.b64decode(answer.content[:40] + b"=" * (-len(answer.content[:40]) % 4))


async def test_grpc_web_errors(open_alone):
    async with open_alone() as (gateway, fakes):
        answer = await call(gateway, "StreamSynthesize", tts_pb2.StreamSynthesizeRequest(text="missing"))
        assert answer.headers["grpc-status"] == "5"
        await fakes.tts.server.stop(0)
        answer = await call(gateway, "ListVoices", tts_pb2.ListVoicesRequest())
    assert (answer.headers["grpc-status"], answer.headers["grpc-message"]) == ("14", "The service does not answer.")


@pytest.mark.parametrize("path", [f"{TTS}/ListVoices", "/v1/speech:play", "/v1/profiles/ann"])
async def test_a_preflight_request_of_an_allowed_origin(gateway, path):
    headers = {
        "origin": HOME,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,x-grpc-web",
    }
    answer = await gateway.http.options(path, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == HOME
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert {"x-grpc-web", "authorization", "x-stainless-lang"} <= set(
        answer.headers["access-control-allow-headers"].split(", ")
    )


async def test_a_foreign_page_gets_no_permission(gateway):
    headers = {"origin": FOREIGN, "access-control-request-method": "DELETE"}
    answer = await gateway.http.options("/v1/profiles/ann", headers=headers)
    assert "access-control-allow-origin" not in answer.headers
    answer = await gateway.http.get("/v1/voices", headers={"origin": FOREIGN})
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "origin", [FOREIGN, "null", "http://localhost.evil.example", "http://localhost:80@evil.example"]
)
async def test_a_foreign_page_cannot_write(gateway, fakes, origin):
    """A browser sends such a POST without asking first; only the answer would be kept from the page."""
    answer = await gateway.http.post(
        "/v1/profiles", content=b'{"display_name": "x"}', headers={"origin": origin, "content-type": "text/plain"}
    )
    assert answer.status_code == 403
    assert answer.json()["details"][0]["reason"] == "FOREIGN_ORIGIN"
    assert fakes.seen.request is None


@pytest.mark.parametrize(
    ("site", "status"), [("same-origin", 200), ("same-site", 403), ("cross-site", 403), ("none", 403)]
)
async def test_our_own_page_can_write_under_any_name(gateway, site, status):
    headers = {"origin": "https://voice.example", "sec-fetch-site": site}
    assert (
        await gateway.http.post("/v1/speech:synthesize", json={"text": "hello"}, headers=headers)
    ).status_code == status


async def test_allowed_pages_can_write(gateway):
    answer = await gateway.http.post("/v1/speech:synthesize", json={"text": "hello"}, headers={"origin": HOME})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, HOME)


async def test_the_setting_names_who_may_call(open_gateway):
    async with (
        open_gateway(GATEWAY_CORS_ORIGINS="https://app.example, https://*.team.example") as serving,
        httpx.AsyncClient() as http,
    ):
        for origin, allowed in [("https://app.example", True), ("https://a.team.example", True), (HOME, False)]:
            answer = await http.get(f"http://{serving.endpoints[0].address}/v1/voices", headers={"origin": origin})
            assert ("access-control-allow-origin" in answer.headers) is allowed


async def test_none_allows_no_page(open_gateway):
    async with open_gateway(GATEWAY_CORS_ORIGINS="none") as serving, httpx.AsyncClient() as http:
        answer = await http.post(
            f"http://{serving.endpoints[0].address}/v1/speech:synthesize", json={}, headers={"origin": HOME}
        )
        assert answer.status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:8080", "127.0.0.1.nip.io"])
@pytest.mark.parametrize("path", ["/v1/voices", "/v1/speech:play?text=hello", "/healthz", "/", "/docs", "/v1/models"])
async def test_a_foreign_host_is_refused_everywhere(gateway, fakes, host, path):
    answer = await gateway.http.get(path, headers={"host": host})
    assert answer.status_code == 403
    assert "foreign_host" in answer.text.lower()
    assert fakes.seen.request is None


async def test_a_foreign_host_is_refused_to_grpc(gateway):
    async with grpc.aio.insecure_channel(gateway.address, [("grpc.default_authority", "evil.example")]) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, channel).ListVoices(tts_pb2.ListVoicesRequest())
    assert error.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert "GATEWAY_HOSTS" in (error.value.details() or "")


async def test_hosts_can_be_added(open_gateway):
    async with open_gateway(GATEWAY_HOSTS="speech.example") as serving, httpx.AsyncClient() as http:
        for host, status in [("speech.example", 200), ("localhost:1", 200), ("evil.example", 403)]:
            answer = await http.get(f"http://{serving.endpoints[0].address}/v1/voices", headers={"host": host})
            assert answer.status_code == status


@pytest.mark.parametrize(
    ("site", "mode", "origin", "status"),
    [
        ("cross-site", "no-cors", None, 403),
        ("cross-site", "cors", "https://evil.example", 403),
        ("cross-site", "cors", HOME, 200),
        ("cross-site", "navigate", None, 200),
        ("same-site", "no-cors", None, 200),
        ("same-origin", "cors", None, 200),
        ("none", "navigate", None, 200),
    ],
)
async def test_a_foreign_page_does_not_have_us_speak(gateway, fakes, site, mode, origin, status):
    headers = {"sec-fetch-site": site, "sec-fetch-mode": mode} | ({"origin": origin} if origin else {})
    answer = await gateway.http.get("/v1/speech:play?text=hello", headers=headers)
    assert answer.status_code == status
    assert (fakes.seen.request is None) is (status == 403)
