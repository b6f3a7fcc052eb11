"""Every generation reaches the catalog exactly once, however often the catalog is away."""

import asyncio
import logging
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import numpy as np
import pytest
import soundfile
from prometheus_client import CollectorRegistry
from voicebox.catalog.v1 import catalog_pb2
from voicebox_kit.background import Background
from voicebox_outbox import outbox as outboxes
from voicebox_outbox.outbox import Delivery, Outbox
from voicebox_outbox.spool import Spool
from voicebox_tts.history.history import History
from voicebox_tts.peers.catalog import Catalog

TONE = np.sin(np.arange(8000) / 10).astype(np.float32)


def opened(folder: Path, catalog: Catalog, executor: Executor) -> History:
    spool = Spool(folder, 1 << 20)
    outbox = Outbox("tts", spool, catalog_pb2.Generation, catalog.record, executor, CollectorRegistry())
    return History(outbox, executor)


@pytest.fixture
async def open_history(catalog, tmp_path, executor):
    @asynccontextmanager
    async def open_history():
        async with grpc.aio.insecure_channel(catalog.address) as channel:
            yield opened(tmp_path, Catalog(channel), executor)

    return open_history


async def keep(history: History, name: str = "generations/1", *, promptly: bool = True) -> Delivery:
    draft = history.draft(8000)
    draft.write(TONE)
    return await history.record(draft, catalog_pb2.Generation(name=name, text="hello", owner="ann"), promptly=promptly)


async def test_a_record_is_in_the_catalog_before_it_is_acknowledged(open_history, catalog, tmp_path):
    async with open_history() as history:
        assert await keep(history) is Delivery.DELIVERED
    [(generation, audio)] = catalog.records.values()
    assert generation.text == "hello"
    (tmp_path / "copy.flac").write_bytes(audio)
    assert len(soundfile.read(tmp_path / "copy.flac")[0]) == 8000
    assert not list(tmp_path.glob("*.json"))


async def test_while_the_catalog_is_unavailable_records_wait_on_disk_and_are_delivered_after_a_restart(
    open_history, catalog, tmp_path
):
    catalog.failure = grpc.StatusCode.UNAVAILABLE
    async with open_history() as history:
        assert await keep(history, "generations/1") is Delivery.PENDING
        assert await keep(history, "generations/2") is Delivery.PENDING
    assert len(list(tmp_path.glob("*.json"))) == 2
    catalog.failure = None
    async with open_history() as history, history._outbox.delivering(Background(CollectorRegistry())):
        while len(catalog.records) < 2:
            catalog.arrived.clear()
            await asyncio.wait_for(catalog.arrived.wait(), 30)
    assert sorted(catalog.records) == ["generations/1", "generations/2"]


async def test_a_catalog_that_comes_back_gets_what_waits_without_a_restart(open_history, catalog, monkeypatch):
    monkeypatch.setattr(outboxes, "RETRY_SECONDS", 0.01)
    catalog.failure = grpc.StatusCode.UNAVAILABLE
    async with open_history() as history, history._outbox.delivering(Background(CollectorRegistry())):
        assert await keep(history) is Delivery.PENDING
        catalog.failure = None
        await asyncio.wait_for(catalog.arrived.wait(), 30)
    assert list(catalog.records) == ["generations/1"]


async def test_a_catalog_that_dies_while_it_is_written_to_costs_no_record(catalog, tmp_path, executor):
    """grpc.aio reports that as if we were cancelled."""

    def dying(*_, **__):
        lost = asyncio.get_running_loop().create_future()
        lost.cancel()
        return lost

    async with grpc.aio.insecure_channel(catalog.address) as channel:
        dead = Catalog(channel)
        vars(dead._stub)["RecordGeneration"] = dying
        assert await keep(opened(tmp_path, dead, executor)) is Delivery.PENDING
        history = opened(tmp_path, Catalog(channel), executor)
        async with history._outbox.delivering(Background(CollectorRegistry())):
            await asyncio.wait_for(catalog.arrived.wait(), 30)
    assert list(catalog.records) == ["generations/1"]


async def test_what_the_catalog_will_never_take_is_set_aside_and_reported(open_history, catalog, tmp_path, caplog):
    catalog.failure = grpc.StatusCode.INVALID_ARGUMENT
    async with open_history() as history:
        with caplog.at_level(logging.ERROR):
            assert await keep(history) is Delivery.REJECTED
    assert "is set aside" in caplog.text
    assert len(list((tmp_path / "rejected").iterdir())) == 2


async def test_a_record_that_is_not_urgent_is_delivered_in_the_background(open_history, catalog):
    async with open_history() as history, history._outbox.delivering(Background(CollectorRegistry())):
        assert await keep(history, promptly=False) is Delivery.PENDING
        await asyncio.wait_for(catalog.arrived.wait(), 30)
    assert list(catalog.records) == ["generations/1"]


async def test_a_record_that_cannot_be_read_is_set_aside_and_the_others_go_on(open_history, catalog, tmp_path, caplog):
    catalog.failure = grpc.StatusCode.UNAVAILABLE
    async with open_history() as history:
        await keep(history, "generations/1")
        [broken] = tmp_path.glob("*.json")
        broken.write_text("{")
        await keep(history, "generations/2")
        catalog.failure = None
        with caplog.at_level(logging.ERROR):
            async with history._outbox.delivering(Background(CollectorRegistry())):
                await asyncio.wait_for(catalog.arrived.wait(), 30)
                async with asyncio.timeout(30):
                    while list(tmp_path.glob("*.json")):
                        await asyncio.sleep(0)
    assert list(catalog.records) == ["generations/2"]
    assert (tmp_path / "rejected" / broken.name).exists()
    assert "cannot be read" in caplog.text


@pytest.mark.parametrize(
    "code", [grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNIMPLEMENTED]
)
async def test_a_fault_of_the_catalog_or_its_settings_costs_no_record(
    open_history, catalog, tmp_path, monkeypatch, code
):
    monkeypatch.setattr(outboxes, "RETRY_SECONDS", 0.01)
    catalog.failure = code
    async with open_history() as history, asyncio.timeout(60):
        assert await keep(history) is Delivery.PENDING
        refused = catalog.refused
        async with history._outbox.delivering(Background(CollectorRegistry())):
            while catalog.refused < refused + 2:  # the second attempt shows what became of the record after the first
                await asyncio.sleep(0.001)
    assert len(list(tmp_path.glob("*.json"))) == 1
    assert not list((tmp_path / "rejected").iterdir())


BROKEN = {
    "not UTF-8": b'{"text": "\xff\xfe"}',
    "UTF-16": '{"text": "hello"}'.encode("utf-16"),
    "empty": b"",
    "not JSON": b"{",
    "nested": b"[" * 100_000,
    "another type": b"[1, 2]",
    "a wrong field": b'{"sampleRateHz": "many"}',
    "NUL": b"\0" * 100,
}


@pytest.mark.parametrize("metadata", BROKEN.values(), ids=BROKEN)
async def test_whatever_a_record_holds_those_behind_it_are_delivered(open_history, catalog, tmp_path, metadata):
    catalog.failure = grpc.StatusCode.UNAVAILABLE
    async with open_history() as history:
        await keep(history, "generations/1")
        [broken] = tmp_path.glob("*.json")
        broken.write_bytes(metadata)
        await keep(history, "generations/2")
        catalog.failure = None
        background = Background(CollectorRegistry())
        async with history._outbox.delivering(background), asyncio.timeout(30):
            while list(tmp_path.glob("*.json")):
                await asyncio.sleep(0.001)
            assert background.tasks == {"history": True}
    assert list(catalog.records) == ["generations/2"]
    assert (tmp_path / "rejected" / broken.name).exists()


async def test_a_folder_that_cannot_be_written_for_a_while_ends_nothing(
    open_history, catalog, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(outboxes, "RETRY_SECONDS", 0.01)
    catalog.failure = grpc.StatusCode.UNAVAILABLE
    failures, original = asyncio.Queue(), Spool.remove

    def read_only(self, audio):
        failures.put_nowait(audio)
        raise PermissionError(13, "Permission denied")

    async with open_history() as history:
        await keep(history, "generations/1")
        catalog.failure = None
        monkeypatch.setattr(Spool, "remove", read_only)
        async with history._outbox.delivering(Background(CollectorRegistry())), asyncio.timeout(30):
            for _ in range(3):
                await failures.get()
            monkeypatch.setattr(Spool, "remove", original)
            while list(tmp_path.glob("*.json")):
                await asyncio.sleep(0.001)
    assert list(catalog.records) == ["generations/1"]
    assert "stays in the spool: Permission denied" in caplog.text


async def test_a_delivery_that_breaks_is_started_again(open_history, catalog, tmp_path, monkeypatch, caplog):
    catalog.failure = grpc.StatusCode.UNAVAILABLE
    broken = iter([True, False])
    original = Spool.waiting

    def waiting(self):
        if next(broken, False):
            raise ZeroDivisionError("a bug")
        return original(self)

    async with open_history() as history:
        await keep(history, "generations/1")
        catalog.failure = None
        monkeypatch.setattr(Spool, "waiting", waiting)

        async def no_time(_seconds):
            await asyncio.sleep(0)

        async with history._outbox.delivering(Background(CollectorRegistry(), no_time)), asyncio.timeout(30):
            while list(tmp_path.glob("*.json")):
                await asyncio.sleep(0.001)
    assert list(catalog.records) == ["generations/1"]
    assert "the background task history failed" in caplog.text


async def test_records_are_delivered_some_at_a_time(open_history, catalog, monkeypatch):
    catalog.failure = grpc.StatusCode.UNAVAILABLE
    most = running = 0
    original = catalog.RecordGeneration

    async def counted(self, request_iterator, context):
        nonlocal most, running
        running += 1
        most = max(most, running)
        try:
            return await original(request_iterator, context)
        finally:
            running -= 1

    async with open_history() as history:
        for number in range(20):
            await keep(history, f"generations/{number}", promptly=False)
        catalog.failure = None
        monkeypatch.setattr(type(catalog), "RecordGeneration", counted)
        async with history._outbox.delivering(Background(CollectorRegistry())), asyncio.timeout(30):
            while len(catalog.records) < 20:
                await asyncio.sleep(0.001)
    assert len(catalog.records) == 20
    assert most <= outboxes.CONCURRENT_DELIVERIES
