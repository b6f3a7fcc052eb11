"""The gateway with authentication: what reaches a service, what does not, and what happens while accounts is away."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc
import httpx
import pytest
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_accounts.app import open_service as open_accounts
from voicebox_accounts.command import create_key
from voicebox_kit.authentication import Authentication
from voicebox_kit.signing_keys import SigningKeys

from tests.support.aio import aio_stub

KEY_HEADERS = ("authorization", "x-api-key", "xi-api-key", "x-goog-api-key", "x-voicebox-query-key")
EMPTY_FRAME = bytes(5)


@dataclass(frozen=True)
class Guarded:
    """A gateway that authenticates, in front of fakes that believe everybody; and a key."""

    address: str
    key: str
    authentication: Authentication

    @property
    def base(self) -> str:
        return f"http://{self.address}"


@pytest.fixture
async def guarded(open_gateway, tmp_path) -> AsyncIterator[Guarded]:
    env = {
        "VOICEBOX_AUTH": "keys",
        "VOICEBOX_DATA": str(tmp_path),
        "ACCOUNTS_ADDRESS": "127.0.0.1:0",
        "ACCOUNTS_METRICS_ADDRESS": "127.0.0.1:0",
    }
    key = await asyncio.to_thread(create_key, env, "ann", ("speak", "hear", "read", "manage"), "", None)
    async with open_accounts(env) as accounts, _gateway(open_gateway, tmp_path, accounts.endpoints[0].address) as it:
        yield Guarded(it, key, Authentication(SigningKeys(tmp_path / "signing.keys")))


@asynccontextmanager
async def _gateway(open_gateway, folder, accounts_address) -> AsyncIterator[str]:
    variables = {"VOICEBOX_AUTH": "keys", "VOICEBOX_DATA": str(folder), "ACCOUNTS_ADDRESS": accounts_address}
    async with open_gateway(**variables) as serving:
        yield serving.endpoints[0].address


@pytest.mark.parametrize("header", [*KEY_HEADERS[:4], "query"])
async def test_a_service_gets_a_principal_and_no_key(guarded, fakes, header):
    headers = {} if header == "query" else {header: guarded.key}
    if header == "authorization":
        headers = {header: f"Bearer {guarded.key}"}
    path = "/v1/profiles/ann?etag=e" + (f"&key={guarded.key}" if header == "query" else "")
    async with httpx.AsyncClient(base_url=guarded.base) as http:
        answer = await http.delete(path, headers={**headers, "x-voicebox-principal": "root", "x-request-id": "mine"})
    assert answer.status_code == 200
    assert (fakes.seen.request.name, fakes.seen.request.etag) == ("profiles/ann", "e")
    metadata = fakes.seen.metadata
    assert not set(metadata) & set(KEY_HEADERS)
    assert not [value for value in metadata.values() if guarded.key in value]
    method = "/voicebox.catalog.v1.CatalogService/DeleteProfile"
    found = guarded.authentication.verified(metadata["x-voicebox-principal"], method, "mine")
    assert (found.owner, found.is_limited, found.is_counted) == ("ann", False, True)


@pytest.mark.parametrize(
    ("content_type", "frame"),
    [("application/grpc-web+proto", EMPTY_FRAME), ("application/grpc-web-text", base64.b64encode(EMPTY_FRAME))],
)
async def test_grpc_web_reads_its_status_in_the_headers(guarded, content_type, frame):
    path = "/voicebox.tts.v1.TextToSpeechService/ListVoices"
    async with httpx.AsyncClient(base_url=guarded.base) as http:
        headers = {"content-type": content_type, "x-grpc-web": "1"}
        answer = await http.post(path, headers=headers, content=frame)
    assert answer.headers["grpc-status"] == "16"


async def test_a_page_may_send_its_key_in_each_header(guarded):
    async with httpx.AsyncClient(base_url=guarded.base) as http:
        headers = {
            "origin": "http://localhost:3000",
            "access-control-request-method": "POST",
            "access-control-request-headers": "x-api-key",
        }
        answer = await http.options("/v1/voices", headers=headers)
    assert answer.status_code == 200
    allowed = {name.strip() for name in answer.headers["access-control-allow-headers"].split(",")}
    assert {"authorization", "x-api-key", "xi-api-key", "x-goog-api-key"} <= allowed


async def test_nobody_gets_in_while_accounts_is_away(open_gateway, fakes, tmp_path):
    (tmp_path / "signing.keys").touch(0o600)
    async with (
        _gateway(open_gateway, tmp_path, "127.0.0.1:1") as address,
        httpx.AsyncClient(base_url=f"http://{address}", timeout=30) as http,
        grpc.aio.insecure_channel(address) as channel,
    ):
        headers = {"x-api-key": "vbx_any"}
        answer = await http.get("/v1/voices", headers=headers)
        assert (answer.status_code, answer.json()["details"][0]["reason"]) == (503, "SERVICE_UNAVAILABLE")
        answer = await http.post("/v1/audio/speech", json={}, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "service_unavailable")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            stub = aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, channel)
            await stub.ListVoices(tts_pb2.ListVoicesRequest(), metadata=(("x-api-key", "vbx_any"),))
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        health = await http.get("/healthz")
        assert (health.status_code, health.json()["services"]["accounts"]) == (503, "UNREACHABLE")
        assert (await http.get("/")).status_code == 200
    assert fakes.seen.request is None


async def test_without_authentication_a_key_in_a_header_is_nobodys_business(gateway, fakes):
    answer = await gateway.http.get("/v1/voices", headers={"authorization": "Bearer none", "x-api-key": "other"})
    assert answer.status_code == 200
    assert "x-voicebox-principal" not in fakes.seen.metadata
    assert (await gateway.http.get("/v1/voices?key=x")).status_code == 400
