"""Continuous batching: streams of one model are made together, and join and leave between any two frames."""

import atexit
import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from voicebox_kit.errors import Exhausted, Unavailable, VoiceboxError
from voicebox_models.lifecycle import unloaded

from voicebox_tts.engines.codec_models.noise import SamplingNoise

from .admission import FRAME_SECONDS, Admission
from .chunk_sizes import ChunkSizes
from .stream import Codes, FrameChunk, Stream

log = logging.getLogger(__name__)

P = TypeVar("P")
"""An engine's prompt."""
P_contra = TypeVar("P_contra", contravariant=True)
S = TypeVar("S")
"""The state of an engine's codec."""
S_contra = TypeVar("S_contra", contravariant=True)

NOTHING = FrameChunk(np.zeros((0, 1), np.int64), np.zeros(0, np.float32), cut=False)

JOINING_SECONDS = FRAME_SECONDS / 4
"""After this time of prefill for streams that join, the others get their frame."""

MAX_WAITING = 256

MAX_FAILURES = 3
"""After this many failures without a frame between them, the model is given up."""


class Step(Protocol):
    """One frame of several rows: codes (B, num_code_groups); `ended` (B,) are the rows that came to their end
    instead.
    """

    @property
    def codes(self) -> Codes: ...

    @property
    def ended(self) -> NDArray[np.bool_]: ...


class CodeGenerator(Protocol[P_contra]):
    """What generates codes, such as qwen3's FrameGenerator. Rows 0 to n-1 are in use. A step without memory can be
    repeated.
    """

    def begin(self, row: int, prompt: P_contra, noise: SamplingNoise) -> None: ...

    def step(self, count: int, advancing: NDArray[np.bool_]) -> Step: ...

    def move(self, source: int, target: int) -> None: ...


class AudioDecoder(Protocol[S_contra]):
    """What decodes codes to audio, see qwen3's BatchedDecoder."""

    def begin(self, row: int, state: S_contra | None) -> None: ...

    def decode(self, rows: Sequence[int], codes: NDArray[np.int64]) -> Iterable[NDArray[np.float32]]:
        """The audio of each row that can be made now: of these frames, or of earlier ones where the codec waits for
        those that follow.
        """
        ...

    def rest(self, row: int) -> NDArray[np.float32]:
        """What waits for frames that do not come any more; once."""
        ...

    def move(self, source: int, target: int) -> None: ...


@dataclass(frozen=True)
class GenerationRequest(Generic[P, S]):
    """What a stream is to speak: its prompt, its random numbers, the codec's state after the voice's own recording, and
    the most frames.
    """

    prompt: P
    noise: SamplingNoise
    codec_state: S | None
    max_frames: int


@dataclass(eq=False)
class _Row(Generic[P, S]):
    """A stream of the batch, or one that waits; used by the batcher's thread only. `number` counts those that
    joined.
    """

    request: GenerationRequest[P, S]
    stream: Stream
    number: int = 0
    pending: list[NDArray[np.int64]] = field(default_factory=list)
    frames: int = 0
    chunks: int = 0
    ended: bool = False
    last: FrameChunk = NOTHING
    """The chunk with which it ends."""

    @property
    def is_done(self) -> bool:
        """Whether no frame follows."""
        return self.ended or self.frames >= self.request.max_frames


class Batcher(Generic[P, S]):
    """One thread that makes the frames of all streams of a model. It sleeps while there is no work."""

    def __init__(
        self,
        frames: CodeGenerator[P],
        decoder: AudioDecoder[S],
        admission: Admission,
        chunk_sizes: ChunkSizes,
        clock: Callable[[], float],
        is_out_of_memory: Callable[[Exception], bool],
        prepare: Callable[[], None] = lambda: None,
    ) -> None:
        """`prepare` is called first of all in the thread."""
        self._frames, self._decoder, self._admission, self._chunk_sizes = frames, decoder, admission, chunk_sizes
        self._clock, self._is_out_of_memory, self._prepare = clock, is_out_of_memory, prepare
        # Reentrant: a stream may be closed by the garbage collection, which runs in any thread.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._rows: list[_Row[P, S]] = []  # as they lie in `frames` and `decoder`
        self._waiting: deque[_Row[P, S]] = deque()
        self._joined = 0
        self._failures = 0
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="batcher", daemon=True)
        self._thread.start()
        atexit.register(self.close)  # torch aborts a process that ends while a thread that used it lives

    @property
    def usable(self) -> bool:
        """False after MAX_FAILURES."""
        return self._failures < MAX_FAILURES

    def submit(self, request: GenerationRequest[P, S]) -> Stream:
        """Queue a stream. Raises Exhausted when too many wait, Unavailable when the model is unloaded or given up."""
        with self._changed:
            if self._closed:
                raise unloaded()
            if not self.usable:
                raise _failed()
            self._remove_closed()
            if len(self._waiting) >= MAX_WAITING:
                raise Exhausted("MODEL_BUSY", f"{MAX_WAITING} texts wait to be spoken already.", 1.0)
            stream = Stream(self._changed)
            self._waiting.append(_Row(request, stream))
            self._changed.notify_all()
        return stream

    def close(self) -> None:
        """End all streams with Unavailable, and return when the frame that runs is done."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()
        atexit.unregister(self.close)

    def _run(self) -> None:
        self._prepare()
        while self._wait_for_work():
            try:
                self._frame()
            except Exception:  # devices raise any error: no reader may wait for ever
                log.exception("the model failed: its streams end")
                self._failures += 1
                self._end_all(_failed)
        self._end_all(unloaded)

    def _wait_for_work(self) -> bool:
        """Wait until there is a frame to make or a stream to drop; False once the batching is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._has_work())
            return not self._closed

    def _has_work(self) -> bool:
        return bool(self._waiting) or any(row.stream.is_wanted for row in self._rows)

    def _frame(self) -> None:
        """One frame of all streams but those of slow readers, who must not keep others out: while others wait, theirs
        go on as well.

        What is made ahead of them is at most a piece of text each, 6 MB of audio.
        """
        self._drop([row for row in self._rows if row.stream.closed])
        self._join()
        with self._lock:
            self._remove_closed()
            advancing = np.array([bool(self._waiting) or not row.stream.is_full for row in self._rows], np.bool_)
        if not advancing.any():
            return
        count, started = len(self._rows), self._clock()
        if self._step(advancing):
            while not self._decode_due():
                pass
            self._admission.measured(count, self._clock() - started)
            self._failures = 0

    def _join(self) -> None:
        """Have waiting streams join, in order: as many as are admitted, and for JOINING_SECONDS."""
        until = self._clock() + JOINING_SECONDS
        while self._admission.admits(len(self._rows)) and (row := self._next_waiting()):
            self._begin(row)
            if self._clock() >= until:
                return

    def _next_waiting(self) -> _Row[P, S] | None:
        with self._lock:
            self._remove_closed()
            return self._waiting.popleft() if self._waiting else None

    def _remove_closed(self) -> None:
        """Remove waiting streams that were closed; the lock is held."""
        self._waiting = deque(row for row in self._waiting if not row.stream.closed)

    def _begin(self, row: _Row[P, S]) -> None:
        """Have a stream join. When it cannot, it ends, and the others go on."""
        index = len(self._rows)
        try:
            self._frames.begin(index, row.request.prompt, row.request.noise)
            self._decoder.begin(index, row.request.codec_state)
        except Exception as error:
            self._refuse(row.stream, error)
            return
        self._joined += 1
        row.number = self._joined
        self._rows.append(row)

    def _refuse(self, stream: Stream, error: Exception) -> None:
        out_of_memory = self._is_out_of_memory(error)
        log.warning("a stream could not join", exc_info=None if out_of_memory else error)
        self._failures += not out_of_memory
        stream.end(exhausted() if out_of_memory else _failed())

    def _step(self, advancing: NDArray[np.bool_]) -> bool:
        """Make a frame of the rows that advance; False when there was no memory for it."""
        try:
            step = self._frames.step(len(self._rows), advancing)
        except Exception as error:
            self._make_room(error)
            return False
        for row, codes, ended, advanced in zip(self._rows, step.codes, step.ended, advancing, strict=True):
            if advanced and ended:
                row.ended = True
            elif advanced:
                row.pending.append(codes)
                row.frames += 1
        return True

    def _decode_due(self) -> bool:
        """Decode all rows that have a chunk, those with chunks of one size together; False when there was no memory for
        it.
        """
        due: dict[int, list[int]] = {}
        for number, row in enumerate(self._rows):
            if row.pending and (row.is_done or len(row.pending) >= self._chunk_sizes.size(row.chunks)):
                due.setdefault(len(row.pending), []).append(number)
        for numbers in due.values():
            try:
                self._decode(numbers)
            except Exception as error:
                self._make_room(error)
                return False
        try:
            done = [(row, self._decoder.rest(number)) for number, row in enumerate(self._rows) if row.is_done]
        except Exception as error:
            self._make_room(error)
            return False
        for row, rest in done:
            samples = np.concatenate((row.last.samples, rest))
            if samples.size:
                row.stream.put(replace(row.last, samples=samples))
            row.stream.end()
        self._drop([row for row, _ in done])
        return True

    def _decode(self, numbers: Sequence[int]) -> None:
        """A chunk of each of these rows, which are of one size."""
        rows = [self._rows[number] for number in numbers]
        codes = np.stack([np.stack(row.pending) for row in rows])
        audio = self._decoder.decode(numbers, codes)
        for row, own, samples in zip(rows, codes, audio, strict=True):
            row.pending = []
            row.chunks += 1
            if row.is_done:
                row.last = FrameChunk(own, samples, cut=not row.ended)
            else:
                row.stream.put(FrameChunk(own, samples, cut=False))
        # A reader that wakes on this thread's core has its turn now: else it waits for the kernel's time slice of 3 ms.
        os.sched_yield()

    def _make_room(self, error: Exception) -> None:
        """Out of memory, the newest stream gives way to the others; any other error is raised again."""
        if not self._is_out_of_memory(error):
            raise error
        log.warning("the device has no memory left for %d streams: the newest ends", len(self._rows))
        newest = max(self._rows, key=lambda row: row.number)
        newest.stream.end(exhausted())
        self._drop([newest])

    def _drop(self, rows: Sequence[_Row[P, S]]) -> None:
        """Take streams out; the last row moves into its place, so that rows in use are 0 to n-1."""
        for row in rows:
            number, last = self._rows.index(row), len(self._rows) - 1
            if number != last:
                self._frames.move(last, number)
                self._decoder.move(last, number)
            self._rows[number] = self._rows[last]
            self._rows.pop()

    def _end_all(self, failure: Callable[[], VoiceboxError]) -> None:
        """End what is made and what waits."""
        with self._lock:
            for row in (*self._rows, *self._waiting):
                row.stream.end(failure())
            self._rows.clear()
            self._waiting.clear()


def exhausted() -> Exhausted:
    """The error of a device without memory."""
    return Exhausted(
        "GPU_MEMORY", "The model's device has no memory left for this: try again when less is spoken.", 5.0
    )


def _failed() -> Unavailable:
    return Unavailable("MODEL_FAILED", "The model failed while it spoke; the server's log says why.", 5.0)
