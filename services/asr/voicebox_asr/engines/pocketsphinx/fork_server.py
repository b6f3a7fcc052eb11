"""The process that has loaded the decoder, and forks one for each session."""

import socket
import subprocess
import sys
import threading
from pathlib import Path

from voicebox_kit.errors import StartError
from voicebox_models.lifecycle import unloaded

from .process import READY

LOAD_SECONDS = 60.0
"""Loading takes 0.3 s; a machine that needs longer than this is broken."""


class ForkServer:
    """Thread-safe. Sessions that it forked live on when it is closed."""

    def __init__(self) -> None:
        """Starts the process; StartError when the decoder cannot be loaded."""
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair()
        self._control.settimeout(LOAD_SECONDS)
        with theirs:
            command = [sys.executable, "-P", "-m", f"{__package__}.process", str(theirs.fileno())]
            self._process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
            )
        if not self._is_ready():
            self.close()
            raise StartError("The pocketsphinx decoder did not start; the log says why.")

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def memory_bytes(self) -> int:
        """Resident memory of the process; 0 when it has ended, or where there is no /proc."""
        try:
            pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        except (OSError, IndexError):
            return 0
        return pages * 4096

    def serve(self, session: socket.socket) -> None:
        """Fork a decoder that answers on the other end of `session`; Unavailable after `close`."""
        with self._lock:
            if self._control.fileno() < 0:
                raise unloaded()
            socket.send_fds(self._control, [b"S"], [session.fileno()])

    def close(self) -> None:
        with self._lock:
            self._control.close()
            self._process.kill()  # it holds nothing but memory
            self._process.wait()

    def _is_ready(self) -> bool:
        try:
            return self._control.recv(1) == READY
        except TimeoutError:
            return False
