"""Makes the frames of all streams of one model together: streams join and leave between any two frames."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from voicebox_kit.errors import Exhausted, Unavailable, VoiceboxError

from ...engine import Samples
from .admission import FRAME_SECONDS, Admission
from .chunks import Schedule

log = logging.getLogger(__name__)

JOINING_SECONDS = FRAME_SECONDS / 4
"""After so long of reading the texts of streams that join, the others have their frame."""

MOST_CHUNKS = 3
"""A stream whose reader has so many chunks before it waits: with 8 frames each, 2 s of sound."""

FAILURES = 3
"""After so many failures without a frame between them the model is given up."""

Codes = NDArray[np.int64]
"""Shape (frames, groups)."""


class Step(Protocol):
    """One frame of several rows: `codes` of shape (rows, groups); `ended` tells of each row that its end came instead of a frame."""

    @property
    def codes(self) -> Codes: ...

    @property
    def ended(self) -> NDArray[np.bool_]: ...


L = TypeVar("L", contravariant=True)
N = TypeVar("N", contravariant=True)
C = TypeVar("C", contravariant=True)


class FrameRows(Protocol[L, N]):
    """What makes codes, as frames.Frames."""

    def begin(self, row: int, layout: L, noise: N) -> None: ...

    def step(self, count: int, advancing: NDArray[np.bool_]) -> Step: ...

    def move(self, source: int, target: int) -> None: ...


class SoundRows(Protocol[C]):
    """What makes sound of codes, as codec.CodecRows."""

    def begin(self, row: int, state: C | None) -> None: ...

    def decode(self, rows: Sequence[int], codes: Codes) -> Samples: ...

    def move(self, source: int, target: int) -> None: ...


Layout = TypeVar("Layout")
Noise = TypeVar("Noise")
CodecState = TypeVar("CodecState")


@dataclass(frozen=True)
class Speaking(Generic[Layout, Noise, CodecState]):
    """What a stream is to say: the prompt's layout, its noise, the codec after the voice's own recording, and the most frames."""

    layout: Layout
    noise: Noise
    codec_state: CodecState | None
    most_frames: int


@dataclass(frozen=True)
class Chunk:
    """Some frames and their sound. `cut`: they are the last, and the model had not come to its end."""

    codes: Codes
    samples: Samples
    cut: bool


@dataclass(eq=False)
class _Row(Generic[Layout, Noise, CodecState]):
    """A stream that is made: what the batching thread alone knows of it."""

    speaking: Speaking[Layout, Noise, CodecState]
    stream: "Stream"
    pending: list[NDArray[np.int64]] = field(default_factory=list)
    frames: int = 0
    chunks: int = 0
    ended: bool = False

    @property
    def at_limit(self) -> bool:
        return self.frames >= self.speaking.most_frames


class Stream:
    """One stream, as its reader sees it. `close` may be called at any time."""

    def __init__(self, changed: threading.Condition) -> None:
        self._changed = changed
        self._chunks: deque[Chunk] = deque()
        self._failure: VoiceboxError | None = None
        self._done = False
        self.closed = False

    def __iter__(self) -> Iterator[Chunk]:
        """The chunks as they are made. Raises Exhausted when the device's memory does not do, Unavailable when the model fails."""
        while chunk := self._next():
            yield chunk

    def close(self) -> None:
        """Nobody reads on: the model stops before its next frame."""
        with self._changed:
            self.closed = True
            self._chunks.clear()
            self._changed.notify_all()

    def _next(self) -> Chunk | None:
        with self._changed:
            self._changed.wait_for(lambda: self._chunks or self._done or self.closed)
            if self._chunks:
                self._changed.notify_all()
                return self._chunks.popleft()
            if self._failure:
                raise self._failure
            return None

    # The batching thread calls these, and holds the lock.

    @property
    def is_full(self) -> bool:
        return len(self._chunks) >= MOST_CHUNKS

    def put(self, chunk: Chunk) -> None:
        self._chunks.append(chunk)

    def end(self, failure: VoiceboxError | None = None) -> None:
        self._done, self._failure = True, failure


class Batching(Generic[Layout, Noise, CodecState]):
    """One thread that makes the frames of all streams of a model. It sleeps while nobody wants any."""

    def __init__(
        self,
        frames: FrameRows[Layout, Noise],
        sound: SoundRows[CodecState],
        admission: Admission,
        schedule: Schedule,
        clock: Callable[[], float],
        is_out_of_memory: Callable[[Exception], bool],
        most_waiting: int = 256,
    ) -> None:
        self._frames, self._sound, self._admission, self._schedule = frames, sound, admission, schedule
        self._clock, self._is_out_of_memory, self._most_waiting = clock, is_out_of_memory, most_waiting
        self._rows: list[_Row[Layout, Noise, CodecState]] = []  # as they lie in `frames` and `sound`
        self._waiting: deque[_Row[Layout, Noise, CodecState]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name="qwen3", daemon=True)
        self._thread.start()

    @property
    def usable(self) -> bool:
        """Whether it has not failed again and again."""
        return self._failures < FAILURES

    @property
    def streams(self) -> int:
        """How many are being made."""
        return len(self._rows)

    def submit(self, speaking: Speaking[Layout, Noise, CodecState]) -> Stream:
        """Begin a stream, when its turn comes. Raises Exhausted when too many wait, Unavailable when the model is unloaded or gone."""
        with self._changed:
            if self._closed:
                raise _unloaded()
            if not self.usable:
                raise _failed()
            if len(self._waiting) >= self._most_waiting:
                raise Exhausted("MODEL_BUSY", f"{self._most_waiting} texts wait to be spoken already.", 1.0)
            stream = Stream(self._changed)
            self._waiting.append(_Row(speaking, stream))
            self._changed.notify_all()
        return stream

    def close(self) -> None:
        """End all streams with Unavailable, and return when the frame that runs is done."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while self._wait_for_work():
            try:
                self._frame()
                self._failures = 0
            except Exception as error:  # a device fails with what it likes: nobody is to wait for ever
                log.exception("the model failed: its streams end")
                self._failures += 1
                self._end_all(_failed(error))
        self._end_all(_unloaded())

    def _wait_for_work(self) -> bool:
        """Drop what nobody reads, and wait until there is a frame to make; False once it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._has_work())
            self._waiting = deque(row for row in self._waiting if not row.stream.closed)
            self._drop([row for row in self._rows if row.stream.closed])
            return not self._closed

    def _has_work(self) -> bool:
        if any(row.stream.closed for row in (*self._rows, *self._waiting)):
            return True
        return bool(self._waiting and self._admits()) or any(not row.stream.is_full for row in self._rows)

    def _admits(self) -> bool:
        return self._admission.admits(len(self._rows))

    def _frame(self) -> None:
        """One frame of all that are not before a slow reader."""
        self._join()
        with self._changed:
            advancing = np.array([not (row.stream.is_full or row.stream.closed) for row in self._rows], np.bool_)
        if not advancing.any():
            return
        started = self._clock()
        count = len(self._rows)
        if self._step(advancing) and self._decode_what_is_due():
            self._admission.measured(count, self._clock() - started)

    def _join(self) -> None:
        """Have those that wait join, in their order, as many as there is room and time for."""
        until = self._clock() + JOINING_SECONDS
        while self._admits() and (row := self._first_waiting()):
            number = len(self._rows)
            self._rows.append(row)
            try:
                self._frames.begin(number, row.speaking.layout, row.speaking.noise)
                self._sound.begin(number, row.speaking.codec_state)
            except Exception as error:
                self._end_youngest(error)
            if self._clock() >= until:
                return

    def _first_waiting(self) -> _Row[Layout, Noise, CodecState] | None:
        with self._changed:
            return self._waiting.popleft() if self._waiting else None

    def _step(self, advancing: NDArray[np.bool_]) -> bool:
        """Make a frame of the rows that advance; False when memory ran out, and the youngest stream has ended for it."""
        try:
            step = self._frames.step(len(self._rows), advancing)
        except Exception as error:
            self._end_youngest(error)
            return False
        for row, codes, ended, advanced in zip(self._rows, step.codes, step.ended, advancing, strict=True):
            if advanced and ended:
                row.ended = True
            elif advanced:
                row.pending.append(codes)
                row.frames += 1
        return True

    def _decode_what_is_due(self) -> bool:
        """Decode all rows that have a chunk, those with chunks of one size together; False when memory ran out."""
        due: dict[int, list[int]] = {}
        for number, row in enumerate(self._rows):
            is_last = row.ended or row.at_limit
            if row.pending and (is_last or len(row.pending) >= self._schedule.size(row.chunks)):
                due.setdefault(len(row.pending), []).append(number)
        for size, numbers in due.items():
            try:
                self._decode(numbers, size)
            except Exception as error:
                self._end_youngest(error)
                return False
        with self._changed:
            finished = [row for row in self._rows if (row.ended or row.at_limit) and not row.pending]
            for row in finished:
                row.stream.end()
            self._drop(finished)
            self._changed.notify_all()
        return True

    def _decode(self, numbers: Sequence[int], size: int) -> None:
        rows = [self._rows[number] for number in numbers]
        codes = np.stack([np.stack(row.pending) for row in rows])
        sound = self._sound.decode(numbers, codes).reshape(len(rows), size, -1)
        with self._changed:
            for row, own, samples in zip(rows, codes, sound, strict=True):
                row.stream.put(Chunk(own, samples.reshape(-1), cut=row.at_limit and not row.ended))
                row.pending.clear()
                row.chunks += 1

    def _drop(self, rows: Sequence[_Row[Layout, Noise, CodecState]]) -> None:
        """Take streams out; the last row takes the place of one that leaves, so that rows in use are 0 to n-1."""
        for row in rows:
            number, last = self._rows.index(row), len(self._rows) - 1
            if number != last:
                self._frames.move(last, number)
                self._sound.move(last, number)
                self._rows[number] = self._rows[last]
            self._rows.pop()

    def _end_youngest(self, error: Exception) -> None:
        """Out of memory, the newest stream gives way to the others; any other error is raised again."""
        if not self._is_out_of_memory(error):
            raise error
        log.warning("the device has no memory left for %d streams: the youngest ends", len(self._rows))
        youngest = self._youngest()
        with self._changed:
            youngest.stream.end(Exhausted("GPU_MEMORY", "The model's device has no memory left for this: try again when less is spoken.", 5.0))
            self._drop([youngest])
            self._changed.notify_all()
