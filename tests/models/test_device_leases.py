"""Leases of devices: who holds them, who waits for whom, and what is left of a process that was killed."""

import asyncio
import errno
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from voicebox_kit.errors import Precondition
from voicebox_models.device_leases import folder, serving
from voicebox_models.device_leases.admission import obstacles, reason, require_room
from voicebox_models.device_leases.folder import DeviceLeases
from voicebox_models.device_leases.lease import Kind, Lease
from voicebox_models.device_leases.serving import ServingLeases
from voicebox_models.device_leases.settings import Sharing
from voicebox_models.device_leases.turn import SharedTurn
from voicebox_models.models import Default, Models
from voicebox_models.residency import NO_LIMITS

from .conftest import Clock, FakeEngine, FakeFamily

GB = 1_000_000_000
TTS = Lease("tts", Kind.SERVING, 4 * GB)
LOOKS = 2000
HOLDER = """
import subprocess, sys
from pathlib import Path
from voicebox_models.device_leases.folder import DeviceLeases
from voicebox_models.device_leases.lease import Kind, Lease
held = DeviceLeases(Path(sys.argv[1]), "cuda:0").hold(Lease("tts", Kind.SERVING, 5, is_busy=True))
child = subprocess.Popen(["sleep", "1000"], pass_fds=[held.fileno()]) if sys.argv[2] == "child" else None
print(child.pid if child else 0, flush=True)
while sys.argv[2] == "changing":
    held.change(Lease("tts", Kind.SERVING, held.lease.memory_bytes + 1))
sys.stdin.read()
"""


@pytest.fixture
def leases(tmp_path: Path) -> DeviceLeases:
    return DeviceLeases(tmp_path, "cuda:0")


def job(memory: int = 0, since: int = 5, kind: Kind = Kind.WAITING, holder: str = "job a") -> Lease:
    return Lease(holder, kind, memory * GB, since_ns=since)


def holder(tmp_path: Path, kind: str) -> "tuple[subprocess.Popen[str], int]":
    """A process that holds a lease, and the child that inherited it."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path), kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    return process, int(process.stdout.readline())


def end(process: "subprocess.Popen[str]") -> None:
    """By kill -9."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        assert pipe
        pipe.close()


def test_a_killed_process_holds_nothing_any_more(leases: DeviceLeases, tmp_path: Path) -> None:
    process, _ = holder(tmp_path, "alone")
    assert leases.others() == [Lease("tts", Kind.SERVING, 5, is_busy=True)]
    end(process)
    assert leases.others() == []
    assert not list((tmp_path / "cuda%3A0").iterdir())


def test_a_lease_lasts_as_long_as_a_process_that_inherited_it(leases: DeviceLeases, tmp_path: Path) -> None:
    process, child = holder(tmp_path, "child")
    end(process)
    assert len(leases.others()) == 1
    descriptor = os.pidfd_open(child)
    os.kill(child, signal.SIGKILL)
    select.select([descriptor], [], [])  # until it has ended
    os.close(descriptor)
    assert leases.others() == []


def test_a_lease_says_what_it_last_said_to_everybody_else(leases: DeviceLeases) -> None:
    with leases.hold(TTS) as held, leases.hold(job()) as other:
        held.change(Lease("tts", Kind.SERVING, 6))
        assert leases.others(other) == [Lease("tts", Kind.SERVING, 6)]
        assert leases.others(held) == [job()]
    assert leases.others() == []


def test_no_reader_ever_misses_a_lease_that_changes(leases: DeviceLeases, tmp_path: Path) -> None:
    process, _ = holder(tmp_path, "changing")
    assert [len(leases.others()) for _ in range(LOOKS)] == LOOKS * [1]
    end(process)


def test_what_a_killed_process_began_to_write_is_removed(leases: DeviceLeases, tmp_path: Path) -> None:
    with leases.hold(TTS):
        left = tmp_path / "cuda%3A0" / "0.partial"
        left.touch()
        leases.others()
        assert left.exists()  # it may have been begun just now
        os.utime(left, (0, 0))
        leases.others()
        assert not left.exists()


def test_one_job_is_admitted_at_a_time(leases: DeviceLeases) -> None:
    with leases.hold(TTS), leases.admitting() as first, leases.admitting() as second:
        assert (first, second) == (True, False)


@pytest.mark.parametrize(
    ("asked", "others", "total", "expected"),
    [
        (job(), [], 0, []),
        (job(), [TTS], 10, ["tts"]),
        (job(), [job(2, kind=Kind.JOB, holder="job b")], 10, ["job b"]),
        (job(6), [TTS], 10, []),
        (job(7), [TTS], 10, ["tts"]),
        (job(6), [TTS], 0, ["tts"]),  # nobody knows whether it fits
        (job(4), [TTS, job(3, kind=Kind.JOB, holder="job b")], 10, ["tts", "job b"]),
        (job(1), [job(0, kind=Kind.JOB, holder="job b")], 10, ["job b"]),
        (job(1), [job(9, since=4, holder="job b")], 10, ["job b"]),
        (job(1), [job(9, since=6, holder="job b")], 10, []),
    ],
)
def test_who_waits_for_whom(asked: Lease, others: list[Lease], total: int, expected: list[str]) -> None:
    found = obstacles(asked, others, total * GB)
    assert [each.holder for each in found] == expected
    if found:
        assert found[0].holder in reason("cuda:0", asked, found, total * GB)


def test_what_is_more_than_the_device_has_is_refused_by_name() -> None:
    require_room("cuda:0", 10 * GB, 10 * GB)
    require_room("cuda:0", 11 * GB, 0)
    with pytest.raises(Precondition, match=r"11.0 GB of cuda:0, which has 10.0 GB") as refused:
        require_room("cuda:0", 11 * GB, 10 * GB)
    assert refused.value.reason == "DEVICE_MEMORY"


@pytest.fixture
def models(tmp_path: Path, clock: Clock) -> Iterator[Callable[[FakeEngine], Models[Any]]]:
    """Of asr, which shares devices."""
    registry = CollectorRegistry()
    leases = ServingLeases(Sharing(tmp_path), "asr", registry)
    with ThreadPoolExecutor(1) as executor:

        def made(engine: Any) -> Models[Any]:
            return Models(
                "asr", [FakeFamily(engine)], Default(engine), executor, registry, NO_LIMITS, clock, leases=leases
            )

        yield made
        leases.close()


class Calls:
    """What a job sees of calls: they end after so many looks."""

    def __init__(self, looks: int) -> None:
        self.looks, self.done = looks, list[str]()

    def others(self) -> list[Lease]:
        self.looks -= 1
        return [Lease("tts", Kind.SERVING, 1, is_busy=self.looks >= 0)]


def turn(calls: Calls, clock: Clock, longest: float = 100.0) -> SharedTurn:
    def sleep(seconds: float) -> None:
        clock.now += seconds

    began: Callable[[str], None] = lambda caller: calls.done.append(f"gives way to {caller}")  # noqa: E731
    ended: Callable[[float], None] = lambda seconds: calls.done.append(f"after {seconds:.0f} s")  # noqa: E731
    return SharedTurn(calls, longest, began, ended, clock, sleep)


def test_a_turn_ends_where_calls_begin_and_goes_on_behind_them(clock: Clock) -> None:
    calls = Calls(31)
    turn(calls, clock).give(lambda: calls.done.append("saved"))
    assert calls.done == ["saved", "gives way to tts", "after 3 s"]
    turn(calls, clock).give(lambda: calls.done.append("never"))
    assert len(calls.done) == 3


def test_calls_without_end_leave_a_job_a_sixth_of_the_time(clock: Clock) -> None:
    calls = Calls(1_000_000)
    own = turn(calls, clock, longest=10.0)
    began = clock.now
    for _ in range(300):  # steps of a tenth of a second
        own.give(lambda: calls.done.append("saved"))
        clock.now += 0.1
    worked = 300 * 0.1
    assert 1 / 7 < worked / (clock.now - began) < 1 / 5


MakeModels = Callable[[FakeEngine], Models[Any]]


async def test_a_model_is_held_and_busy_on_a_shared_device(
    leases: DeviceLeases, models: MakeModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = FakeEngine(device="cuda")
    asr, idle = models(engine), Lease("asr", Kind.SERVING, 7)
    await asr.load(engine)
    assert leases.others() == [idle]
    async with asr.use(engine):
        assert leases.others() == [replace(idle, is_busy=True)]
    assert leases.others() == [replace(idle, is_busy=True)]  # for a short time more
    monkeypatch.setattr(serving, "LINGER_SECONDS", 0.0)
    async with asr.use(engine), asr.use(engine):
        pass
    while leases.others() != [idle]:
        await asyncio.sleep(0)


async def test_a_device_that_is_not_shared_costs_nothing(tmp_path: Path, models: MakeModels) -> None:
    engine = FakeEngine(device="cpu")
    async with models(engine).use(engine):
        assert not list(tmp_path.iterdir())


async def test_calls_are_answered_where_leases_cannot_be_written(
    leases: DeviceLeases, models: MakeModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(folder, "_published", full)
    engine = FakeEngine(device="cuda:0")
    async with models(engine).use(engine):
        assert leases.others() == []


def test_a_service_that_takes_more_than_its_models_says_so(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    tts = ServingLeases(Sharing(tmp_path), "tts", registry, memory_bytes=100)
    tts.hold({"cuda:0": 7, "cuda:1": 200, "cpu": 5})
    said = [registry.get_sample_value("voicebox_device_lease_bytes", {"device": f"cuda:{each}"}) for each in (0, 1)]
    assert said == [100, 200]
    tts.close()
    assert not DeviceLeases(tmp_path, "cuda:0").others()
