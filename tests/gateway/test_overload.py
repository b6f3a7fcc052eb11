"""A gateway whose memory runs out refuses new calls by name, in the form of each client."""

from collections.abc import AsyncIterator
from types import SimpleNamespace

import grpc
import httpx
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_gateway.envoy.app import open_service

SENTENCE = "The gateway has no memory for more calls."


@pytest.fixture
async def full() -> AsyncIterator[SimpleNamespace]:
    """Its Envoy takes more than it may from the beginning."""
    env = {"GATEWAY_ADDRESS": "127.0.0.1:0", "VOICEBOX_GRACE_SECONDS": "0", "GATEWAY_MAX_HEAP_BYTES": "1000000"}
    async with open_service(env) as serving:
        address = serving.endpoints[0].address
        async with httpx.AsyncClient(base_url=f"http://{address}", timeout=60) as http:
            while (await http.get("/")).status_code != 503:  # it looks at its memory every second
                pass
            yield SimpleNamespace(address=address, http=http)


async def test_json_clients(full: SimpleNamespace) -> None:
    answer = await full.http.get("/v1/voices")
    assert answer.status_code == 503
    error = answer.json()
    assert (error["code"], error["message"]) == (14, SENTENCE)
    assert error["details"][0]["reason"] == "GATEWAY_OVERLOADED"
    assert error["details"][1]["retryDelay"] == "1s"


async def test_openai_clients(full: SimpleNamespace) -> None:
    answer = await full.http.post("/v1/audio/speech", json={"model": "tts-1", "voice": "alloy", "input": "Hello."})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["error"]["code"] == "gateway_overloaded"


async def test_grpc_clients(full: SimpleNamespace) -> None:
    async with grpc.aio.insecure_channel(full.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await tts_pb2_grpc.TextToSpeechServiceStub(channel).ListVoices(tts_pb2.ListVoicesRequest())
    assert (refused.value.code(), refused.value.details()) == (grpc.StatusCode.UNAVAILABLE, SENTENCE)
    info = error_details_pb2.ErrorInfo()
    assert rpc_status.from_call(refused.value).details[0].Unpack(info)
    assert info.reason == "GATEWAY_OVERLOADED"
