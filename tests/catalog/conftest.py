import asyncio
import io
import uuid
from contextlib import asynccontextmanager

import grpc
import numpy as np
import pytest
import soundfile
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox.catalog.v1 import catalog_pb2_grpc
from voicebox_catalog.app import open_service
from voicebox_catalog.database import open_database
from voicebox_catalog.generation_store import GenerationStore
from voicebox_catalog.profile_store import ProfileStore


@pytest.fixture
def env(tmp_path):
    """A catalog of its own."""
    return {
        "VOICEBOX_DATA": str(tmp_path / "data"),
        "CATALOG_ADDRESS": "127.0.0.1:0",
        "CATALOG_METRICS_ADDRESS": "127.0.0.1:0",
        "VOICEBOX_GRACE_SECONDS": "1",
    }


@asynccontextmanager
async def connect(address):
    async with grpc.aio.insecure_channel(address) as channel:
        yield catalog_pb2_grpc.CatalogServiceStub(channel)


@asynccontextmanager
async def open_catalog(env):
    async with open_service(env) as serving, connect(serving.endpoints[0].address) as stub:
        yield stub


@pytest.fixture
def opened(env):
    """Opens the catalog: `async with opened() as stub`; again, and it is a restart with the same data."""
    return lambda: open_catalog(env)


@pytest.fixture
async def catalog(opened):
    async with opened() as stub:
        yield stub


@pytest.fixture
async def database(tmp_path):
    async with open_database(f"sqlite+aiosqlite:///{tmp_path}/catalog.sqlite") as database:
        yield database


@pytest.fixture
def profile_store(database):
    return ProfileStore(database)


@pytest.fixture
def generation_store(database):
    return GenerationStore(database)


class Refused:
    """What an RPC was refused with: `code`, `reason`, `field`."""

    def __init__(self, error):
        self.code = error.code()
        self.sentence = error.details()
        self.reason = self.field = self.resource = None
        status = rpc_status.from_call(error)
        for detail in status.details if status else ():
            info, bad, resource = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.ResourceInfo()
            if detail.Unpack(info):
                self.reason = info.reason
            if detail.Unpack(bad):
                self.field = bad.field_violations[0].field
            if detail.Unpack(resource):
                self.resource = resource.resource_name


async def _refused(call):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        if hasattr(call, "__aiter__") and not hasattr(call, "__await__"):
            [_ async for _ in call]
        else:
            await call
    return Refused(caught.value)


@pytest.fixture
def refused():
    """Awaits a call that must fail, and tells with what."""
    return _refused


def _generation(**fields):
    chosen = {
        "name": f"generations/{uuid.uuid4()}",
        "text": "Hello there.",
        "engine": "flite",
        "voice": "flite/slt",
        "language": "en-US",
        "container": "wav",
        "status": pb.GENERATION_STATUS_COMPLETED,
        "duration": Duration(seconds=1),
    }
    return pb.Generation(**(chosen | fields))


@pytest.fixture
def generation():
    """Makes a generation's message."""
    return _generation


async def _record(catalog, generation, *audio, metadata=None):
    async def messages():
        yield pb.RecordGenerationRequest(generation=generation)
        for block in audio:
            yield pb.RecordGenerationRequest(audio=block)

    return await catalog.RecordGeneration(messages(), metadata=metadata)


@pytest.fixture
def record():
    """Records a generation with its audio."""
    return _record


async def _upload(catalog, parent, data, *, transcript="", request_id="", block_bytes=64 * 1024, metadata=None):
    async def messages():
        request = pb.UploadSampleRequest(parent=parent, transcript=transcript, request_id=request_id)
        for begin in range(0, max(len(data), 1), block_bytes):
            request.audio.data = data[begin : begin + block_bytes]
            yield request
            request = pb.UploadSampleRequest()

    return await catalog.UploadSample(messages(), metadata=metadata)


@pytest.fixture
def upload():
    """Uploads a sample."""
    return _upload


def _tone(seconds, *, sample_rate_hz=16_000, hertz=220.0, level=0.1, channels=1, container="WAV", subtype="PCM_16"):
    wave = level * np.sin(2 * np.pi * hertz * np.arange(int(seconds * sample_rate_hz)) / sample_rate_hz)
    file = io.BytesIO()
    soundfile.write(file, np.repeat(wave[:, None], channels, axis=1), sample_rate_hz, format=container, subtype=subtype)
    return file.getvalue()


@pytest.fixture
def tone():
    """Makes an audio file with a sine."""
    return _tone


async def _bytes_of(stream):
    return b"".join([answer.body.data async for answer in stream])


@pytest.fixture
def bytes_of():
    """Joins a download."""
    return _bytes_of


@pytest.fixture
def together():
    """Runs coroutines at once."""
    return asyncio.gather
