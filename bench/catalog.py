"""Measures the catalog with 100,000 generations: list and search, through the store and through gRPC; records per second."""

import asyncio
import random
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import grpc
import numpy as np
from google.protobuf.duration_pb2 import Duration
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession
from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox.catalog.v1 import catalog_pb2_grpc
from voicebox_catalog import filters, search
from voicebox_catalog.app import open_service
from voicebox_catalog.database import Database, open_database
from voicebox_catalog.generation_store import GenerationStore
from voicebox_catalog.keys import SLOTS, first_key
from voicebox_catalog.paging import to_token
from voicebox_catalog.tables import Generation

from bench.figures import Figure

ROWS = 100_000
FIRST_US = 1_767_225_600_000_000
STEP_US = 60_000_000
PAGE = 50
ROUNDS = 200
TARGET_MS = 20.0
CLIENTS = 16
RECORDS = 800
AUDIO = bytes(100_000)


@dataclass(frozen=True)
class Query:
    """A page that is asked for. `before` is a row's number, counted from the oldest; None asks for the first page."""

    name: str
    filter: str = ""
    search: str = ""
    before: int | None = None

    @property
    def key(self) -> int | None:
        """The creation key after which the page begins."""
        return None if self.before is None else first_key(FIRST_US + self.before * STEP_US)


QUERIES = (
    Query("first page"),
    Query("last page", before=PAGE),
    Query("filtered page", filter='profile = "profiles/p7"'),
    Query("last filtered page", filter='profile = "profiles/p7"', before=2000),
    Query("two filters without a hit", filter='engine = "flite" AND profile = "profiles/p7"'),
    Query("longest durations", filter="duration_seconds > 9.98"),
    Query("common word", search="common"),
    Query("last page of a common word", search="common", before=2 * PAGE),
    Query("rare word", search="rare"),
    Query("beginning of a word", search="common w1"),
    Query("common word of a profile", filter='profile = "profiles/p7"', search="common"),
)


async def measure() -> list[Figure]:
    """Every figure; builds its database in a temporary folder."""
    with tempfile.TemporaryDirectory() as data:
        folder = Path(data, "catalog")
        await asyncio.to_thread(folder.mkdir)
        figures = []
        async with open_database(f"sqlite+aiosqlite:///{folder}/catalog.sqlite") as database:
            await _fill(database)
            store = GenerationStore(database)
            for query in QUERIES:
                figures += _percentiles(f"catalog store, {query.name}", await _times(partial(_from_store, store, query)))
        async with _serve(data) as stub:
            for query in QUERIES:
                figures += _percentiles(f"catalog gRPC, {query.name}", await _times(partial(_from_service, stub, query)))
            figures.append(Figure(f"catalog records of 100 kB, {CLIENTS} clients", await _records_per_second(stub), "1/s"))
        return figures


async def _fill(database: Database) -> None:
    rows = list(_rows())
    for begin in range(0, ROWS, 10_000):
        part = rows[begin : begin + 10_000]

        async def work(session: AsyncSession, part: list[Generation] = part) -> None:
            await session.execute(insert(Generation), [row.model_dump() for row in part])
            await search.add(session, part)

        await database.write(work)


def _rows() -> Iterator[Generation]:
    """Texts of 18 words out of 5,000; every second one has the word `common`, every ten-thousandth `rare`."""
    draw = random.Random(1)
    for number in range(ROWS):
        words = [f"w{draw.randrange(5000)}" for _ in range(18)]
        words += ["common"] * (number % 2) + ["rare"] * (number % 10_000 == 5)
        yield Generation(
            key=first_key(FIRST_US + number * STEP_US) + draw.randrange(SLOTS),
            owner="local",
            id=str(uuid.UUID(int=draw.getrandbits(128), version=4)),
            text=" ".join(words),
            profile=f"profiles/p{number % 50}",
            voice="flite/slt",
            engine=("flite", "espeak")[number % 2],
            model="flite/slt",
            language="en-US",
            seed=number,
            speed=1.0,
            pitch_semitones=0.0,
            container="flac",
            sample_rate_hz=24_000,
            duration_us=number % 1000 * 10_000,
            size_bytes=0,
            time_to_first_chunk_us=10_000,
            synthesis_time_us=100_000,
            status=3 if number % 100 == 0 else 1,
            warnings=[],
            blob="",
        )


async def _from_store(store: GenerationStore, query: Query) -> None:
    await store.page("local", filters.parse(query.filter), search.words_of(query.search), query.key, PAGE + 1)


async def _from_service(stub: "catalog_pb2_grpc.CatalogServiceAsyncStub", query: Query) -> None:
    token = "" if query.key is None else to_token(query.key, "generations", "local", query.filter, query.search)
    request = pb.ListGenerationsRequest(page_size=PAGE, page_token=token, filter=query.filter, search=query.search)
    await stub.ListGenerations(request)


async def _times(ask: Callable[[], Awaitable[None]]) -> list[float]:
    await ask()
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await ask()
        times.append(1000 * (time.perf_counter() - began))
    return times


def _percentiles(name: str, times: list[float]) -> list[Figure]:
    return [
        Figure(f"{name}, p50", float(np.percentile(times, 50)), "ms"),
        Figure(f"{name}, p99", float(np.percentile(times, 99)), "ms", at_most=TARGET_MS),
    ]


@asynccontextmanager
async def _serve(data: str) -> AsyncIterator["catalog_pb2_grpc.CatalogServiceAsyncStub"]:
    env = {"VOICEBOX_DATA": data, "CATALOG_ADDRESS": "127.0.0.1:0", "CATALOG_METRICS_ADDRESS": "127.0.0.1:0"}
    async with open_service(env) as serving, grpc.aio.insecure_channel(serving.endpoints[0].address) as channel:
        stub: catalog_pb2_grpc.CatalogServiceAsyncStub = catalog_pb2_grpc.CatalogServiceStub(channel)  # type: ignore[assignment]
        yield stub


async def _records_per_second(stub: "catalog_pb2_grpc.CatalogServiceAsyncStub") -> float:
    async def record() -> None:
        generation = pb.Generation(
            name=f"generations/{uuid.uuid4()}",
            text="The birch canoe slid on the smooth planks.",
            engine="flite",
            container="flac",
            duration=Duration(seconds=2),
            status=pb.GENERATION_STATUS_COMPLETED,
        )

        async def messages() -> AsyncIterator[pb.RecordGenerationRequest]:
            yield pb.RecordGenerationRequest(generation=generation)
            yield pb.RecordGenerationRequest(audio=AUDIO)

        await stub.RecordGeneration(messages())

    async def client() -> None:
        for _ in range(RECORDS // CLIENTS):
            await record()

    await record()
    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return RECORDS / (time.perf_counter() - began)


if __name__ == "__main__":
    for figure in asyncio.run(measure()):
        print(figure.line)
