"""A voice that is trained once, its file, and the conversion service beside a catalog of ten lines."""

import io
import zipfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.api.httpbody_pb2 import HttpBody
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from voicebox.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from voicebox.conversion.v1 import conversion_pb2 as pb
from voicebox.conversion.v1 import conversion_pb2_grpc
from voicebox_audio.pcm import to_s16le
from voicebox_conversion.app import open_service
from voicebox_conversion.engine import Samples
from voicebox_conversion.engines.world.voice import WorldVoice
from voicebox_kit.authentication import Authentication
from voicebox_kit.channels import open_channel
from voicebox_kit.errors import NotFound, Precondition

from bench.conversion import learned, recording, trained_archive
from tests.support.aio import aio_stub

OPTIONS = {"name": "The Reader", "consent": "She agreed on 2026-11-30.", "licence": "CC0-1.0"}


@pytest.fixture(scope="session")
def man() -> Samples:
    """A man's speech, 11 s."""
    return recording("jfk.flac")


@pytest.fixture(scope="session")
def reader() -> WorldVoice:
    """The voice of a woman who reads, of 26 s."""
    return learned([recording(f"LJ001-{number:04d}.wav") for number in range(1, 5)])


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The same voice as its trainer makes it, in a file."""
    return trained_archive(tmp_path_factory.mktemp("reader"), OPTIONS)


class FakeCatalog(catalog_pb2_grpc.CatalogServiceServicer):
    """Has the profile `ann`, and `silent` without a consent."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.etag = "1"

    async def GetReference(
        self, request: catalog_pb2.GetReferenceRequest, context: Any
    ) -> AsyncIterator[catalog_pb2.GetReferenceResponse]:
        self.asked.append(request.known_etag)
        if request.profile == "profiles/silent":
            await _abort(context, Precondition("CONSENT_REQUIRED", request.profile, "Nobody agreed."))
        if request.profile != "profiles/ann":
            await _abort(context, NotFound("profile", request.profile))
        unchanged = request.known_etag == self.etag
        header = catalog_pb2.ReferenceHeader(etag=self.etag, unchanged=unchanged, sample_rate_hz=24_000)
        yield catalog_pb2.GetReferenceResponse(header=header)
        if not unchanged:
            yield catalog_pb2.GetReferenceResponse(pcm_s16le=to_s16le(recording("LJ001-0001.wav")))


async def _abort(context: Any, error: Any) -> None:
    from voicebox_kit.status import to_status

    await context.abort_with_status(rpc_status.to_status(to_status(error, "")))


class Service:
    """Stubs of a running service, and what its tests do again and again."""

    def __init__(self, address: str, catalog: FakeCatalog, channel: grpc.aio.Channel) -> None:
        self.address, self.catalog = address, catalog
        self.models: Any = aio_stub(conversion_pb2_grpc.VoiceModelServiceStub, channel)
        self.conversion: Any = aio_stub(conversion_pb2_grpc.ConversionServiceStub, channel)

    async def store(self, archive: bytes, metadata: Any = None, **fields: str) -> pb.VoiceModel:
        """Import a file, in pieces."""
        middle = len(archive) // 2

        async def messages() -> AsyncIterator[pb.ImportVoiceModelRequest]:
            yield pb.ImportVoiceModelRequest(archive=HttpBody(data=archive[:middle]), **fields)
            yield pb.ImportVoiceModelRequest(archive=HttpBody(data=archive[middle:]))

        return await self.models.ImportVoiceModel(messages(), metadata=metadata)

    def convert(self, audio: bytes, target: str, metadata: Any = None, **fields: Any) -> Any:
        """The call that converts a file."""
        config = fields.pop("config", {})

        async def messages() -> AsyncIterator[pb.ConvertSpeechRequest]:
            conversion = pb.ConversionConfig(target=target, **config)
            yield pb.ConvertSpeechRequest(config=conversion, audio=HttpBody(data=audio[:65_536]), **fields)
            for begin in range(65_536, len(audio), 65_536):
                yield pb.ConvertSpeechRequest(audio=HttpBody(data=audio[begin : begin + 65_536]))

        return self.conversion.ConvertSpeech(messages(), metadata=metadata)

    async def audio(self, audio: bytes, target: str, **fields: Any) -> bytes:
        """The whole answer."""
        answers = [answer async for answer in self.convert(audio, target, **fields)]
        return b"".join(answer.audio.data for answer in answers)


@asynccontextmanager
async def running(data: Path, authentication: Authentication | None = None, **variables: str) -> AsyncIterator[Service]:
    """A conversion service with its data in a folder, and a channel whose calls are signed by `authentication`."""
    catalog, server = FakeCatalog(), grpc.aio.server()
    catalog_pb2_grpc.add_CatalogServiceServicer_to_server(catalog, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    env = {
        "VOICEBOX_DATA": str(data),
        "CONVERSION_ADDRESS": "127.0.0.1:0",
        "CONVERSION_METRICS_ADDRESS": "127.0.0.1:0",
        "CATALOG_ADDRESS": f"127.0.0.1:{port}",
        "VOICEBOX_GRACE_SECONDS": "1",
        **variables,
    }
    try:
        async with open_service(env) as serving:
            address = serving.endpoints[0].address
            async with open_channel(address, authentication or Authentication()) as channel:
                yield Service(address, catalog, channel)
    finally:
        await server.stop(0)


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with running(tmp_path) as service:
        yield service


async def refusal(call: Any) -> tuple[grpc.StatusCode, str]:
    """The code and the reason with which a call fails."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        if hasattr(call, "__aiter__") and not hasattr(call, "__await__"):
            [_ async for _ in call]
        else:
            await call
    info, status = error_details_pb2.ErrorInfo(), rpc_status.from_call(caught.value)
    assert status is not None, caught.value
    assert any(detail.Unpack(info) for detail in status.details)
    return caught.value.code(), info.reason


def changed(archive: bytes, change: Callable[[dict[str, bytes]], Mapping[str, bytes]]) -> bytes:
    """The same archive with other files."""
    with zipfile.ZipFile(io.BytesIO(archive)) as old:
        files = {name: old.read(name) for name in old.namelist()}
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as new:
        for name, data in change(files).items():
            new.writestr(name, data)
    return written.getvalue()


def tone(seconds: float, hertz: float = 150.0, rate: int = 24_000) -> Samples:
    """A voiced sound: a pitch and its overtones."""
    times = np.arange(round(seconds * rate)) / rate
    overtones = np.arange(1, 12)[:, None]
    made: Samples = (0.2 * (np.sin(2 * np.pi * hertz * overtones * times) / overtones).sum(axis=0)).astype(np.float32)
    return made
