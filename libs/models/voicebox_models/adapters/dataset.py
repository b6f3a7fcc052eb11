"""A data set in a folder: `dataset.jsonl`, a line of JSON with `audio` and `text` for each clip, and WAV files."""

import io
import json
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from voicebox_kit.errors import InvalidField

FILE = "dataset.jsonl"
MAX_CLIPS = 100_000
MAX_SECONDS = 30.0
MAX_CHARACTERS = 2_000
MAX_LINE_BYTES = 64 * 1024
HELD_OUT_EVERY = 10
"""One clip of so many is never trained on."""
MIN_CLIPS = 5
"""With fewer, none is held out: what is measured is then measured on what was trained."""


@dataclass(frozen=True)
class Clip:
    """A recording, at most 30 s long, and what is said in it."""

    path: Path
    text: str

    def samples(self) -> tuple[NDArray[np.float32], int]:
        """Mono, in [-1, 1], and their rate. InvalidField for a file that is no such recording."""
        try:
            with wave.open(str(self.path), "rb") as file:
                rate, frames = file.getframerate(), file.getnframes()
                is_usable = file.getsampwidth() == 2 and file.getnchannels() == 1 and 0 < frames <= MAX_SECONDS * rate
                content = file.readframes(frames) if is_usable else b""
        except (wave.Error, EOFError, OSError) as error:
            raise self._refused() from error
        if not content or len(content) % 2:
            raise self._refused()
        return np.frombuffer(content, "<i2").astype(np.float32) / np.float32(32768), rate

    def _refused(self) -> InvalidField:
        return refused(f"{self.path.name} is not a mono WAV file of 16-bit samples and at most {MAX_SECONDS:g} s.")


@dataclass(frozen=True)
class Dataset:
    """The clips to train on, and those that are held out; the same where there are fewer than MIN_CLIPS."""

    trained: Sequence[Clip]
    held_out: Sequence[Clip]

    @property
    def has_held_out(self) -> bool:
        """Whether what is measured is measured on clips that were not trained on."""
        return self.held_out is not self.trained


def read(folder: Path) -> Dataset:
    """The data set in a folder. InvalidField("dataset") for what is none."""
    clips = [Clip(_inside(folder, name), text) for name, text in lines((folder / FILE).read_bytes())]
    if len(clips) < MIN_CLIPS:
        return Dataset(clips, clips)
    is_held_out = [number % HELD_OUT_EVERY == HELD_OUT_EVERY // 2 - 1 for number in range(len(clips))]
    return Dataset(
        [clip for clip, held in zip(clips, is_held_out, strict=True) if not held],
        [clip for clip, held in zip(clips, is_held_out, strict=True) if held],
    )


def lines(content: bytes) -> list[tuple[str, str]]:
    """The path of each clip's audio within the data set, and its text. InvalidField("dataset") for another form."""
    found: list[tuple[str, str]] = []
    for number, line in enumerate(io.BytesIO(content), 1):  # one at a time: there may be a hundred million empty ones
        if line.strip():
            found.append(_line(line, number))
        if len(found) > MAX_CLIPS:
            break
    if not 0 < len(found) <= MAX_CLIPS or len({name for name, _ in found}) != len(found):
        raise refused(f"{FILE} must have 1 to {MAX_CLIPS} lines, each of another recording.")
    return found


def warnings(dataset: Dataset) -> tuple[str, ...]:
    """What a person should know of it, in sentences."""
    if dataset.has_held_out:
        return ()
    return (f"With fewer than {MIN_CLIPS} clips none is held out: everything is measured on what was trained.",)


def refused(sentence: str) -> InvalidField:
    """The error of a data set that cannot be used."""
    return InvalidField("dataset", sentence, "DATASET_REFUSED")


def _line(line: bytes, number: int) -> tuple[str, str]:
    try:
        document: dict[str, Any] = json.loads(line if len(line) <= MAX_LINE_BYTES else b"")
        name, text = document["audio"], " ".join(document["text"].split())
        text.encode()  # "\ud800" is good JSON, and no text
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        name, text = None, ""
    if not isinstance(name, str) or not 0 < len(text) <= MAX_CHARACTERS:
        raise refused(
            f"Line {number} of {FILE} must be a JSON object with `audio`, a path, and `text` of 1 to {MAX_CHARACTERS} "
            "characters."
        )
    return name, text


def _inside(folder: Path, name: str) -> Path:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise refused(f"The data set lacks the file {name[:200]!r}.")
    return path
