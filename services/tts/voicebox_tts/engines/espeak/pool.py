"""A few espeak-ng processes, each speaking one text at a time."""

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicebox_kit.errors import StartError, Unavailable
from voicebox_models.lifecycle import unloaded

SCRIPT = Path(__file__).with_name("process.py")
STEP_SECONDS = 5.0
"""A frame takes under 1 ms: a process that is silent for so long is stuck."""
STOP_SECONDS = 1.0


@dataclass(frozen=True)
class Hello:
    """The library's version and voices."""

    version: str
    sample_rate_hz: int
    voices: tuple[dict[str, Any], ...]


class EspeakProcess:
    """One process. One thread at a time reads it; `stop` and `kill` may come from another."""

    def __init__(self) -> None:
        """Starts it, in 0.1 s; StartError when the library or its data is missing."""
        command = [sys.executable, "-I", "-S", str(SCRIPT)]
        # A group of its own: Ctrl-C at the terminal is for the server, which ends its streams in order.
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, process_group=0
        )
        self._received = bytearray()
        try:
            self.hello = self._hello()
        except StartError:
            self.close()
            raise

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._child.poll() is None

    def send(self, request: dict[str, Any]) -> None:
        """Send a request; its frames must be read up to D or F before the next."""
        self._write(json.dumps(request).encode() + b"\n")

    def stop(self) -> None:
        """End the text that is being spoken: D comes at once."""
        self._write(b"\n")

    def read(self) -> tuple[bytes, bytes]:
        """The next frame: letter and body. EOFError when the process has ended, TimeoutError when it is stuck."""
        head = self._take(5)
        return head[:1], self._take(int.from_bytes(head[1:], "little"))

    def kill(self) -> None:
        """End the process: its reader gets EOFError. Any thread may call this."""
        with suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)  # and its fork, which speaks

    def close(self) -> None:
        """End the process and free its pipes."""
        self.kill()
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            assert pipe is not None
            pipe.close()

    def _hello(self) -> Hello:
        try:
            letter, body = self.read()
        except (EOFError, TimeoutError) as error:
            raise StartError(f"The espeak engine does not start: {error}.") from error
        if letter != b"H":
            raise StartError(
                f"The espeak engine needs the Debian packages libespeak-ng1 and espeak-ng-data: {body.decode()}."
            )
        hello = json.loads(body)
        return Hello(hello["version"], hello["sample_rate_hz"], tuple(hello["voices"]))

    def _write(self, data: bytes) -> None:
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(data)
        except OSError as error:
            raise EOFError("the espeak-ng process has ended") from error

    def _take(self, size: int) -> bytes:
        assert self._child.stdout is not None
        pipe, readable = self._child.stdout.fileno(), select.poll()
        readable.register(pipe, select.POLLIN)
        while len(self._received) < size:
            if not readable.poll(STEP_SECONDS * 1000):
                raise TimeoutError("the espeak-ng process is stuck")
            if not (data := os.read(pipe, 1 << 16)):
                raise EOFError("the espeak-ng process has ended")
            self._received += data
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken


class EspeakPool:
    """At most so many processes, started when they are needed. Thread-safe."""

    def __init__(self, max_processes: int, first: EspeakProcess) -> None:
        self._max_processes = max_processes
        self._idle = [first]
        self._count = 1
        self._closed = False
        self._changed = threading.Condition()

    def acquire(self, wait_seconds: float = 10.0) -> EspeakProcess:
        """A process for one text; Unavailable when all are busy for so long, or the engine was unloaded."""
        deadline = time.monotonic() + wait_seconds
        with self._changed:
            while not self._idle and self._count >= self._max_processes and not self._closed:
                if not self._changed.wait(deadline - time.monotonic()):
                    raise Unavailable("ENGINE_BUSY", "All espeak-ng processes are busy.")
            if self._closed:
                raise unloaded()
            if self._idle:
                process = self._idle.pop()
                if process.alive:
                    return process
                process.close()
            else:
                self._count += 1
        return self._start()

    def release(self, process: EspeakProcess) -> None:
        """After D or F: the next may have it."""
        with self._changed:
            if not self._closed:
                self._idle.append(process)
                self._changed.notify()
                return
        self.discard(process)

    def discard(self, process: EspeakProcess) -> None:
        """A process in an unknown state: another will be started when it is needed."""
        process.close()
        with self._changed:
            self._count -= 1
            self._changed.notify()

    def close(self) -> None:
        """End the idle processes now, and the busy ones when they come back."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
            self._changed.notify_all()
        for process in idle:
            self.discard(process)

    def _start(self) -> EspeakProcess:
        try:
            return EspeakProcess()
        except BaseException:
            with self._changed:
                self._count -= 1
                self._changed.notify()
            raise
