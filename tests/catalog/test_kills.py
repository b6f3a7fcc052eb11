"""The catalog is killed again and again while it works: what was acknowledged is there, all of it, and nothing else."""

import asyncio
import contextlib
import hashlib
import json
import os
import random
import signal
import sys
import time
import uuid
from pathlib import Path

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox.catalog.v1 import catalog_pb2_grpc
from voicebox_kit.errors import Unavailable
from voicebox_kit.uploads import answer_of

from .folders import check_folder
from .history_checker import Kind, Operation, Outcome, violations
from .stores import postgres, postgres_programs

KILLS = int(os.environ.get("KILLS", "20"))
"""On each of the two databases; CI kills a hundred times, which takes five minutes more."""

POSTGRES_KILLS = 5
"""So often PostgreSQL itself dies too."""

CLIENTS = 4
GONE = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN}
BROKEN_WHILE_IT_WROTE = "Internal error from Core"
"""grpc.aio's own sentence, with the code INTERNAL, when the connection ends while the client sends: once in some
hundred kills.
"""

# A catalog takes 1.5 s to import and 0.2 s to open: it is imported once, and forked.
NURSERY = """
import asyncio, json, os, sys
from voicebox_catalog.app import open_service
async def run(env):
    async with open_service(env) as serving:
        print(os.getpid(), serving.endpoints[0].address, flush=True)
        await asyncio.Event().wait()
for line in sys.stdin:
    child = os.fork()
    if not child:
        asyncio.run(run({**os.environ, **json.loads(line)}))
    os.waitpid(child, 0)
"""


class Nursery:
    """Starts catalog processes."""

    def __init__(self, process):
        self._process = process

    async def start(self, env):
        """A catalog that serves: its process and its address."""
        self._process.stdin.write(json.dumps(env).encode() + b"\n")
        line = (await asyncio.wait_for(self._process.stdout.readline(), 120)).decode()
        assert line, "the catalog did not start"
        pid, address = line.split()
        return int(pid), address


@pytest.fixture
async def nursery():
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", NURSERY, stdin=pipe, stdout=pipe, start_new_session=True
    )
    yield Nursery(process)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


@pytest.fixture(params=["sqlite", "postgres"])
def durable(request, tmp_path, local_env):
    """The variables of a catalog that may not lose anything, and its PostgreSQL, if that is what it runs on."""
    if request.param == "sqlite":
        yield local_env, None
        return
    assert postgres_programs(), "PostgreSQL is not installed: apt-get install postgresql"
    with postgres(fsync=True) as server, server.database() as database:
        yield local_env | {"CATALOG_DATABASE_URL": server.url(database)}, server


class Client:
    """Does one thing after the other, and notes how each went."""

    def __init__(self, catalog, operations, archive, wave):
        self.catalog, self.operations, self.archive, self.wave = catalog, operations, archive, wave
        self.kept = []

    async def work(self):
        """Until the catalog is gone."""
        while await random.choice((self.record, self.record, self.upload, self.bring_in, self.delete, self.look))():
            pass

    async def record(self):
        name = f"generations/{uuid.uuid4()}"

        async def messages():
            yield pb.RecordGenerationRequest(generation=generation_of(name))
            yield pb.RecordGenerationRequest(audio=audio_of(name))

        return await self.write(name, digest(name, audio_of(name)), self.catalog.RecordGeneration(messages()))

    async def upload(self):
        request_id = str(uuid.uuid4())

        async def messages():
            yield pb.UploadSampleRequest(
                parent="profiles/ann", transcript=request_id, request_id=request_id, audio=HttpBody(data=self.wave)
            )

        return await self.write(
            request_id, digest(request_id, self.wave), self.catalog.UploadSample(messages()), keep=False
        )

    async def bring_in(self):
        identity = f"p{uuid.uuid4().hex[:20]}"

        async def messages():
            yield pb.ImportProfileRequest(profile_id=identity, archive=HttpBody(data=self.archive))

        return await self.write(f"profiles/{identity}", "2 samples", self.catalog.ImportProfile(messages()), keep=False)

    async def delete(self):
        if not self.kept:
            return True
        name = self.kept.pop()
        return await self.note(Kind.DELETE, name, self.catalog.DeleteGeneration(pb.DeleteGenerationRequest(name=name)))

    async def look(self):
        if not self.kept:
            return True
        name = random.choice(self.kept)
        return await self.note(Kind.READ, name, value_of(self.catalog, name))

    async def write(self, key, value, call, *, keep=True):
        if await self.note(Kind.WRITE, key, call, value):
            self.kept += [key] if keep else []
            return True
        return False

    async def note(self, kind, key, call, value=None):
        """Await a call, and note its outcome; False when the catalog is gone."""
        invoked, outcome = time.monotonic(), Outcome.UNKNOWN
        try:
            answer = await answer_of(call)
            outcome = Outcome.ACKNOWLEDGED
            value = answer if kind is Kind.READ else value
        except grpc.aio.AioRpcError as error:
            if error.code() not in GONE and error.details() != BROKEN_WHILE_IT_WROTE:
                raise
        except Unavailable:  # it died while it was written to
            outcome = Outcome.UNKNOWN
        self.operations.append(Operation(kind, key, invoked, time.monotonic(), outcome, value))
        return outcome is Outcome.ACKNOWLEDGED


def generation_of(name):
    return pb.Generation(name=name, text=name, engine="flite", container="wav", status=pb.GENERATION_STATUS_COMPLETED)


def audio_of(name):
    return name.encode() * 500


def digest(text, audio):
    return hashlib.sha256(text.encode() + audio).hexdigest()


async def value_of(catalog, name):
    """What a generation is, by its text and its audio; None when there is none."""
    try:
        text = (await catalog.GetGeneration(pb.GetGenerationRequest(name=name))).text
        audio = b"".join(
            [
                each.body.data
                async for each in catalog.DownloadGenerationAudio(pb.DownloadGenerationAudioRequest(name=name))
            ]
        )
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            return None
        raise
    return digest(text, audio)


async def pages(method, request, field):
    while True:
        answer = await method(request)
        for each in getattr(answer, field):
            yield each
        if not answer.next_page_token:
            return
        request.page_token = answer.next_page_token


async def everything(catalog):
    """All that is there in the end, by the keys of the operations."""
    found = {}
    async for each in pages(catalog.ListGenerations, pb.ListGenerationsRequest(page_size=1000), "generations"):
        found[each.name] = await value_of(catalog, each.name)
    async for each in pages(
        catalog.ListSamples, pb.ListSamplesRequest(parent="profiles/ann", page_size=1000), "samples"
    ):
        audio = [
            part.body.data async for part in catalog.DownloadSampleAudio(pb.DownloadSampleAudioRequest(name=each.name))
        ]
        found[each.transcript] = digest(each.transcript, b"".join(audio))
    async for each in pages(catalog.ListProfiles, pb.ListProfilesRequest(page_size=1000), "profiles"):
        if each.name != "profiles/ann":
            samples = await catalog.ListSamples(pb.ListSamplesRequest(parent=each.name))
            found[each.name] = f"{len(samples.samples)} samples"
    return found


async def an_archive(catalog, wave, upload):
    """The archive of a profile with two samples, which is then deleted."""
    await catalog.CreateProfile(pb.CreateProfileRequest(profile=pb.Profile(display_name="Two"), profile_id="two"))
    for _ in range(2):
        await upload(catalog, "profiles/two", wave)
    archive = b"".join(
        [part.body.data async for part in catalog.ExportProfile(pb.ExportProfileRequest(name="profiles/two"))]
    )
    await catalog.DeleteProfile(pb.DeleteProfileRequest(name="profiles/two"))
    return archive


async def test_nothing_acknowledged_is_lost_and_nothing_is_there_by_half(durable, nursery, voice, upload):
    env, server = durable
    operations, wave = [], voice(0.5)
    pid, address = await nursery.start(env)
    async with grpc.aio.insecure_channel(address) as channel:
        catalog = catalog_pb2_grpc.CatalogServiceStub(channel)
        await catalog.CreateProfile(pb.CreateProfileRequest(profile=pb.Profile(display_name="Ann"), profile_id="ann"))
        archive = await an_archive(catalog, wave, upload)
    os.kill(pid, signal.SIGKILL)
    kept = [[] for _ in range(CLIENTS)]
    for kill in range(KILLS):
        pid, address = await nursery.start(env)
        async with grpc.aio.insecure_channel(address) as channel:
            clients = [
                Client(catalog_pb2_grpc.CatalogServiceStub(channel), operations, archive, wave) for _ in range(CLIENTS)
            ]
            for client, names in zip(clients, kept, strict=True):
                client.kept = names
            working = [asyncio.create_task(client.work()) for client in clients]
            done = len(operations)
            wanted = random.randint(1, 12)
            while len(operations) - done < wanted and not any(task.done() for task in working):
                await asyncio.sleep(0.002)
            if server and kill % (KILLS // POSTGRES_KILLS) == 0:
                await asyncio.to_thread(server.stop, "immediate")
            os.kill(pid, signal.SIGKILL)
            await asyncio.gather(*working)
            if server and kill % (KILLS // POSTGRES_KILLS) == 0:
                await asyncio.to_thread(server.start)
    pid, address = await nursery.start(env)
    async with grpc.aio.insecure_channel(address) as channel:
        found = await everything(catalog_pb2_grpc.CatalogServiceStub(channel))
    os.kill(pid, signal.SIGKILL)
    assert violations(operations, found) == []
    outcomes = {(operation.kind, operation.outcome) for operation in operations}
    assert outcomes >= {(kind, Outcome.ACKNOWLEDGED) for kind in Kind}
    assert (Kind.WRITE, Outcome.UNKNOWN) in outcomes, "no kill met a write"
    if server is None:
        check_folder(Path(env["VOICEBOX_DATA"], "catalog"))
