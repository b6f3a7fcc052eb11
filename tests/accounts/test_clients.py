"""Clients that nobody changed, each with a right, a wrong, a revoked and no key: each sees its own kind of error."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
import websockets
from voicebox_client import Client
from voicebox_gateway.wyoming.app import open_service
from voicebox_kit.errors import StartError

from bench.launch import free_ports, platform
from tests.support.sdk import sdk_environment

from .conftest import made_locally, run_program

REFUSED = ["wrong", "revoked", "none"]


def secret(guarded, name):
    return guarded.secrets.get(name, "none")


@pytest.fixture(scope="session")
def openai_python():
    return sdk_environment("openai", "openai==3.52.0")


@pytest.fixture(scope="session")
def riva_python():
    return sdk_environment("riva", "nvidia-riva-client==2.27.0")


@pytest.fixture(scope="session")
def google_python():
    return sdk_environment("google", "google-cloud-texttospeech==2.38.0", "google-cloud-speech==2.41.0")


def test_openais_sdk_works_with_a_key(guarded, openai_python):
    found = run_program(openai_python, "openai_program.py", base=guarded.base, key=guarded.secrets["ann"])
    assert found == {"speech": True, "models": True}


@pytest.mark.parametrize("name", REFUSED)
def test_openais_sdk_raises_its_own_error(guarded, openai_python, name):
    found = run_program(openai_python, "openai_program.py", base=guarded.base, key=secret(guarded, name))
    expected = ["AuthenticationError", 401, "invalid_api_key"]
    assert found == {"speech": expected, "models": expected}


def test_openais_sdk_is_denied_what_its_key_does_not_allow(guarded, openai_python):
    found = run_program(openai_python, "openai_program.py", base=guarded.base, key=guarded.secrets["reads"])
    assert found == {"speech": ["PermissionDeniedError", 403, "scope_missing"], "models": True}


def test_rivas_sdk_works_with_a_key(guarded, riva_python):
    given = {"server": guarded.platform.gateway, "key": guarded.secrets["ann"]}
    assert run_program(riva_python, "riva_program.py", **given) is True


@pytest.mark.parametrize("name", ["wrong", "revoked", ""])
def test_rivas_sdk_raises_unauthenticated(guarded, riva_python, name):
    given = {"server": guarded.platform.gateway, "key": guarded.secrets[name] if name else ""}
    code, sentence = run_program(riva_python, "riva_program.py", **given)
    assert code == "UNAUTHENTICATED"
    assert "key" in sentence


@dataclass(frozen=True)
class Secured:
    """A platform with TLS that authenticates."""

    server: str
    authority: Path
    secrets: dict[str, str]


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("google")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    files = {name: folder / name for name in ("authority.pem", "tls.crt", "tls.key")}
    files["authority.pem"].write_bytes(authority.cert_pem.bytes())
    files["tls.crt"].write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    files["tls.key"].write_bytes(issued.private_key_pem.bytes())
    tls = {"GATEWAY_TLS_CERTIFICATE": str(files["tls.crt"]), "GATEWAY_TLS_KEY": str(files["tls.key"])}
    with platform(folder / "data", VOICEBOX_AUTH="keys", **tls) as running:
        right = made_locally(folder / "data", "ann", "speak", "read")
        wrong = "vbx_" + "B" * 43
        yield Secured(running.gateway, files["authority.pem"], {"right": right, "wrong": wrong})


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_googles_sdk_works_with_an_api_key(secured, google_python, transport):
    given = {"server": secured.server, "authority": str(secured.authority), "transport": transport}
    assert run_program(google_python, "google_program.py", key=secured.secrets["right"], **given) is True


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_googles_sdk_raises_its_own_error(secured, google_python, transport):
    given = {"server": secured.server, "authority": str(secured.authority), "transport": transport}
    found = run_program(google_python, "google_program.py", key=secured.secrets["wrong"], **given)
    assert found == ["Unauthenticated" if transport == "grpc" else "Unauthorized", "KEY_INVALID"]


def realtime(guarded):
    return f"ws://{guarded.platform.gateway}/v1/realtime?model=gpt-realtime"


async def test_a_websocket_takes_a_key_as_a_header_and_as_a_subprotocol_that_it_does_not_echo(guarded):
    key = guarded.secrets["ann"]
    async with websockets.connect(
        realtime(guarded), additional_headers={"authorization": f"Bearer {key}"}
    ) as connection:
        assert json.loads(await connection.recv())["type"] == "session.created"
    offered = ["realtime", f"openai-insecure-api-key.{key}", "openai-beta.realtime-v1"]
    async with websockets.connect(realtime(guarded), subprotocols=offered) as connection:
        assert connection.subprotocol == "realtime"
        assert key not in str(connection.response.headers)
        assert json.loads(await connection.recv())["type"] == "session.created"


@pytest.mark.parametrize("name", ["wrong", "revoked", "none"])
async def test_a_websocket_is_refused_at_its_handshake(guarded, name):
    offered = ["realtime", f"openai-insecure-api-key.{secret(guarded, name)}"]
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with websockets.connect(realtime(guarded), subprotocols=offered):
            pass
    assert refused.value.response.status_code == 401
    assert json.loads(refused.value.response.body)["error"]["code"] == "invalid_api_key"


async def test_a_client_secret_does_what_its_maker_may_and_carries_its_settings(guarded):
    with guarded.http("ann") as http:
        asked = {"session": {"type": "realtime", "model": "gpt-realtime", "audio": {"output": {"speed": 1.2}}}}
        answer = http.post("/v1/realtime/client_secrets", json=asked)
    value = answer.json()["value"]
    assert value.startswith("ek_")
    offered = ["realtime", f"openai-insecure-api-key.{value}"]
    async with websockets.connect(realtime(guarded), subprotocols=offered) as connection:
        created = json.loads(await connection.recv())
        assert created["session"]["audio"]["output"]["speed"] == 1.2
    for forged in (value[:-4] + "AAAA", value.partition(".")[0], "ek_" + value[4:]):
        with pytest.raises(websockets.InvalidStatus):
            async with websockets.connect(
                realtime(guarded), subprotocols=["realtime", f"openai-insecure-api-key.{forged}"]
            ):
                pass


async def test_a_client_secret_ends_with_the_key_by_which_it_was_made(guarded):
    with guarded.client("admin") as admin, Client(guarded.platform.gateway) as _:
        made = admin.create_key("ann", ["speak"], "for a page")
        with guarded.http() as http:
            headers = {"authorization": f"Bearer {made.secret}"}
            value = http.post("/v1/realtime/client_secrets", json={}, headers=headers).json()["value"]
        admin.revoke_key(made.key.name)
    with pytest.raises(websockets.InvalidStatus):
        async with websockets.connect(realtime(guarded), subprotocols=["realtime", f"openai-insecure-api-key.{value}"]):
            pass


async def test_the_socket_of_a_revoked_key_is_closed(guarded):
    with guarded.client("admin") as admin:
        made = admin.create_key("ann", ["speak", "hear", "read"], "soon revoked")
        headers = {"authorization": f"Bearer {made.secret}"}
        async with websockets.connect(realtime(guarded), additional_headers=headers) as connection:
            assert json.loads(await connection.recv())["type"] == "session.created"
            await asyncio.to_thread(admin.revoke_key, made.key.name)
            with pytest.raises(websockets.ConnectionClosed) as closed:
                async with asyncio.timeout(30):
                    while True:
                        await connection.recv()
        assert closed.value.rcvd.code == 1008
        assert "revoked" in closed.value.rcvd.reason


async def wyoming(guarded, key):
    """What the bridge says to `describe`, in the protocol's own lines."""
    [port] = free_ports(1)
    env = {
        "WYOMING_ADDRESS": f"127.0.0.1:{port}",
        "GATEWAY_ADDRESS": guarded.platform.gateway,
        "VOICEBOX_AUTH": "keys",
        "WYOMING_API_KEY": key,
        "VOICEBOX_GRACE_SECONDS": "0",
    }
    async with open_service(env):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b'{"type": "describe"}\n')
        await writer.drain()
        header = json.loads(await asyncio.wait_for(reader.readline(), 30))
        data = json.loads(await reader.readexactly(header.get("data_length", 0)) or b"{}")
        writer.close()
        return header["type"], data


async def test_the_wyoming_bridge_works_with_its_one_key(guarded):
    kind, data = await wyoming(guarded, guarded.secrets["ann"])
    assert kind == "info"
    assert data["tts"][0]["voices"]


@pytest.mark.parametrize("name", ["wrong", "revoked"])
async def test_the_wyoming_bridge_says_that_its_key_is_not_valid(guarded, name):
    kind, data = await wyoming(guarded, guarded.secrets[name])
    assert kind == "error"
    assert "key" in data["text"]


async def test_the_wyoming_bridge_does_not_start_without_a_key(guarded):
    with pytest.raises(StartError, match="WYOMING_API_KEY"):
        await wyoming(guarded, "")
