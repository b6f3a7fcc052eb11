"""The speakers, by way of a player that the machine has."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click

from . import wav

# Each plays headerless mono s16le samples from its standard input; in the order in which they are tried.
PLAYERS: Mapping[str, str] = {
    "pw-play": "pw-play --raw --format s16 --rate {rate} --channels 1 -",
    "paplay": "paplay --raw --format=s16le --rate={rate} --channels=1",
    "aplay": "aplay -q -t raw -f S16_LE -r {rate} -c 1 -",
    "play": "play -q -t raw -e signed -b 16 -r {rate} -c 1 -",
    "ffplay": "ffplay -nodisp -autoexit -loglevel error -f s16le -ar {rate} -i pipe:0",
}

# Each plays a file of any container.
FILE_PLAYERS: Mapping[str, str] = {
    "pw-play": "pw-play",
    "paplay": "paplay",
    "play": "play -q",
    "ffplay": "ffplay -nodisp -autoexit -loglevel error",
}


def find_file_player() -> list[str]:
    """The words before the path of a file to be played. Raises click.ClickException when no such player is
    installed.
    """
    name = next((name for name in FILE_PLAYERS if shutil.which(name)), None)
    if name is None:
        raise click.ClickException(
            f"No player is installed: install one of {', '.join(FILE_PLAYERS)}, or write to a file with -o."
        )
    return FILE_PLAYERS[name].split()


def play_file(path: Path) -> None:
    """Plays a file to its end. Raises click.ClickException when no player is installed, or it fails."""
    words = find_file_player()
    done = subprocess.run([*words, str(path)], check=False, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if done.returncode:
        raise _failure(words[0], f"failed with code {done.returncode}", done.stderr)


def _failure(name: str, how: str, stderr: bytes) -> click.ClickException:
    """The error of a player, with the last line of its own message."""
    lines = stderr.decode(errors="replace").strip().splitlines()
    return click.ClickException(f"The player {name} {how}{f': {lines[-1].strip()}' if lines else '.'}")


def find_player() -> str:
    """The name of the first player that is installed. Raises click.ClickException when there is none."""
    name = next((name for name in PLAYERS if shutil.which(name)), None)
    if name is None:
        raise click.ClickException(
            f"No player is installed: install one of {', '.join(PLAYERS)}, or write to a file with -o."
        )
    return name


@contextmanager
def playing(name: str, sample_rate_hz: int) -> Iterator[Callable[[bytes], None]]:
    """Gives a function that plays samples; leaving waits until everything was played, or stops the player when the body
    failed.

    Raises click.ClickException when the player fails.
    """
    words = PLAYERS[name].format(rate=sample_rate_hz).split()
    with (
        tempfile.TemporaryFile() as stderr,
        subprocess.Popen(words, stdin=subprocess.PIPE, stderr=stderr, bufsize=0) as process,
    ):
        assert process.stdin is not None
        speakers = process.stdin

        def play(samples: bytes) -> None:
            try:
                speakers.write(samples)
            except BrokenPipeError as error:
                raise _failure(name, f"ended too early, with code {process.wait()}", _from_start(stderr)) from error

        try:
            yield play
        except BaseException:
            process.kill()
            raise
        speakers.close()
        if code := process.wait():
            raise _failure(name, f"failed with code {code}", _from_start(stderr))


def _from_start(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


class SamplesOf:
    """Passes on the samples of a WAV file that comes in pieces, and leaves its header out."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._head = b""
        self._started = False

    def write(self, piece: bytes) -> None:
        if self._started:
            self._write(piece)
            return
        self._head += piece
        start = wav.data_start(self._head)
        if start is not None:
            self._started = True
            self._write(self._head[start:])
