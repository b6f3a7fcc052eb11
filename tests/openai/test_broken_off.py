"""What the facades and the gateway make of errors before and after an answer has begun, by a service that fails as
told.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing

import grpc
import httpx
import pytest
from google.api.httpbody_pb2 import HttpBody
from prometheus_client import CollectorRegistry
from voicebox.compat.openai.v1 import openai_pb2, openai_pb2_grpc
from voicebox_compat import openai
from voicebox_gateway.envoy.app import open_service
from voicebox_kit.errors import Exhausted, Unavailable
from voicebox_kit.interceptor import RpcInterceptor
from voicebox_kit.server import OPTIONS


class Speech(openai_pb2_grpc.OpenAiSpeechServiceServicer):
    """Its bodies are commands: `full`, `bug`, `late`, `late bug`; any other is answered."""

    async def CreateSpeech(self, requests, context):
        async with aclosing(openai.with_headers(self._answer(requests), context, {})) as bodies:
            async for body in bodies:
                yield openai_pb2.CreateSpeechResponse(body=body)

    async def _answer(self, requests) -> AsyncIterator[HttpBody]:
        command = await openai.read_body((request.body.data async for request in requests), 100)
        if command == b"full":
            raise Exhausted("QUEUE_FULL", "No room.", 2.0)
        if command == b"bug":
            raise ZeroDivisionError
        for _ in range(2):
            yield HttpBody(content_type="audio/mpeg", data=b"sound")
        if command == b"late":
            raise Unavailable("LOST", "It went away.")
        if command == b"late bug":
            raise ZeroDivisionError


@pytest.fixture
async def post():
    server = grpc.aio.server(interceptors=[RpcInterceptor(CollectorRegistry())], options=OPTIONS)
    openai_pb2_grpc.add_OpenAiSpeechServiceServicer_to_server(Speech(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    env = {"GATEWAY_ADDRESS": "127.0.0.1:0", "TTS_ADDRESS": f"127.0.0.1:{port}", "ASR_ADDRESS": "127.0.0.1:9"}
    async with (
        open_service(env) as gateway,
        httpx.AsyncClient(base_url=f"http://{gateway.endpoints[0].address}/v1/audio") as http,
    ):
        yield http.post
    await server.stop(0)


async def test_an_answer_comes_through(post):
    answer = await post("/speech", content=b"fine")
    assert (answer.status_code, answer.content) == (200, b"soundsound")


async def test_a_full_queue_says_when_to_try_again(post):
    answer = await post("/speech", content=b"full")
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "2"
    assert answer.json()["error"] == {
        "message": "No room.",
        "type": "requests",
        "param": None,
        "code": "rate_limit_exceeded",
    }
    assert not [name for name in answer.headers if name.startswith("x-openai")]


async def test_a_bug_tells_the_request_and_nothing_else(post):
    answer = await post("/speech", content=b"bug", headers={"x-request-id": "one"})
    assert answer.status_code == 500
    assert answer.json()["error"] == {
        "message": "internal error (request one)",
        "type": "server_error",
        "param": None,
        "code": "internal_error",
    }


@pytest.mark.parametrize("command", [b"late", b"late bug"])
async def test_an_answer_that_has_begun_breaks_off(post, command):
    with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
        await post("/speech", content=command)
    assert (await post("/speech", content=b"fine")).status_code == 200  # only that stream broke


async def test_a_service_that_is_away(post):
    answer = await post("/transcriptions", files={"file": b"x"})
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["error"]["type"] == "server_error"
