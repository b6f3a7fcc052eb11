"""A record is delivered exactly once, also where a disk does not remove its file."""

import errno
import logging
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import pytest
from google.protobuf.message import Message
from prometheus_client import CollectorRegistry
from voicebox.catalog.v1 import catalog_pb2
from voicebox_kit import request_id
from voicebox_outbox.outbox import Delivery, Outbox
from voicebox_outbox.spool import Spool

pytestmark = pytest.mark.unit

RECORD = catalog_pb2.Generation(name="generations/1", text="hello")


class Receiver:
    """Takes records, and remembers each delivery."""

    def __init__(self) -> None:
        self.received: list[str] = []
        self.calls: list[str] = []

    async def __call__(self, record: Message, data: Path, timeout_seconds: float, /) -> None:
        assert data.read_bytes() == b"audio"
        self.received.append(getattr(record, "name", ""))
        self.calls.append(request_id.current.get())


@pytest.fixture
def executor() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


@pytest.fixture
def stubborn(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Suffixes of files that the disk does not remove."""
    suffixes: set[str] = set()
    unlink = Path.unlink

    def refuse(path: Path, *, missing_ok: bool = False) -> None:
        if path.suffix in suffixes:
            raise OSError(errno.EACCES, "Permission denied", str(path))
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    return suffixes


def opened(folder: Path, receiver: Receiver, executor: Executor) -> Outbox[catalog_pb2.Generation]:
    spool = Spool(folder, 1 << 20)
    return Outbox("test", spool, catalog_pb2.Generation, receiver, executor, CollectorRegistry())


async def keep(outbox: Outbox[catalog_pb2.Generation], *, promptly: bool) -> Delivery:
    data = outbox.reserve()
    data.write_bytes(b"audio")
    return await outbox.keep(data, RECORD, promptly=promptly)


async def test_a_delivered_record_whose_file_cannot_be_removed_is_delivered(
    tmp_path: Path, executor: Executor, stubborn: set[str]
) -> None:
    receiver = Receiver()
    stubborn.add(".data")
    assert await keep(opened(tmp_path, receiver, executor), promptly=True) is Delivery.DELIVERED
    assert len(list(tmp_path.glob("*.data"))) == 1
    stubborn.clear()
    outbox = opened(tmp_path, receiver, executor)  # the next start removes the file, and delivers nothing again
    assert not list(tmp_path.glob("*.data"))
    assert await outbox._deliver_waiting()
    assert receiver.received == ["generations/1"]


async def test_a_spooled_record_whose_file_cannot_be_removed_is_delivered_once(
    tmp_path: Path, executor: Executor, stubborn: set[str]
) -> None:
    receiver = Receiver()
    outbox = opened(tmp_path, receiver, executor)
    assert await keep(outbox, promptly=False) is Delivery.PENDING
    stubborn.add(".data")
    assert await outbox._deliver_waiting()
    assert await outbox._deliver_waiting()
    assert receiver.received == ["generations/1"]
    assert not list((tmp_path / "rejected").iterdir())


async def test_a_record_that_stays_in_the_spool_is_offered_again(
    tmp_path: Path, executor: Executor, stubborn: set[str], caplog: pytest.LogCaptureFixture
) -> None:
    receiver = Receiver()
    outbox = opened(tmp_path, receiver, executor)
    assert await keep(outbox, promptly=False) is Delivery.PENDING
    stubborn.add(".json")
    with caplog.at_level(logging.ERROR):
        assert not await outbox._deliver_waiting()
    assert "stays in the spool: Permission denied" in caplog.text
    stubborn.clear()
    assert await outbox._deliver_waiting()
    assert receiver.received == ["generations/1"] * 2  # under one name: the catalog has it once
    assert not list(tmp_path.glob("*.*"))


async def test_what_is_delivered_later_goes_under_the_id_of_its_own_call(tmp_path: Path, executor: Executor) -> None:
    receiver = Receiver()
    outbox = opened(tmp_path, receiver, executor)
    for call in ("one", "two"):
        request_id.current.set(call)
        assert await keep(outbox, promptly=False) is Delivery.PENDING
    request_id.current.set("")
    assert await opened(tmp_path, receiver, executor)._deliver_waiting()  # as after a restart
    assert sorted(receiver.calls) == ["one", "two"]


async def test_a_spool_of_an_earlier_version_is_delivered(tmp_path: Path, executor: Executor) -> None:
    receiver = Receiver()
    (tmp_path / "1.data").write_bytes(b"audio")
    (tmp_path / "1.json").write_text('{"name": "generations/1", "text": "hello"}')
    assert await opened(tmp_path, receiver, executor)._deliver_waiting()
    assert receiver.received == ["generations/1"]
