"""The thread that makes the frames of all streams of a model together."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from voicebox_kit.errors import Exhausted, Unavailable
from voicebox_tts.engines.codec_models.scheduler import batcher as batching
from voicebox_tts.engines.codec_models.scheduler import stream as stream_module
from voicebox_tts.engines.codec_models.scheduler.admission import Admission
from voicebox_tts.engines.codec_models.scheduler.batcher import Batcher, GenerationRequest
from voicebox_tts.engines.codec_models.scheduler.chunk_sizes import ChunkSizes
from voicebox_tts.engines.codec_models.scheduler.stream import MAX_CHUNKS, FrameChunk, Stream

SAMPLES = 4
"""Of a frame, here."""
DEADLINE_SECONDS = 20


class OutOfMemory(Exception):
    pass


@dataclass
class Text:
    """Stands for a layout: what a stream says, as (its name, how many frames it has)."""

    name: int
    frames: int = 1000


@dataclass
class Frames:
    """Code k of text n is (n, k). Writes down each step; `before` is called before each, with the names of its rows."""

    texts: list[Text | None] = field(default_factory=lambda: [None] * 8)
    made: list[int] = field(default_factory=lambda: [0] * 8)
    steps: list[list[int]] = field(default_factory=list)
    before: Callable[[list[int]], None] = lambda names: None
    joining: Callable[[Text], None] = lambda text: None

    def begin(self, row: int, layout: Any, noise: Any) -> None:
        self.joining(layout)
        self.texts[row], self.made[row] = layout, 0

    def step(self, count: int, advancing: NDArray[np.bool_]) -> Any:
        names = [text.name for text, moves in zip(self.texts[:count], advancing, strict=True) if text and moves]
        self.before(names)
        self.steps.append(names)
        codes, ended = np.zeros((count, 2), np.int64), np.zeros(count, np.bool_)
        for row in np.flatnonzero(advancing):
            text = self.texts[row]
            assert text
            codes[row], ended[row] = (text.name, self.made[row]), self.made[row] >= text.frames
            self.made[row] += 1
        return SimpleNamespace(codes=codes, ended=ended)

    def move(self, source: int, target: int) -> None:
        self.texts[target], self.made[target] = self.texts[source], self.made[source]


@dataclass
class Sound:
    """Every sample of a frame is its code's second number plus what the stream began with; counts the calls."""

    states: list[float] = field(default_factory=lambda: [0.0] * 8)
    calls: list[tuple[int, int]] = field(default_factory=list)
    before: Callable[[Sequence[int]], None] = lambda rows: None
    rests: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    """What is left of a row when its frames end."""

    def begin(self, row: int, state: Any) -> None:
        self.states[row] = state or 0.0

    def decode(self, rows: Sequence[int], codes: NDArray[np.int64]) -> NDArray[np.float32]:
        self.before(rows)
        self.calls.append((codes.shape[0], codes.shape[1]))
        begun = np.array([self.states[row] for row in rows], np.float32)[:, None]
        return np.repeat(codes[:, :, 1].astype(np.float32) + begun, SAMPLES, axis=1)

    def rest(self, row: int) -> NDArray[np.float32]:
        return self.rests.pop(row, np.zeros(0, np.float32))

    def move(self, source: int, target: int) -> None:
        self.states[target] = self.states[source]


@dataclass
class Bench:
    """A batching over fakes: the first stream is held where it joins until `go`, so that others gather; `joining` is
    set when it is.
    """

    frames: Frames
    sound: Sound
    batching: Batcher
    gate: threading.Event
    joining: threading.Event

    def submit(self, text: Text, max_frames: int = 1000, state: Any = None) -> Stream:
        return self.batching.submit(GenerationRequest(text, None, state, max_frames))

    def go(self) -> None:
        self.gate.set()


@pytest.fixture
def bench() -> Iterator[Bench]:
    frames, sound, gate, joining = Frames(), Sound(), threading.Event(), threading.Event()
    admission = Admission(8, lambda: 0.0)
    held = Batcher(
        frames, sound, admission, ChunkSizes((1, 2, 4)), lambda: 0.0, lambda error: isinstance(error, OutOfMemory)
    )
    bench = Bench(frames, sound, held, gate, joining)

    def wait(text: Text) -> None:
        joining.set()
        assert gate.wait(DEADLINE_SECONDS)

    frames.joining = wait
    yield bench
    gate.set()
    held.close()


def read(stream: Stream) -> list[FrameChunk]:
    with closing(stream):
        return list(stream)


def spoken(chunks: Sequence[FrameChunk]) -> list[float]:
    return np.concatenate([np.zeros(0), *(chunk.samples for chunk in chunks)])[::SAMPLES].tolist()


def read_all(streams: Sequence[Stream]) -> list[list[FrameChunk]]:
    with ThreadPoolExecutor(len(streams)) as executor:
        return list(executor.map(read, streams))


def test_a_stream_comes_in_growing_chunks_and_ends(bench: Bench) -> None:
    bench.go()
    chunks = read(bench.submit(Text(1, frames=10)))
    assert [len(chunk.codes) for chunk in chunks] == [1, 2, 4, 3]
    assert spoken(chunks) == list(range(10))
    assert not any(chunk.cut for chunk in chunks)


def test_the_limit_cuts_and_says_so(bench: Bench) -> None:
    bench.go()
    chunks = read(bench.submit(Text(1), max_frames=5))
    assert [(len(chunk.codes), chunk.cut) for chunk in chunks] == [(1, False), (2, False), (2, True)]


@pytest.mark.parametrize(
    ("frames", "limit", "sizes"), [(7, 1000, [1, 2, 4, 0]), (8, 1000, [1, 2, 4, 1]), (9, 7, [1, 2, 4])]
)
def test_what_waits_for_frames_after_the_last_comes_with_the_end(
    bench: Bench, frames: int, limit: int, sizes: list[int]
) -> None:
    bench.sound.rests[0] = np.full(SAMPLES, 77, np.float32)
    bench.go()
    chunks = read(bench.submit(Text(1, frames=frames), max_frames=limit))
    assert [len(chunk.codes) for chunk in chunks] == sizes
    assert spoken(chunks) == [*range(min(frames, limit)), 77]
    assert [chunk.cut for chunk in chunks] == [False] * (len(sizes) - 1) + [limit < frames]


def test_without_memory_for_what_waits_the_newest_gives_way_and_nothing_is_lost(bench: Bench) -> None:
    failures = [OutOfMemory()]

    def rest(row: int) -> NDArray[np.float32]:
        if failures:
            raise failures.pop()
        return np.full(SAMPLES, 77, np.float32)

    bench.sound.rest = rest
    first, newest = bench.submit(Text(1, frames=4)), bench.submit(Text(2, frames=9))
    bench.go()
    assert spoken(read(first)) == [0, 1, 2, 3, 77]
    with pytest.raises(Exhausted):
        read(newest)


def test_a_text_without_audio_ends(bench: Bench) -> None:
    bench.go()
    assert read(bench.submit(Text(1, frames=0))) == []


def test_streams_are_made_together_and_are_what_each_is_alone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "MAX_CHUNKS", 100)  # nobody waits for readers
    streams = [bench.submit(Text(name, frames=5 + 3 * name), state=float(100 * name)) for name in range(8)]
    bench.go()
    for name, chunks in enumerate(read_all(streams)):
        assert spoken(chunks) == [100 * name + frame for frame in range(5 + 3 * name)]
        assert {int(code) for chunk in chunks for code in chunk.codes[:, 0]} == {name}
    assert list(range(8)) in bench.frames.steps
    assert len(bench.frames.steps) == 26 + 1, "as many as the longest has, and its end"
    assert (8, 1) in bench.sound.calls


def test_who_waits_joins_in_order_when_there_is_room(bench: Bench) -> None:
    streams = [bench.submit(Text(name, frames=7)) for name in range(12)]
    bench.go()
    assert [len(spoken(chunks)) for chunks in read_all(streams)] == [7] * 12
    joined = list(dict.fromkeys(name for names in bench.frames.steps for name in sorted(names)))
    assert joined == list(range(12))
    assert max(map(len, bench.frames.steps)) == 8


def test_a_slow_reader_is_not_waited_for(bench: Bench) -> None:
    slow, quick = bench.submit(Text(1, frames=200)), bench.submit(Text(2, frames=200))
    bench.go()
    assert len(spoken(read(quick))) == 200
    assert sum(1 in names for names in bench.frames.steps) <= 1 + 2 + 4 * (MAX_CHUNKS - 1)
    assert spoken(read(slow)) == list(range(200))


def test_slow_readers_do_not_keep_others_out(bench: Bench) -> None:
    slow = [bench.submit(Text(name, frames=100)) for name in range(8)]
    late = bench.submit(Text(8, frames=30))
    bench.go()
    assert spoken(read(late)) == list(range(30))
    for stream in slow:
        assert spoken(read(stream)) == list(range(100))


def test_a_stream_that_is_closed_stops_before_the_next_frame(bench: Bench) -> None:
    closed, other = bench.submit(Text(1)), bench.submit(Text(2, frames=50))
    closing_step: list[int] = []

    def close(names: list[int]) -> None:
        if len(bench.frames.steps) == 3:
            closing_step.append(len(bench.frames.steps))
            closed.close()

    bench.frames.before = close
    bench.go()
    assert len(spoken(read(other))) == 50
    assert closing_step == [3]
    assert [1 in names for names in bench.frames.steps[:6]] == [True, True, True, True, False, False]
    assert list(closed) == []


def test_a_stream_that_is_closed_while_it_waits_never_begins(bench: Bench) -> None:
    streams = [bench.submit(Text(name, frames=3)) for name in range(10)]
    streams[9].close()
    bench.go()
    read_all(streams)
    assert all(9 not in names for names in bench.frames.steps)


def test_too_many_that_wait_are_refused_and_those_that_left_do_not_count(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "MAX_WAITING", 2)
    bench.submit(Text(0, frames=1))
    assert bench.joining.wait(DEADLINE_SECONDS)
    waiting = [bench.submit(Text(name, frames=1)) for name in (1, 2)]
    with pytest.raises(Exhausted) as caught:
        bench.submit(Text(3))
    assert caught.value.reason == "MODEL_BUSY"
    waiting[0].close()
    last = bench.submit(Text(3, frames=1))
    bench.go()
    assert len(read(last)) == 1


def test_without_memory_to_join_only_the_one_that_joins_ends(bench: Bench) -> None:
    def join(text: Text) -> None:
        assert bench.gate.wait(DEADLINE_SECONDS)
        if text.name == 2:
            raise OutOfMemory

    bench.frames.joining = join
    streams = [bench.submit(Text(name, frames=20)) for name in (1, 2, 3)]
    bench.go()
    assert len(spoken(read(streams[0]))) == len(spoken(read(streams[2]))) == 20
    with pytest.raises(Exhausted) as caught:
        read(streams[1])
    assert caught.value.reason == "GPU_MEMORY"


@pytest.mark.parametrize("where", ["frames", "sound"])
def test_without_memory_in_the_middle_the_youngest_ends_and_the_others_go_on(bench: Bench, where: str) -> None:
    failed = threading.Event()

    def fail_once(rows: Sequence[int]) -> None:
        if len(rows) == 3 and not failed.is_set() and len(bench.frames.steps) > 5:
            failed.set()
            raise OutOfMemory

    if where == "frames":
        bench.frames.before = fail_once
    else:
        bench.sound.before = fail_once
    streams = [bench.submit(Text(name, frames=40)) for name in (1, 2, 3)]
    bench.go()
    assert spoken(read(streams[0])) == spoken(read(streams[1])) == list(range(40))
    with pytest.raises(Exhausted):
        read(streams[2])
    assert failed.is_set()
    assert bench.batching.usable


def test_another_failure_ends_all_streams_and_the_next_one_speaks(bench: Bench) -> None:
    def fail(names: list[int]) -> None:
        if len(bench.frames.steps) == 4:
            raise RuntimeError("device-side assert")

    bench.frames.before = fail
    streams = [bench.submit(Text(name)) for name in (1, 2)]
    bench.go()
    for stream in streams:
        with pytest.raises(Unavailable) as caught:
            read(stream)
        assert caught.value.reason == "MODEL_FAILED"
    bench.frames.steps.append([])
    assert len(spoken(read(bench.submit(Text(3, frames=6))))) == 6
    assert bench.batching.usable


@pytest.mark.parametrize("where", ["join", "step"])
def test_a_model_that_fails_again_and_again_is_given_up(bench: Bench, where: str) -> None:
    def fail(anything: Any) -> None:
        raise RuntimeError("device-side assert")

    bench.frames.before = fail
    if where == "join":
        bench.frames.joining = fail
    bench.go()
    for _ in range(batching.MAX_FAILURES):
        assert bench.batching.usable
        with pytest.raises(Unavailable):
            read(bench.submit(Text(1)))
    assert not bench.batching.usable
    with pytest.raises(Unavailable):
        bench.submit(Text(1))


def test_closing_ends_what_is_made_and_what_waits(bench: Bench) -> None:
    streams = [bench.submit(Text(name, frames=10**9), max_frames=10**9) for name in range(10)]
    bench.go()
    next(iter(streams[0]))
    bench.batching.close()
    for stream in streams:
        with pytest.raises(Unavailable) as caught:
            read(stream)
        assert caught.value.reason == "MODEL_UNLOADED"
    with pytest.raises(Unavailable):
        bench.submit(Text(1))


def test_streams_that_are_ahead_are_made_in_step(bench: Bench) -> None:
    """What one reader needs is made of all streams that have room for it: each on its own would cost as many frames
    again.
    """
    streams = [bench.submit(Text(name)) for name in range(8)]
    bench.go()
    reader = iter(streams[0])
    assert [len(next(reader).codes) for _ in range(MAX_CHUNKS)] == [1, 2, 4, 4]
    assert {len(names) for names in bench.frames.steps[: 1 + 2 + 4 + 4]} == {8}
