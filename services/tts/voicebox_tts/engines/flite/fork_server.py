"""The process that speaks with libflite, and its forks, each of which makes one piece of text."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping
from contextlib import suppress

from voicebox_kit.errors import StartError
from voicebox_models.lifecycle import unloaded

COMMAND = (sys.executable, "-I", "-m", "voicebox_tts.engines.flite.process")
STEP_SECONDS = 30.0
"""A step takes 0.1 s at most, and on a machine that is busy with others some more: a fork that is silent for so long is
stuck.
"""


class Fork:
    """One piece while it is made. One thread reads it; `stop` may come from another."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._stream.settimeout(STEP_SECONDS)
        self._frames = stream.makefile("rb")

    def resume(self) -> None:
        """Let it work, up to its next Y."""
        with suppress(OSError):  # it has ended: `read` says so
            self._stream.send(b"g")

    def read(self) -> tuple[bytes, bytes]:
        """The next frame: letter and body. EOFError when the fork has ended, TimeoutError when it is stuck."""
        head = self._frames.read(5)
        size = int.from_bytes(head[1:], "little")
        body = self._frames.read(size) if size else b""
        if len(head) < 5 or len(body) < size:
            raise EOFError("libflite broke")
        return head[:1], body

    def stop(self) -> None:
        """End it: whoever reads it gets EOFError."""
        with suppress(OSError):
            self._stream.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Free the socket; a fork that still works ends at its next step."""
        self._frames.close()
        self._stream.close()


class ForkServer:
    """The process that loaded the library. Any thread may use it; a dead one is started again."""

    def __init__(self) -> None:
        """Starts it, in 0.2 s; StartError when the library is missing."""
        self._lock = threading.Lock()
        self._closed = False
        self._start()

    def fork(self, request: Mapping[str, object]) -> Fork:
        """Begin a piece: see process.py for requests. Unavailable after `close`, OSError when the process is about to
        end.
        """
        body = json.dumps(request).encode()
        own, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with other:
                self._send(body, other)
        except BaseException:
            own.close()
            raise
        return Fork(own)

    def close(self) -> None:
        """End the process; pieces that are being made are made to their end."""
        with self._lock:
            self._closed = True
            self._end()

    def _send(self, body: bytes, stream: socket.socket) -> None:
        with self._lock:
            if self._closed:
                raise unloaded()
            if self.process.poll() is not None:
                self._end()
                self._start()
            socket.send_fds(self._requests, [body], [stream.fileno()])

    def _start(self) -> None:
        self._requests, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other:  # a group of its own: Ctrl-C at the terminal is for the server, which ends its streams in order
            self.process = child = subprocess.Popen(
                COMMAND, stdin=other.fileno(), stdout=subprocess.PIPE, process_group=0
            )
        self._end = weakref.finalize(self, _end, self._requests, child)  # also when the engine is never unloaded
        assert child.stdout is not None
        with child.stdout as hello:
            line = hello.readline()
        if line != b"\n":
            self._end()
            raise StartError(line.decode().strip() or "The process of the flite engine does not start.")


def _end(requests: socket.socket, child: "subprocess.Popen[bytes]") -> None:
    requests.close()
    with suppress(ProcessLookupError):
        os.kill(child.pid, signal.SIGTERM)
    child.wait()
