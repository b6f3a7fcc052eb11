"""A program that speaks with libflite: a fork of it for each piece of text, so that pieces are made side by side.

A program of its own, because libflite draws its noise from libc's rand(): in a process with other threads these draw
from it too (gRPC does), and the same seed would not give the same samples.

Standard input is a socket (AF_UNIX, SOCK_SEQPACKET). Each message is a JSON object, {"voice", "text", "speed",
"f0_factor", "f0_spread_hz", "seed"}, and carries the file descriptor of a stream socket, on which a fork speaks. The
client sends a byte there to let it work: before its first step, and after each Y. Standard output has one line, once:
empty when the library is loaded, else a sentence.

Frames on the stream socket are a letter, a 4-byte little-endian length, and so many bytes:

W  the words, before any audio: JSON [[text, start, end], ...] in seconds
    A  audio: native signed 16-bit samples, mono
    Y  it waits for a byte
    D  done: the piece is spoken. A socket that ends without it means that the fork broke

A fork ends as soon as its socket is closed. Needs the standard library alone.
"""

import json
import os
import signal
import socket
import sys
from typing import NoReturn

from .library import Features, Flite, SpokenWord

EARLY_CHUNKS, LATER_CHUNKS = 3, 2
"""The first so many chunks of a piece are frames of their own; later ones are sent so many at a time, since each frame
costs its reader.
"""
TURN_CHUNKS = 10
"""Of 0.1 s of audio, which takes 1 to 2 ms: what a fork makes of its piece before others may go first. It fits into a
socket's buffer.
"""
MAX_REQUEST_BYTES = 8192
NICENESS = 5
"""Of the forks, which take every core that there is: the server, which admits, refuses and sends, goes before them.
With 64 callers on two cores a quarter fewer refusals took longer than 50 ms.
"""


def frame(letter: bytes, body: bytes = b"") -> bytes:
    """One frame."""
    return letter + len(body).to_bytes(4, "little") + body


class _Piece:
    """Hands a piece on while it is made; it is a Listener."""

    def __init__(self, out: socket.socket) -> None:
        self._out, self._chunks, self._held = out, 0, bytearray()

    def begin(self, words: list[SpokenWord]) -> None:
        body = json.dumps([(word.text, word.start_seconds, word.end_seconds) for word in words]).encode()
        self._out.sendall(frame(b"W", body))

    def write(self, samples: bytes) -> bool:
        self._chunks += 1
        self._held += samples
        is_turns_end = self._chunks % TURN_CHUNKS == 0
        if is_turns_end or self._chunks <= EARLY_CHUNKS or len(self._held) >= LATER_CHUNKS * len(samples):
            self.send()
        if not is_turns_end:
            return True
        self._out.sendall(frame(b"Y"))
        return self.may_go_on()

    def send(self) -> None:
        """Send what is held."""
        if self._held:
            self._out.sendall(frame(b"A", bytes(self._held)))
            self._held.clear()

    def may_go_on(self) -> bool:
        """Wait for the byte; False when the client has left."""
        return bool(self._out.recv(1))


def _speak_and_exit(flite: Flite, request: dict[str, object], out: socket.socket) -> NoReturn:
    status = 1
    os.nice(NICENESS)
    try:
        piece = _Piece(out)
        if piece.may_go_on():
            voice, text, seed = str(request.pop("voice")), str(request.pop("text")), int(str(request.pop("seed")))
            flite.speak(voice, text.encode("ascii"), Features(**request), seed, piece)  # type: ignore[arg-type]
            piece.send()
            out.sendall(frame(b"D"))
            status = 0
    except OSError:  # the client has left
        status = 0
    finally:
        os._exit(status)


def serve(flite: Flite, requests: socket.socket) -> None:
    """Fork for each request, until the other side closes its end."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel takes the ended forks away
    while True:
        body, descriptors, _, _ = socket.recv_fds(requests, MAX_REQUEST_BYTES, 1)
        if not body:
            return
        with socket.socket(fileno=descriptors[0]) as out:
            if not os.fork():
                requests.close()
                _speak_and_exit(flite, json.loads(body), out)


def main() -> None:
    """Load the library, say how that went, and serve."""
    hello = os.dup(1)
    os.dup2(2, 1)  # whatever the library prints stays out of the line
    try:
        flite, sentence = Flite(), ""
    except OSError as error:
        sentence = str(error)
    os.write(hello, sentence.encode() + b"\n")
    os.close(hello)
    if sentence:
        sys.exit(1)
    with socket.socket(fileno=os.dup(0)) as requests:
        serve(flite, requests)


if __name__ == "__main__":
    main()
