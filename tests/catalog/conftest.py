import asyncio
import io
import shutil
import uuid
from contextlib import asynccontextmanager

import grpc
import numpy as np
import pytest
import pytest_asyncio
import soundfile
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from PIL import Image
from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox.catalog.v1 import catalog_pb2_grpc
from voicebox_blobs.stores import open_blobs
from voicebox_catalog.app import open_service
from voicebox_catalog.store.generations import GenerationStore
from voicebox_catalog.store.opening import open_database
from voicebox_catalog.store.profiles import ProfileStore

from bench.launch import free_ports

from .stores import object_store, postgres, postgres_programs
from .whole_catalog import Commands

S3_KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}


@pytest.fixture(scope="session")
def postgres_server():
    """PostgreSQL with a database `migrated`, which a test finds empty. It does not fsync: nothing here pulls the
    plug.
    """
    assert postgres_programs() is not None, "PostgreSQL is not installed: apt-get install postgresql"
    with postgres(fsync=False) as server:
        server.query("postgres", "CREATE DATABASE migrated")
        asyncio.run(_migrate(server.url("migrated")))
        yield server


async def _migrate(url):
    async with open_database(url):
        pass


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory):
    """A SQLite database with all tables, which tests copy."""
    path = tmp_path_factory.mktemp("migrated") / "catalog.sqlite"
    asyncio.run(_migrate(f"sqlite+aiosqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def s3_server():
    """An S3 of our own."""
    with object_store() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def stores(request):
    """Which stores the test runs on: `sqlite` and a folder, or `postgres` and S3."""
    return request.param


@pytest.fixture
def database_url(stores, request, tmp_path):
    """A database of its own."""
    if stores == "sqlite":
        path = shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "catalog.sqlite")
        yield f"sqlite+aiosqlite:///{path}"
        return
    server = request.getfixturevalue("postgres_server")
    server.clear("migrated")  # 8 ms; a copy of it for each test would take 110
    yield server.url("migrated")


@pytest.fixture
def empty_url(stores, request, tmp_path):
    """A database without tables."""
    if stores == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path}/old.sqlite"
        return
    server = request.getfixturevalue("postgres_server")
    with server.database() as name:
        yield server.url(name)


@pytest.fixture
def blob_url(stores, request, tmp_path):
    """A place for blobs of its own."""
    if stores == "sqlite":
        yield str(tmp_path / "blobs")
        return
    server = request.getfixturevalue("s3_server")
    yield server.make_bucket()
    server.forget()


@pytest.fixture
def blobs(blob_url, tmp_path):
    """The blobs in that place."""
    with open_blobs(blob_url, S3_KEYS, tmp_path, "CATALOG_BLOB_URL") as blobs:
        yield blobs


@pytest.fixture
def local_env(tmp_path):
    """A catalog of its own as it is without any variable: SQLite and a folder."""
    return _local_env(tmp_path)


def _local_env(folder):
    return {
        "VOICEBOX_DATA": str(folder / "data"),
        "CATALOG_ADDRESS": "127.0.0.1:0",
        "CATALOG_METRICS_ADDRESS": "127.0.0.1:0",
        "VOICEBOX_GRACE_SECONDS": "1",
    }


@pytest.fixture(scope="session")
def command():
    """Runs `voicebox catalog`: what it exits with and prints."""
    with Commands() as commands:
        yield commands.run


@pytest.fixture
def env(local_env, database_url, blob_url):
    """A catalog of its own, on both kinds of stores."""
    return local_env | S3_KEYS | {"CATALOG_DATABASE_URL": database_url, "CATALOG_BLOB_URL": blob_url}


@pytest.fixture(name="free_port")
def _free_port():
    """A port where nobody listens."""
    return free_ports(1)[0]


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
def open_at():
    """Opens a catalog by its variables: `async with open_at(env) as stub`."""
    return open_catalog


@pytest.fixture
async def catalog(opened):
    async with opened() as stub:
        yield stub


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_catalog(migrated_file, tmp_path_factory):
    """One for all tests of a module that are refused before they come to a store, on SQLite and a folder."""
    folder = tmp_path_factory.mktemp("shared_catalog")
    path = shutil.copy(migrated_file, folder / "catalog.sqlite")
    own = {"CATALOG_DATABASE_URL": f"sqlite+aiosqlite:///{path}", "CATALOG_BLOB_URL": str(folder / "blobs")}
    async with open_catalog(_local_env(folder) | own) as stub:
        yield stub


@pytest.fixture
async def database(database_url):
    async with open_database(database_url) as database:
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
            info, bad, resource = (
                error_details_pb2.ErrorInfo(),
                error_details_pb2.BadRequest(),
                error_details_pb2.ResourceInfo(),
            )
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
    """Awaits a call that must fail, and returns the error."""
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


def _voice(
    seconds, *, sample_rate_hz=16_000, hertz=140.0, level=0.1, noise=1e-4, channels=1, container="WAV", subtype="PCM_16"
):
    times = np.arange(int(seconds * sample_rate_hz)) / sample_rate_hz
    harmonics = range(1, int(0.45 * sample_rate_hz / hertz))
    buzz = sum(np.sin(2 * np.pi * hertz * number * times) / number for number in harmonics)
    syllables = (0.6 + 0.4 * np.sin(2 * np.pi * 4 * times)) * (times % 2.0 > 0.4)
    wave = level * buzz * syllables + np.random.default_rng(1).normal(scale=noise, size=times.size)
    file = io.BytesIO()
    soundfile.write(file, np.repeat(wave[:, None], channels, axis=1), sample_rate_hz, format=container, subtype=subtype)
    return file.getvalue()


@pytest.fixture
def voice():
    """Makes an audio file that is judged to be good speech: a buzz in syllables, a pause of 0.4 s before each 1.6 s, a
    little noise.
    """
    return _voice


@pytest.fixture
def image():
    """Makes the messages of a picture's upload."""

    def messages(form, *, name, size=(64, 48)):
        file = io.BytesIO()
        Image.new("RGB", size, "red").save(file, form)
        return [pb.SetProfileAvatarRequest(name=name, image=HttpBody(data=file.getvalue()))]

    return messages


@pytest.fixture
def stored(blobs):
    """Answers the names of all blobs."""

    async def names():
        return {file.name async for files in blobs.stored() for file in files}

    return names


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
