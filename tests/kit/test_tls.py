"""Mutual TLS between the parts: strangers are refused, and replaced files are used without a restart."""

import asyncio
import datetime
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from grpc_health.v1 import health_pb2, health_pb2_grpc
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_kit import tls
from voicebox_kit.authentication import Authentication
from voicebox_kit.channels import open_channel
from voicebox_kit.errors import StartError
from voicebox_kit.server import serving
from voicebox_kit.tls import Tls, TlsSettings

from bench.launch import free_ports
from tests.support.aio import aio_stub
from tests.support.certificates import issue


class Speech(tts_pb2_grpc.TextToSpeechServiceServicer):
    """Lists no voices at once, and streams one message for each that comes in."""

    async def ListVoices(self, request: Any, context: Any) -> tts_pb2.ListVoicesResponse:
        return tts_pb2.ListVoicesResponse()

    async def ConverseSynthesize(self, request_iterator: Any, context: Any) -> AsyncIterator[Any]:
        async for _ in request_iterator:
            yield tts_pb2.ConverseSynthesizeResponse()


@pytest.fixture(autouse=True)
def files_are_looked_at_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "REREAD_SECONDS", -1.0)


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def folder(authority: trustme.CA, tmp_path: Path) -> Path:
    return issue(authority, tmp_path / "tls")


def opened(folder: Path, name: str = "", health: str = "") -> Authentication:
    return Authentication(tls=Tls(TlsSettings(folder, name, health)))


@pytest.fixture
def free_address() -> str:
    return f"127.0.0.1:{free_ports(1)[0]}"


Start = Callable[..., Awaitable[str]]


@pytest.fixture
async def start(service: Any, folder: Path) -> AsyncIterator[Start]:
    """Starts a service with TLS; returns its address."""
    async with AsyncExitStack() as stack:

        async def started(**settings: str) -> str:
            made = service(Speech(), authentication=opened(folder, **settings))
            running = await stack.enter_async_context(serving("fake", made, 0))
            return str(running.endpoints[0].address)

        yield started


async def listed(channel: grpc.aio.Channel) -> Any:
    stub = aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, channel)
    return await stub.ListVoices(tts_pb2.ListVoicesRequest(), timeout=30)


async def is_refused(channel: grpc.aio.Channel) -> bool:
    try:
        await listed(channel)
    except grpc.aio.AioRpcError as error:
        return error.code() is grpc.StatusCode.UNAVAILABLE
    return False


async def test_the_parts_speak_with_each_other(start: Start, folder: Path) -> None:
    async with open_channel(await start(), opened(folder)) as channel:
        await listed(channel)


async def test_who_has_no_certificate_is_refused(start: Start, authority: trustme.CA) -> None:
    address = await start()
    async with grpc.aio.insecure_channel(address) as plain:
        assert await is_refused(plain)
    credentials = grpc.ssl_channel_credentials(authority.cert_pem.bytes())
    async with grpc.aio.secure_channel(address, credentials) as without_certificate:
        assert await is_refused(without_certificate)


async def test_a_certificate_of_another_authority_is_refused(
    start: Start, authority: trustme.CA, tmp_path: Path
) -> None:
    address = await start()
    stranger = trustme.CA().issue_cert("127.0.0.1")
    credentials = grpc.ssl_channel_credentials(
        authority.cert_pem.bytes(), stranger.private_key_pem.bytes(), stranger.cert_chain_pems[0].bytes()
    )
    async with grpc.aio.secure_channel(address, credentials) as channel:
        assert await is_refused(channel)


async def test_a_server_of_another_authority_is_not_believed(start: Start, tmp_path: Path) -> None:
    other = issue(trustme.CA(), tmp_path / "other")
    async with open_channel(await start(), opened(other)) as channel:
        assert await is_refused(channel)


async def test_the_name_is_that_of_the_address_or_the_variable(
    start: Start, authority: trustme.CA, folder: Path
) -> None:
    address = await start()
    async with open_channel(address, opened(folder, "voicebox")) as channel:
        assert await is_refused(channel)
    issue(authority, folder, "voicebox")
    async with open_channel(address, opened(folder)) as channel:
        assert await is_refused(channel)
    async with open_channel(address, opened(folder, "voicebox")) as channel:
        await listed(channel)


async def test_replaced_files_are_used_and_a_running_stream_goes_on(
    start: Start, folder: Path, authority: trustme.CA
) -> None:
    address, successor = await start(), trustme.CA()
    async with open_channel(address, opened(folder)) as channel:
        stub = aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, channel)
        stream = stub.ConverseSynthesize()
        await stream.write(tts_pb2.ConverseSynthesizeRequest())
        await stream.read()
        before = _credentials(folder)
        issue(successor, folder)
        await listed(channel)
        async with grpc.aio.secure_channel(address, before) as old:
            assert await is_refused(old)
        for _ in range(3):
            await stream.write(tts_pb2.ConverseSynthesizeRequest())
            assert isinstance(await stream.read(), tts_pb2.ConverseSynthesizeResponse)
        await stream.done_writing()
        assert await stream.code() is grpc.StatusCode.OK


def _credentials(folder: Path) -> grpc.ChannelCredentials:
    chain, key, authority = ((folder / name).read_bytes() for name in ("tls.crt", "tls.key", "ca.crt"))
    return grpc.ssl_channel_credentials(authority, key, chain)


async def test_a_channel_shows_the_certificate_that_the_files_hold_now(
    start: Start, authority: trustme.CA, tmp_path: Path
) -> None:
    own = issue(trustme.CA(), tmp_path / "own")
    async with open_channel(await start(), opened(own)) as channel:
        assert await is_refused(channel)
        issue(authority, own)
        await listed(channel)


async def test_channels_of_replaced_files_are_closed(start: Start, folder: Path, authority: trustme.CA) -> None:
    async with open_channel(await start(), opened(folder)) as channel:
        await listed(channel)
        for _ in range(3):
            issue(authority, folder)
            await listed(channel)
        closing: dict[Any, Any] = vars(channel)["_closing"]
        await asyncio.gather(*closing)
        assert not closing


async def test_files_that_do_not_fit_leave_those_before(
    start: Start, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    address = await start()
    async with open_channel(address, opened(folder)) as channel:
        credentials = _credentials(folder)
        (folder / "tls.key").write_text("half a k")
        await listed(channel)
        async with grpc.aio.secure_channel(address, credentials) as another:
            await listed(another)
    assert "the certificates before are still used" in caplog.text


async def test_health_is_told_without_tls_and_nothing_else(start: Start, free_address: str) -> None:
    await start(health=free_address)
    async with grpc.aio.insecure_channel(free_address) as channel:
        health = aio_stub(health_pb2_grpc.HealthStub, channel)
        answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=30)
        assert answer.status is health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await listed(channel)
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("missing", ["tls.crt", "tls.key", "ca.crt"])
def test_a_missing_file_is_named(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    with pytest.raises(StartError, match=missing):
        opened(folder)


def test_the_key_of_another_certificate_is_refused(folder: Path, authority: trustme.CA, tmp_path: Path) -> None:
    other = issue(authority, tmp_path / "other")
    (folder / "tls.key").write_bytes((other / "tls.key").read_bytes())
    with pytest.raises(StartError, match=r"tls\.key is not the key of .*tls\.crt"):
        opened(folder)


def test_the_authority_of_another_certificate_is_refused(authority: trustme.CA, tmp_path: Path) -> None:
    folder = issue(authority, tmp_path / "tls", trusted=trustme.CA())
    with pytest.raises(StartError, match=r"tls\.crt does not fit ca\.crt"):
        opened(folder)


@pytest.mark.parametrize("broken", ["tls.crt", "tls.key", "ca.crt"])
def test_what_is_no_pem_is_refused(folder: Path, broken: str) -> None:
    (folder / broken).write_text("none")
    with pytest.raises(StartError, match=broken):
        opened(folder)


def test_an_expired_certificate_is_a_warning(
    authority: trustme.CA, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    opened(issue(authority, tmp_path / "tls", not_after=yesterday))
    assert "certificate has expired" in caplog.text


def test_without_the_variable_there_is_no_tls() -> None:
    assert TlsSettings.read({}) is None
    with pytest.raises(StartError, match="VOICEBOX_HEALTH_ADDRESS"):
        TlsSettings.read({"VOICEBOX_TLS_FOLDER": "tls", "VOICEBOX_HEALTH_ADDRESS": "nowhere"})
