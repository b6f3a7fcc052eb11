"""Measures the catalog with a long history on SQLite and on PostgreSQL: pages, searches, statistics, records, uploads
and downloads.

`CATALOG_BENCH_ROWS` is how long: 1,000,000 by default, which takes some minutes; 10,000 is a quick look.
"""

import asyncio
import os
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import grpc
from google.protobuf.duration_pb2 import Duration
from sqlalchemy import text as sql
from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox.catalog.v1 import catalog_pb2_grpc
from voicebox_catalog.app import open_service
from voicebox_catalog.store.filters import GENERATION_FIELDS
from voicebox_catalog.store.generations import GenerationStore, GroupBy
from voicebox_catalog.store.history_query import parse
from voicebox_catalog.store.opening import open_database
from voicebox_sql.database import Database
from voicebox_sql.paging import Cursor

from bench.figures import Figure, quantile
from bench.history_rows import fill, key_of
from tests.catalog.stores import postgres

ROWS = 1_000_000
FEW_ROWS = 10_000
PAGE = 50
ROUNDS = 200
PAGE_MS = 20.0
SEARCH_MS = 50.0
GROWTH = 2.0
CLIENTS = 16
RECORDS = 1600
AUDIO = bytes(200_000)
LARGE_BYTES = 100_000_000
PIECE_BYTES = 256 * 1024


@dataclass(frozen=True)
class PageRequest:
    """A requested page, after the row of number `before`, counted from the oldest; None is the first one."""

    name: str
    at_most_ms: float | None
    filter: str = ""
    search: str = ""
    order: str = ""
    before: int | None = None

    async def page(self, store: GenerationStore) -> None:
        place = None if self.before is None else Cursor(key_of(self.before))
        await store.page("local", parse(GENERATION_FIELDS, self.filter, self.search, self.order), place, PAGE + 1)


FIRST = PageRequest("first page", PAGE_MS)
LAST = PageRequest("last page", PAGE_MS, before=PAGE)
FILTERED = PageRequest("filtered page", PAGE_MS, filter='profile = "profiles/p7"')
ASKS = (
    FIRST,
    LAST,
    FILTERED,
    PageRequest("last filtered page", PAGE_MS, filter='profile = "profiles/p7"', before=2000),
    PageRequest("page of a label", PAGE_MS, filter='labels.team = "games"'),
    PageRequest("two filters without a hit", PAGE_MS, filter='engine = "flite" AND profile = "profiles/p7"'),
    PageRequest("longest durations", PAGE_MS, order="duration desc"),
    PageRequest("common word", SEARCH_MS, search="common"),
    PageRequest("last page of a common word", SEARCH_MS, search="common", before=2 * PAGE),
    PageRequest("word of every hundredth text", SEARCH_MS, search="some"),
    PageRequest("rare word", SEARCH_MS, search="rare"),
    PageRequest("two common words", SEARCH_MS, search="common some"),
    PageRequest("beginning of a word", SEARCH_MS, search="common w1"),
    PageRequest("common word of a profile", SEARCH_MS, filter='profile = "profiles/p7"', search="common"),
    PageRequest("common word by relevance", SEARCH_MS, search="common", order="relevance"),
    PageRequest("rare word by relevance", SEARCH_MS, search="rare", order="relevance"),
    PageRequest("common word by duration", SEARCH_MS, search="common", order="duration desc"),
    PageRequest("rare word by duration", SEARCH_MS, search="rare", order="duration desc"),
)
GROWING = (FIRST, LAST, FILTERED)

# The same, the way that comes to mind first.
NAIVE = {
    "last page": "SELECT * FROM generations WHERE owner = 'local' ORDER BY key DESC LIMIT 51 OFFSET {offset}",
    "rare word": "SELECT * FROM generations WHERE owner = 'local' AND text LIKE '%rare%' ORDER BY key DESC LIMIT 51",
    "common word by duration": (
        "SELECT * FROM generations WHERE owner = 'local' AND text LIKE '%common%' ORDER BY duration_us DESC LIMIT 51"
    ),
}


async def measure() -> list[Figure]:
    """Every figure, of both databases."""
    count = int(os.environ.get("CATALOG_BENCH_ROWS", ROWS))
    figures = []
    for name, stores in (("SQLite", _sqlite), ("PostgreSQL", _postgres)):
        with stores() as (few, many, env):
            figures += await _database(f"catalog {name}", few, many, count)
            async with _serve(env) as stub:
                figures += await _service(f"catalog {name}", stub)
    return figures


@contextmanager
def _sqlite() -> Iterator[tuple[str, str, dict[str, str]]]:
    with tempfile.TemporaryDirectory() as folder:
        few, many = (f"sqlite+aiosqlite:///{folder}/{name}.sqlite" for name in ("few", "many"))
        yield few, many, {"VOICEBOX_DATA": folder, "CATALOG_DATABASE_URL": many}


@contextmanager
def _postgres() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Blobs are in a local folder here, too: S3's speed would be that of its stand-in."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        server = stack.enter_context(postgres(fsync=True))
        few, many = (server.url(stack.enter_context(server.database())) for _ in range(2))
        yield few, many, {"VOICEBOX_DATA": folder, "CATALOG_DATABASE_URL": many}


async def _database(label: str, few: str, many: str, count: int) -> list[Figure]:
    figures = []
    async with open_database(few) as database:
        await fill(few, FEW_ROWS)
        store = GenerationStore(database)
        before = {ask.name: quantile(await _times(partial(ask.page, store)), 0.5) for ask in GROWING}
    async with open_database(many) as database:
        began = time.perf_counter()
        await fill(many, count)
        figures.append(Figure(f"{label}, filling {count:,} rows", time.perf_counter() - began, "s"))
        store = GenerationStore(database)
        for ask in ASKS:
            times = await _times(partial(ask.page, store))
            figures += _percentiles(f"{label}, {ask.name}", times, ask.at_most_ms)
            if ask in GROWING:
                growth = quantile(times, 0.5) / before[ask.name]
                figures.append(
                    Figure(
                        f"{label}, {ask.name}, growth from {FEW_ROWS:,} to {count:,} rows", growth, "x", at_most=GROWTH
                    )
                )
            if ask.name in NAIVE:
                naive = await _naive(database, NAIVE[ask.name].format(offset=count - PAGE))
                figures.append(
                    Figure(f"{label}, {ask.name}, the naive way over ours", naive / quantile(times, 0.5), "x")
                )
        figures += await _statistics(label, store)
    return figures


async def _statistics(label: str, store: GenerationStore) -> list[Figure]:
    everything, of_profile = parse(GENERATION_FIELDS, ""), parse(GENERATION_FIELDS, 'profile = "profiles/p7"')
    figures = _percentiles(f"{label}, statistics of all", await _times(partial(store.sums, "local", everything), 10))
    for group in GroupBy:
        times = await _times(partial(store.grouped_sums, "local", everything, group, 100), 10)
        figures += _percentiles(f"{label}, statistics by {group.name.lower()}", times)
    times = await _times(partial(store.grouped_sums, "local", of_profile, GroupBy.DAY, 100), 10)
    return figures + _percentiles(f"{label}, statistics of a profile by day", times)


async def _naive(database: Database, statement: str) -> float:
    async def ask() -> None:
        async with database.reading() as session:
            (await session.execute(sql(statement))).all()

    return quantile(await _times(ask, 3), 0.5)


async def _times(ask: Callable[[], Awaitable[object]], rounds: int = ROUNDS) -> list[float]:
    await ask()
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        await ask()
        times.append(1000 * (time.perf_counter() - began))
    return times


def _percentiles(name: str, times: list[float], at_most_ms: float | None = None) -> list[Figure]:
    return [
        Figure(f"{name}, p50", quantile(times, 0.5), "ms"),
        Figure(f"{name}, p99", quantile(times, 0.99), "ms", at_most=at_most_ms),
    ]


async def _service(label: str, stub: "catalog_pb2_grpc.CatalogServiceAsyncStub") -> list[Figure]:
    times = await _times(partial(stub.ListGenerations, pb.ListGenerationsRequest(page_size=PAGE)))
    figures = _percentiles(f"{label}, first page through gRPC", times, PAGE_MS)
    figures.append(
        Figure(f"{label}, records of 200 kB, {CLIENTS} clients", await _records_per_second(stub), "1/s", at_least=300)
    )
    before = _peak_mib(forget=True)
    began = time.perf_counter()
    name = await _record(stub, [bytes(PIECE_BYTES)] * (LARGE_BYTES // PIECE_BYTES))
    figures.append(
        Figure(f"{label}, upload of 100 MB", LARGE_BYTES / 1e6 / (time.perf_counter() - began), "MB/s", at_least=200)
    )
    began = time.perf_counter()
    async for _ in stub.DownloadGenerationAudio(pb.DownloadGenerationAudioRequest(name=name)):
        pass
    figures.append(
        Figure(f"{label}, download of 100 MB", LARGE_BYTES / 1e6 / (time.perf_counter() - began), "MB/s", at_least=200)
    )
    return [*figures, Figure(f"{label}, memory that both took", _peak_mib() - before, "MiB", at_most=64)]


def _peak_mib(*, forget: bool = False) -> float:
    """The most memory this process has had; with `forget` first made what it has now."""
    if forget:
        Path("/proc/self/clear_refs").write_text("5")
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


@asynccontextmanager
async def _serve(env: Mapping[str, str]) -> AsyncIterator["catalog_pb2_grpc.CatalogServiceAsyncStub"]:
    addresses = {"CATALOG_ADDRESS": "127.0.0.1:0", "CATALOG_METRICS_ADDRESS": "127.0.0.1:0"}
    async with (
        open_service(dict(env) | addresses) as serving,
        grpc.aio.insecure_channel(serving.endpoints[0].address) as channel,
    ):
        stub: catalog_pb2_grpc.CatalogServiceAsyncStub = catalog_pb2_grpc.CatalogServiceStub(channel)  # type: ignore[assignment]
        yield stub


async def _record(stub: "catalog_pb2_grpc.CatalogServiceAsyncStub", blocks: list[bytes]) -> str:
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
        for block in blocks:
            yield pb.RecordGenerationRequest(audio=block)

    return (await stub.RecordGeneration(messages())).name


async def _records_per_second(stub: "catalog_pb2_grpc.CatalogServiceAsyncStub") -> float:
    async def client() -> None:
        for _ in range(RECORDS // CLIENTS):
            await _record(stub, [AUDIO])

    await _record(stub, [AUDIO])
    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return RECORDS / (time.perf_counter() - began)


if __name__ == "__main__":
    for figure in asyncio.run(measure()):
        print(figure.line)
