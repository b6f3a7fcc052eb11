"""The decoder's side of the zygote: starts it, gets children from it, and starts it again when it has died."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys

from voicebox_audio.errors import DecoderUnavailable

from .worker_process import Worker

_WARM_SECONDS = 20.0
"""How long the zygote may take to start: a hundred times what it takes on an idle machine."""
_RETRY_SECONDS = 0.005
"""How long to wait before asking again when hundreds of requests for children are waiting already."""


class ForkServer:
    """Holds one zygote and gets children from it."""

    def __init__(self) -> None:
        self._zygote: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        """Returns when there is a warm zygote. DecoderUnavailable when it cannot be started."""
        await self._warm()

    async def child(self) -> Worker:
        """A new child that has said hello. DecoderUnavailable when there is none to be had."""
        for _ in range(2):
            child = await _ask(await self._warm())
            try:
                if await child.says_hello():
                    return child
            except BaseException:
                child.close()
                raise
            child.close()
        raise DecoderUnavailable("The audio decoder cannot start a process.")

    def close(self) -> None:
        """Lets the zygote end. Children that are at work end with their own leashes."""
        if self._control is not None and self._zygote is not None:
            _end(self._zygote, self._control)
        self._zygote, self._control = None, None

    async def _warm(self) -> socket.socket:
        """The control socket of a zygote that lives."""
        async with self._starting:
            if self._control is not None and _has_ended(self._control):
                self.close()
            if self._control is None:
                self._zygote, self._control = await _start()
            return self._control


async def _start() -> tuple[subprocess.Popen[bytes], socket.socket]:
    zygote, control = _spawn()
    warm = b""
    try:
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(_WARM_SECONDS):
                warm = await asyncio.get_running_loop().sock_recv(control, 1)
    finally:
        if not warm:
            _end(zygote, control)
    if not warm:
        raise DecoderUnavailable("The audio decoder's process does not start.")
    return zygote, control


def _spawn() -> tuple[subprocess.Popen[bytes], socket.socket]:
    control, theirs = socket.socketpair()
    control.setblocking(False)
    with theirs:
        zygote = subprocess.Popen(
            [sys.executable, "-m", "voicebox_audio.decoding.fork_server_process", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            # No secret of the service's environment comes near a stranger's file. One thread: a process that has more
            # must not fork.
            env={
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                "OPENBLAS_NUM_THREADS": "1",
                "OMP_NUM_THREADS": "1",
            },
            start_new_session=True,  # Ctrl-C is for the service, which then lets its running streams finish
        )
    return zygote, control


def _has_ended(control: socket.socket) -> bool:
    """Whether the zygote has closed its end. A dying process does that before the system tells that it has died."""
    try:
        return not control.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def _end(zygote: subprocess.Popen[bytes], control: socket.socket) -> None:
    control.close()
    zygote.kill()
    zygote.wait()


async def _ask(control: socket.socket) -> Worker:
    """Asks the zygote for a child, which may never say hello."""
    channel, theirs = socket.socketpair()
    leash_end, leash = os.pipe()
    channel.setblocking(False)
    child = Worker(channel, leash)
    try:
        while True:
            try:
                socket.send_fds(control, [b"c"], [theirs.fileno(), leash_end])
            except BlockingIOError:
                await asyncio.sleep(_RETRY_SECONDS)
            except ConnectionError:
                return child
            else:
                return child
    except BaseException:
        child.close()
        raise
    finally:
        theirs.close()
        os.close(leash_end)
