"""The whole platform with TLS between its parts: called through the gateway, closed to strangers, and renewed."""

import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import grpc
import httpx
import pytest
import trustme
from grpc_health.v1 import health_pb2, health_pb2_grpc
from voicebox_client import Client
from websockets.sync.client import connect

from bench.launch import Platform, free_ports, platform
from tests.support.certificates import issue

from .conftest import made_locally


@dataclass(frozen=True)
class Closed:
    """A platform with TLS, the folder of its certificates, the address of web, and a key."""

    platform: Platform
    folder: Path
    web: str
    key: str

    @property
    def grpc_addresses(self) -> tuple[str, ...]:
        return (self.platform.tts, self.platform.asr, self.platform.catalog, self.platform.accounts)

    def client(self) -> Client:
        return Client(self.platform.gateway, api_key=self.key)

    def get(self, path: str) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.key}"}
        return httpx.get(f"http://{self.platform.gateway}{path}", headers=headers, timeout=60)


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    data = tmp_path_factory.mktemp("tls")
    folder, web = issue(trustme.CA(), data / "certificates"), f"127.0.0.1:{free_ports(1)[0]}"
    with platform(data / "var", VOICEBOX_TLS_FOLDER=str(folder), VOICEBOX_AUTH="keys", WEB_ADDRESS=web) as running:
        yield Closed(running, folder, web, made_locally(data / "var", "ann", "speak", "hear", "read", "manage"))


def test_the_parts_speak_with_each_other(closed: Closed) -> None:
    """The gateway with all, tts with catalog, asr and accounts, asr with catalog and accounts, web with tts."""
    assert closed.get("/healthz").json()["services"] == dict.fromkeys(("tts", "asr", "catalog", "accounts"), "SERVING")
    with closed.client() as client:
        said = client.say("The weather is good today.", check=True).read()
        assert "weather" in client.transcribe(said).transcript
        assert next(iter(client.list_voices())).name
    assert closed.get("/v1/models").json()["data"]
    headers = {"authorization": f"Bearer {closed.key}"}
    with connect(f"ws://{closed.platform.gateway}/v1/realtime?model=x", additional_headers=headers) as socket:
        assert "session.created" in str(socket.recv(30))


def test_strangers_are_refused_by_every_part(closed: Closed) -> None:
    for address in closed.grpc_addresses:
        assert not _is_healthy(grpc.insecure_channel(address))
        assert not _is_healthy(grpc.secure_channel(address, grpc.ssl_channel_credentials(_authority(closed))))
        assert _is_healthy(grpc.secure_channel(address, _credentials(closed.folder)))
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://{closed.web}/v1/models")
    with pytest.raises(httpx.TransportError):
        httpx.get(f"https://{closed.web}/v1/models", verify=ssl.create_default_context(cafile=closed.folder / "ca.crt"))


def test_replaced_files_are_used_and_a_running_stream_goes_on(closed: Closed) -> None:
    """The last test of this file: for a moment the parts believe different authorities."""
    before, pieces = _credentials(closed.folder), SimpleQueue[str]()
    with closed.client() as client:
        events = iter(client.converse(iter(pieces.get, "")))
        pieces.put("The first sentence is here. And the second ")
        next(events)
        issue(trustme.CA(), closed.folder)
        for address in closed.grpc_addresses:
            while not _is_healthy(grpc.secure_channel(address, _credentials(closed.folder))):
                pass
            assert not _is_healthy(grpc.secure_channel(address, before))
        while not _web_answers(closed):
            pass
        with ThreadPoolExecutor(24) as executor:  # a connection to web for each
            while {each.status_code for each in executor.map(closed.get, ["/v1/models"] * 24)} != {200}:
                pass
        pieces.put("one comes later.")
        pieces.put("")
        assert [event for event in events if event.HasField("finished")]
        assert client.say("A third one.", check=True).read()


def _authority(closed: Closed) -> bytes:
    return (closed.folder / "ca.crt").read_bytes()


def _credentials(folder: Path) -> grpc.ChannelCredentials:
    chain, key, authority = ((folder / name).read_bytes() for name in ("tls.crt", "tls.key", "ca.crt"))
    return grpc.ssl_channel_credentials(authority, key, chain)


def _web_answers(closed: Closed) -> bool:
    """As web does to who has a certificate and no principal."""
    context = ssl.create_default_context(cafile=closed.folder / "ca.crt")
    context.load_cert_chain(closed.folder / "tls.crt", closed.folder / "tls.key")
    with suppress(httpx.TransportError):
        return httpx.get(f"https://{closed.web}/v1/models", verify=context).status_code == 401
    return False


def _is_healthy(channel: grpc.Channel) -> bool:
    with channel, suppress(grpc.RpcError):
        health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=30)
        return True
    return False
