"""Three fake services on real sockets, and a real Envoy in front of them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import httpx
import pytest
import pytest_asyncio
from google.api import httpbody_pb2
from google.protobuf import empty_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry
from voicebox.asr.v1 import asr_pb2, asr_pb2_grpc
from voicebox.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from voicebox.models.v1 import models_pb2, models_pb2_grpc
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_gateway.envoy.app import open_service
from voicebox_kit.errors import NotFound, Unavailable
from voicebox_kit.interceptor import RpcInterceptor
from voicebox_kit.server import OPTIONS, Serving

BLOCK = bytes(range(256)) * 16  # 4 KiB of "audio"


@dataclass
class Seen:
    """What reached the fakes, and how tests steer them."""

    release: asyncio.Event = field(default_factory=asyncio.Event)  # what waits goes on
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    metadata: dict[str, str] = field(default_factory=dict)
    binary: dict[str, bytes] = field(default_factory=dict)
    bytes_sent: int = 0
    request: Any = None

    def forget(self) -> None:
        """Let go what waits, and begin anew."""
        self.release.set()
        vars(self).update(vars(Seen()))

    def note(self, request: Any, context: Any) -> None:
        self.request = request
        received = context.invocation_metadata()
        self.metadata = {key: value for key, value in received if isinstance(value, str)}
        self.binary = {key: value for key, value in received if isinstance(value, bytes)}


class FakeTts(tts_pb2_grpc.TextToSpeechServiceServicer):
    """Its texts are commands: `missing`, `loading`, `breaks`, `waits`, `endless`, `long`; any other is spoken."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen

    async def _blocks(self, text: str) -> AsyncIterator[bytes]:
        if text == "missing":
            raise NotFound("profile", "profiles/nobody")
        if text == "loading":
            raise Unavailable("LOADING", "The model is being loaded.", 2.5)
        try:
            yield BLOCK * 2047 if text == "long" else BLOCK
            if text == "breaks":
                raise RuntimeError("a fault of the engine")
            if text == "waits":
                await self.seen.release.wait()
            while text == "endless":
                yield BLOCK
                self.seen.bytes_sent += len(BLOCK)
            yield BLOCK
        except (asyncio.CancelledError, GeneratorExit):
            self.seen.cancelled.set()
            raise

    async def Synthesize(self, request: Any, context: Any) -> Any:
        self.seen.note(request, context)
        finished = tts_pb2.SynthesisFinished(sample_count=2**53 + 1)
        return tts_pb2.SynthesizeResponse(
            audio=b"".join([block async for block in self._blocks(request.text)]), finished=finished
        )

    async def StreamSynthesize(self, request: Any, context: Any) -> AsyncIterator[Any]:
        self.seen.note(request, context)
        sequence = 0
        async for block in self._blocks(request.text):
            yield tts_pb2.StreamSynthesizeResponse(chunk=tts_pb2.AudioChunk(sequence=sequence, audio=block))
            sequence += 1
        yield tts_pb2.StreamSynthesizeResponse(finished=tts_pb2.SynthesisFinished(sample_count=sequence))

    async def PlaySpeech(self, request: Any, context: Any) -> AsyncIterator[Any]:
        self.seen.note(request, context)
        async for block in self._blocks(request.text):
            yield tts_pb2.PlaySpeechResponse(body=httpbody_pb2.HttpBody(content_type="audio/wav", data=block))

    async def ConverseSynthesize(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        async for request in requests:
            yield tts_pb2.ConverseSynthesizeResponse(chunk=tts_pb2.AudioChunk(audio=request.text.encode()))
        yield tts_pb2.ConverseSynthesizeResponse(finished=tts_pb2.SynthesisFinished())

    async def ListVoices(self, request: Any, context: Any) -> Any:
        self.seen.note(request, context)
        return tts_pb2.ListVoicesResponse(voices=[tts_pb2.Voice(name="flite/slt")])


class FakeAsr(asr_pb2_grpc.SpeechToTextServiceServicer):
    """Hears how many bytes it was sent."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen

    async def Recognize(self, request: Any, context: Any) -> Any:
        self.seen.note(request, context)
        return asr_pb2.RecognizeResponse(transcript=f"{len(request.audio)} bytes")

    async def RecognizeUpload(self, requests: Any, context: Any) -> Any:
        count = 0
        first = None
        async for request in requests:
            first = first or request
            count += len(request.audio.data)
        self.seen.note(first, context)
        return asr_pb2.RecognizeResponse(transcript=f"{count} bytes", language=first.config.language)

    async def Transcribe(self, requests: Any, context: Any) -> Any:
        pieces = [request async for request in requests]
        self.seen.note(pieces[0], context)
        document = f"1\n00:00:00,000 --> 00:00:01,000\n{sum(len(piece.audio.data) for piece in pieces)} bytes\n"
        return asr_pb2.TranscribeResponse(
            body=httpbody_pb2.HttpBody(content_type="application/x-subrip", data=document.encode())
        )

    async def StreamingRecognize(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        async for request in requests:
            yield asr_pb2.StreamingRecognizeResponse(
                interim=asr_pb2.Hypothesis(transcript=f"{len(request.audio)} bytes")
            )


class FakeCatalog(catalog_pb2_grpc.CatalogServiceServicer):
    """Keeps nothing."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen

    async def CreateProfile(self, request: Any, context: Any) -> Any:
        self.seen.note(request, context)
        return catalog_pb2.Profile(name=f"profiles/{request.profile_id}", display_name=request.profile.display_name)

    async def GetProfile(self, request: Any, context: Any) -> Any:
        return catalog_pb2.Profile(name=request.name)

    async def UpdateProfile(self, request: Any, context: Any) -> Any:
        self.seen.note(request, context)
        return request.profile

    async def DeleteProfile(self, request: Any, context: Any) -> Any:
        self.seen.note(request, context)
        return empty_pb2.Empty()

    async def UploadSample(self, requests: Any, context: Any) -> Any:
        pieces = [request async for request in requests]
        self.seen.note(pieces[0], context)
        return catalog_pb2.Sample(
            name=f"{pieces[0].parent}/samples/1", size_bytes=sum(len(piece.audio.data) for piece in pieces)
        )

    async def DownloadSampleAudio(self, request: Any, context: Any) -> AsyncIterator[Any]:
        self.seen.note(request, context)
        part = await _part_of_block(context)
        yield catalog_pb2.DownloadSampleAudioResponse(body=httpbody_pb2.HttpBody(content_type="audio/flac", data=part))


async def _part_of_block(context: Any) -> bytes:
    """BLOCK, or the part of it that the metadata `range` asks for, with the headers that the catalog sends before
    it.
    """
    requested = dict(context.invocation_metadata()).get("range", "bytes=0-4095")
    first, last = map(int, requested.removeprefix("bytes=").split("-"))
    part = BLOCK[first : last + 1]
    headers = [("accept-ranges", "bytes"), ("x-content-length", str(len(part)))]
    if not part:
        headers.append(("content-range", f"bytes */{len(BLOCK)}"))
    elif part != BLOCK:
        headers.append(("content-range", f"bytes {first}-{last}/{len(BLOCK)}"))
    await context.send_initial_metadata(headers)
    return part


class FakeModels(models_pb2_grpc.ModelServiceServicer):
    """Each engine service has one; the name of its one model has the service's name."""

    def __init__(self, service: str) -> None:
        self.service = service

    async def ListModels(self, request: Any, context: Any) -> Any:
        return models_pb2.ListModelsResponse(models=[models_pb2.Model(name=f"models/{self.service}/one")])

    async def GetModel(self, request: Any, context: Any) -> Any:
        return models_pb2.Model(name=request.name, detail=self.service)

    async def LoadModel(self, request: Any, context: Any) -> Any:
        return models_pb2.Model(name=request.name, detail=self.service, state=models_pb2.MODEL_STATE_LOADED)

    async def DownloadModel(self, request: Any, context: Any) -> AsyncIterator[Any]:
        yield models_pb2.DownloadModelResponse(model=models_pb2.Model(detail=self.service), done=True)


@dataclass(frozen=True)
class Fake:
    """A running fake service."""

    server: grpc.aio.Server
    health: HealthServicer
    address: str

    async def set_serving(self, serving: bool) -> None:
        states = health_pb2.HealthCheckResponse
        await self.health.set("", states.SERVING if serving else states.NOT_SERVING)


@dataclass(frozen=True)
class Fakes:
    """The three services behind the gateway."""

    tts: Fake
    asr: Fake
    catalog: Fake
    seen: Seen

    @property
    def env(self) -> dict[str, str]:
        """What a gateway in front of them is started with."""
        addresses = {
            "TTS_ADDRESS": self.tts.address,
            "ASR_ADDRESS": self.asr.address,
            "CATALOG_ADDRESS": self.catalog.address,
        }
        return {"GATEWAY_ADDRESS": "127.0.0.1:0", "VOICEBOX_GRACE_SECONDS": "5", **addresses}


async def _start(own_name: str, *adds: Callable[[grpc.aio.Server], None]) -> Fake:
    server = grpc.aio.server(interceptors=[RpcInterceptor(CollectorRegistry())], options=OPTIONS)
    for add in adds:
        add(server)
    health = HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    reflection.enable_server_reflection((own_name, reflection.SERVICE_NAME), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return Fake(server, health, f"127.0.0.1:{port}")


@asynccontextmanager
async def _running_fakes() -> AsyncIterator[Fakes]:
    seen = Seen()
    tts = await _start(
        "voicebox.tts.v1.TextToSpeechService",
        lambda server: tts_pb2_grpc.add_TextToSpeechServiceServicer_to_server(FakeTts(seen), server),
        lambda server: models_pb2_grpc.add_ModelServiceServicer_to_server(FakeModels("tts"), server),
    )
    asr = await _start(
        "voicebox.asr.v1.SpeechToTextService",
        lambda server: asr_pb2_grpc.add_SpeechToTextServiceServicer_to_server(FakeAsr(seen), server),
        lambda server: models_pb2_grpc.add_ModelServiceServicer_to_server(FakeModels("asr"), server),
    )
    catalog = await _start(
        "voicebox.catalog.v1.CatalogService",
        lambda server: catalog_pb2_grpc.add_CatalogServiceServicer_to_server(FakeCatalog(seen), server),
    )
    yield Fakes(tts, asr, catalog, seen)
    seen.release.set()
    for fake in (tts, asr, catalog):
        await fake.server.stop(0)


@pytest.fixture
async def fakes() -> AsyncIterator[Fakes]:
    """tts, asr and catalog, SERVING."""
    async with _running_fakes() as fakes:
        yield fakes


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_fakes() -> AsyncIterator[Fakes]:
    """The same for all tests of a module, which run in one event loop and do not stop them."""
    async with _running_fakes() as fakes:
        yield fakes


OpenGateway = Callable[..., AbstractAsyncContextManager[Serving]]


@pytest.fixture
def open_gateway(fakes: Fakes) -> OpenGateway:
    """Opens a gateway in front of the fakes, with further variables as keyword arguments."""

    @asynccontextmanager
    async def opened(**variables: str) -> AsyncIterator[Serving]:
        async with open_service({**fakes.env, **variables}) as serving:
            yield serving

    return opened


@dataclass(frozen=True)
class Gateway:
    """A running gateway, with an HTTP client and a gRPC channel to it."""

    address: str
    http: httpx.AsyncClient
    channel: grpc.aio.Channel


@asynccontextmanager
async def _running_gateway(env: dict[str, str]) -> AsyncIterator[Gateway]:
    async with AsyncExitStack() as stack:
        serving = await stack.enter_async_context(open_service(env))
        address = serving.endpoints[0].address
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=f"http://{address}", timeout=20))
        yield Gateway(address, http, await stack.enter_async_context(grpc.aio.insecure_channel(address)))


@pytest.fixture
async def gateway(fakes: Fakes) -> AsyncIterator[Gateway]:
    """The gateway with its defaults."""
    async with _running_gateway(fakes.env) as gateway:
        yield gateway


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_gateway(shared_fakes: Fakes) -> AsyncIterator[Gateway]:
    """The same for all tests of a module: a start takes half a second of a core."""
    async with _running_gateway(shared_fakes.env) as gateway:
        yield gateway


OpenAlone = Callable[[], AbstractAsyncContextManager[tuple[Gateway, Fakes]]]


@pytest.fixture
def open_alone() -> OpenAlone:
    """Opens a gateway in front of fakes of its own, for a test that stops them."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[tuple[Gateway, Fakes]]:
        async with _running_fakes() as fakes, _running_gateway(fakes.env) as gateway:
            yield gateway, fakes

    return opened
