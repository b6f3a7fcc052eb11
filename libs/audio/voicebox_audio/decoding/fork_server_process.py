"""The warm process that the decoder's children are forked from: `python -m voicebox_audio.decoding.fork_server_process
CONTROL_FD`.

It has imported all that a child needs (0.2 s), so that a child is at work 2 ms after it is requested. It reads no
untrusted byte. Each message on its control socket brings two descriptors: a child's socket, and the lifeline, a pipe
whose other end the decoder holds.
"""

import contextlib
import fcntl
import gc
import io
import os
import signal
import socket
import sys

import numpy as np

from voicebox_audio.encoding.encoder import open_encoder
from voicebox_audio.encoding.encodings import Encoding
from voicebox_audio.formats.ffmpeg import open_libav
from voicebox_audio.formats.input import EncodedInput

from .confinement import address_space_bytes, confine_permanently
from .worker import work


def serve(control: socket.socket) -> None:
    """Forks a child for each job until the control socket is closed, which is also what the decoder's death does."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps the children
    _warm_up()
    confine_permanently()
    own_bytes = address_space_bytes()
    gc.freeze()  # a child's garbage collection would otherwise copy all pages that it shares with us
    control.sendall(b"w")
    while descriptors := socket.recv_fds(control, 1, 2)[1]:
        channel, lifeline = descriptors
        with contextlib.suppress(
            OSError
        ):  # no process to be had: the child's socket closes before it is ready, which the decoder notices
            if os.fork() == 0:
                _become_worker(control, channel, lifeline, own_bytes)
        for descriptor in descriptors:
            os.close(descriptor)


def _warm_up() -> None:
    """Decodes files of our own: on first use PyAV imports half of itself, but a child may open no file, and FFmpeg
    fills its tables.
    """
    for encoding, container in ((Encoding.OGG_OPUS, "ogg"), (Encoding.MP3, "mp3")):
        encoder = open_encoder(encoding, 16_000)
        file = io.BytesIO(encoder.push(np.zeros(1_600, np.float32)) + encoder.finish())
        for _ in open_libav(EncodedInput(file.read, len(file.getvalue())), container).pieces:
            pass


def _become_worker(control: socket.socket, channel: int, lifeline: int, own_bytes: int) -> None:
    """Does one job in this process, which ends here whatever happens."""
    try:
        control.close()
        _end_with_parent(lifeline)
        work(socket.socket(fileno=channel), own_bytes)
    finally:
        os._exit(0)


def _end_with_parent(lifeline: int) -> None:
    """Has the kernel kill this process (by SIGIO, whose default is to terminate) as soon as the lifeline's other end is
    closed.

    It needs no process id that may have passed to another process, and works in the middle of a computation.
    """
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
