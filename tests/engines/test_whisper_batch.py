"""The scheduler that all streams and files of a Whisper model share."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from voicebox_asr.engines.whisper.batcher import LIVE_BATCHES_IN_A_ROW, Scheduler, outcome
from voicebox_kit.errors import Exhausted, Unavailable

DEADLINE_SECONDS = 20


def window(name: str, key: str = "") -> Any:
    return SimpleNamespace(name=name, key=key)


@dataclass
class Decode:
    """Writes down each batch; the first one waits until it is let go, so that others gather."""

    batches: list[list[str]] = field(default_factory=list)
    started: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)
    fails: Callable[[Sequence[Any]], Exception | None] = lambda windows: None

    def __call__(self, windows: Sequence[Any]) -> list[str]:
        self.batches.append([each.name for each in windows])
        self.started.set()
        assert self.let_go.wait(DEADLINE_SECONDS)
        if error := self.fails(windows):
            raise error
        return [each.name.upper() for each in windows]


@pytest.fixture
def decode() -> Decode:
    return Decode()


@pytest.fixture
def scheduler(decode: Decode) -> Iterator[Scheduler[Any, str]]:
    scheduler: Scheduler[Any, str] = Scheduler(decode, batch_size=4, queue_size=20)
    yield scheduler
    decode.let_go.set()
    scheduler.close()


def busy(scheduler: Scheduler[Any, str], decode: Decode) -> None:
    """Have the scheduler decode one window, so that what is submitted now gathers."""
    scheduler.submit(window("first"), live=False)
    assert decode.started.wait(DEADLINE_SECONDS)


def results(futures: Sequence[Any]) -> list[str]:
    return [future.result(DEADLINE_SECONDS) for future in futures]


def test_what_waits_is_decoded_together(scheduler: Scheduler[Any, str], decode: Decode) -> None:
    busy(scheduler, decode)
    futures = [scheduler.submit(window(name), live=False) for name in "abcdef"]
    decode.let_go.set()
    assert results(futures) == list("ABCDEF")
    assert decode.batches == [["first"], list("abcd"), list("ef")]


def test_only_what_goes_together_is_decoded_together(scheduler: Scheduler[Any, str], decode: Decode) -> None:
    busy(scheduler, decode)
    futures = [scheduler.submit(window(name, key), live=False) for name, key in ("a1", "b2", "c1", "d2")]
    decode.let_go.set()
    assert results(futures) == list("ABCD")
    assert decode.batches[1:] == [["a", "c"], ["b", "d"]]


def test_live_windows_go_first(scheduler: Scheduler[Any, str], decode: Decode) -> None:
    busy(scheduler, decode)
    futures = [scheduler.submit(window("file"), live=False), scheduler.submit(window("live"), live=True)]
    decode.let_go.set()
    results(futures)
    assert decode.batches[1:] == [["live"], ["file"]]


def test_files_never_starve(scheduler: Scheduler[Any, str], decode: Decode) -> None:
    busy(scheduler, decode)
    live = [
        scheduler.submit(window(f"live {index}", key=str(index)), live=True)
        for index in range(LIVE_BATCHES_IN_A_ROW + 3)
    ]
    file = scheduler.submit(window("file"), live=False)
    decode.let_go.set()
    results([*live, file])
    assert decode.batches.index(["file"]) == 1 + LIVE_BATCHES_IN_A_ROW


def test_batches_of_files_are_small_while_somebody_speaks(scheduler: Scheduler[Any, str], decode: Decode) -> None:
    scheduler.live_opened()
    busy(scheduler, decode)
    futures = [scheduler.submit(window(name), live=False) for name in "ab"]
    decode.let_go.set()
    results(futures)
    assert decode.batches[1:] == [["a"], ["b"]]
    scheduler.live_closed()


def test_a_window_that_was_cancelled_is_not_decoded(scheduler: Scheduler[Any, str], decode: Decode) -> None:
    busy(scheduler, decode)
    first, second = (scheduler.submit(window(name), live=False) for name in "ab")
    first.cancel()
    decode.let_go.set()
    assert results([second]) == ["B"]
    assert decode.batches[1:] == [["b"]]
    with pytest.raises(Unavailable) as caught:
        outcome(first)
    assert caught.value.reason == "INTERRUPTED"


def test_a_window_can_be_cancelled_while_it_is_decoded(scheduler: Scheduler[Any, str], decode: Decode) -> None:
    future = scheduler.submit(window("a"), live=True)
    assert decode.started.wait(DEADLINE_SECONDS)
    assert future.cancel()
    decode.let_go.set()
    assert results([scheduler.submit(window("b"), live=True)]) == ["B"]


def test_a_failure_hits_its_batch_only(scheduler: Scheduler[Any, str], decode: Decode) -> None:
    decode.fails = lambda windows: ValueError("bad") if windows[0].key == "bad" else None
    busy(scheduler, decode)
    bad, good = scheduler.submit(window("a", "bad"), live=False), scheduler.submit(window("b"), live=False)
    decode.let_go.set()
    assert results([good]) == ["B"]
    with pytest.raises(ValueError, match="bad"):
        outcome(bad)


def test_a_batch_that_is_too_large_for_the_memory_is_halved_and_stays_so(
    scheduler: Scheduler[Any, str], decode: Decode
) -> None:
    decode.fails = lambda windows: MemoryError() if len(windows) > 1 else None
    busy(scheduler, decode)
    futures = [scheduler.submit(window(name), live=False) for name in "abcd"]
    decode.let_go.set()
    assert results(futures) == list("ABCD")
    assert scheduler.batch_size == 1


def test_a_window_that_is_too_large_for_the_memory_is_refused(scheduler: Scheduler[Any, str], decode: Decode) -> None:
    decode.fails = lambda windows: MemoryError() if any(each.name == "b" for each in windows) else None
    busy(scheduler, decode)
    futures = [scheduler.submit(window(name), live=False) for name in "ab"]
    decode.let_go.set()
    assert results(futures[:1]) == ["A"]
    with pytest.raises(Exhausted) as caught:
        outcome(futures[1])
    assert caught.value.reason == "OUT_OF_MEMORY"


def test_the_queue_is_bounded(scheduler: Scheduler[Any, str], decode: Decode) -> None:
    busy(scheduler, decode)
    for index in range(20):
        scheduler.submit(window(str(index)), live=index % 2 == 0)
    with pytest.raises(Exhausted) as caught:
        scheduler.submit(window("one too many"), live=True)
    assert caught.value.reason == "RECOGNISER_BUSY"
    assert caught.value.retry_seconds


def test_closing_fails_what_waits_and_lets_what_runs_end(decode: Decode) -> None:
    scheduler: Scheduler[Any, str] = Scheduler(decode, batch_size=4, queue_size=20)
    running = scheduler.submit(window("a"), live=False)
    assert decode.started.wait(DEADLINE_SECONDS)
    waiting = scheduler.submit(window("b"), live=False)
    closing = threading.Thread(target=scheduler.close)
    closing.start()
    with pytest.raises(Unavailable):
        waiting.result(DEADLINE_SECONDS)
    decode.let_go.set()
    closing.join(DEADLINE_SECONDS)
    assert running.result(0) == "A"
    with pytest.raises(Unavailable):
        scheduler.submit(window("c"), live=True)


def test_free_memory_is_given_back_when_no_more_comes(decode: Decode) -> None:
    tidied = threading.Event()
    scheduler: Scheduler[Any, str] = Scheduler(decode, batch_size=4, queue_size=20, tidy=tidied.set)
    decode.let_go.set()
    assert scheduler.submit(window("a"), live=False).result(DEADLINE_SECONDS) == "A"
    assert tidied.wait(DEADLINE_SECONDS)
    scheduler.close()


def test_free_memory_is_given_back_from_time_to_time_while_batch_follows_batch(decode: Decode) -> None:
    seconds = iter(range(100))
    tidied: list[int] = []
    scheduler: Scheduler[Any, str] = Scheduler(
        decode,
        batch_size=1,
        queue_size=20,
        tidy=lambda: tidied.append(len(decode.batches)),
        clock=lambda: float(next(seconds)),
    )
    futures = scheduler.submit_all([window(name) for name in "abcdefghijkl"], live=False)
    decode.let_go.set()
    assert results(futures) == list("ABCDEFGHIJKL")
    assert tidied[:2] == [5, 10]
    scheduler.close()
