"""Texts that are longer than one call speaks: cut at sentences, spoken one after the other, and joined to one
stream.
"""

import hashlib
import re
import unicodedata
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from google.protobuf.duration_pb2 import Duration
from voicebox.tts.v1 import tts_pb2

from . import wav
from .errors import VoiceboxClientError

MAX_CHARACTERS = 1_000_000
"""Of one call of StreamSynthesize."""

# Where a text may be cut, best first: after a paragraph, a line, a sentence (of Chinese, Japanese, Hindi and Arabic
# too), a clause, a word.
_ENDS = tuple(
    re.compile(pattern)
    for pattern in (r"\n\s*\n", r"\n", r"[.!?…][\"'”’)\]»]*\s|[。！？।؟۔][」』”’）]*", r"[,;:–—]\s|[，、；：،]", r"\s")
)


def parts(text: str, max_characters: int = MAX_CHARACTERS) -> list[str]:
    """The text in pieces of at most `max_characters` characters, which joined are the text; a piece without anything
    but space is no piece.
    """
    found = []
    rest = text
    while len(rest) > max_characters:
        at = _cut(rest, max_characters)
        found.append(rest[:at])
        rest = rest[at:]
    return [part for part in (*found, rest) if part.strip()] or [text]


def _cut(text: str, max_characters: int) -> int:
    """How much of a text to take: the latest of the best ends in its second half; without any, as much as goes without
    cutting a letter.
    """
    for end in _ENDS:
        at = max((match.end() for match in end.finditer(text, 0, max_characters)), default=0)
        if at > max_characters // 2:
            return at
    at = max_characters
    while at > max_characters // 2 and (
        unicodedata.combining(text[at]) or text[at] in "\u200d\ufe0f" or text[at - 1] == "\u200d"
    ):
        at -= 1
    return at


def requests(first: tts_pb2.StreamSynthesizeRequest) -> list[tts_pb2.StreamSynthesizeRequest]:
    """A request for each part of the text. Raises ValueError for a form of audio whose files cannot be joined."""
    texts = parts(first.text)
    if len(texts) > 1 and first.config.audio.encoding == tts_pb2.AUDIO_ENCODING_FLAC:
        raise ValueError(f"A text of more than {MAX_CHARACTERS} characters is spoken in parts, which FLAC cannot join.")
    found = []
    for number, text in enumerate(texts):
        request = tts_pb2.StreamSynthesizeRequest()
        request.CopyFrom(first)
        request.text = text
        if number:
            request.config.request_id = _derived(first.config.request_id, number)
        found.append(request)
    return found


def _derived(request_id: str, number: int) -> str:
    """A UUID4 for a later part, the same whenever the whole text is requested by the same request id."""
    return str(uuid.UUID(bytes=hashlib.sha256(f"{request_id}/{number}".encode()).digest()[:16], version=4))


@dataclass
class Joined:
    """The events of several calls as those of one: `started` once, times that go on, one header, `finished` at the
    end.
    """

    requests: Sequence[tts_pb2.StreamSynthesizeRequest]
    number: int = 0
    started: tts_pb2.SynthesisStarted | None = None
    finished: list[tts_pb2.SynthesisFinished] = field(default_factory=list)
    seconds: float = 0.0
    chunks: int = 0

    @property
    def request(self) -> tts_pb2.StreamSynthesizeRequest:
        """The next request: with the seed of the first part, so that it is one voice."""
        request = self.requests[self.number]
        if self.started and not request.config.HasField("seed"):
            request.config.seed = self.started.seed
        return request

    def events(self, event: tts_pb2.StreamSynthesizeResponse) -> Iterator[tts_pb2.StreamSynthesizeResponse]:
        """What an event of the present call is in the whole; moves on to the next call when this one is finished."""
        if event.HasField("chunk"):
            yield self._moved(event)
        elif event.HasField("started"):
            if self.started is None:
                self.started = event.started
                yield event
        elif event.HasField("finished"):
            self.finished.append(event.finished)
            self.seconds += event.finished.duration.ToTimedelta().total_seconds()
            self.number += 1
            if self.number == len(self.requests):
                yield tts_pb2.StreamSynthesizeResponse(finished=self._whole())

    def failed(self, error: VoiceboxClientError) -> VoiceboxClientError:
        """The error of a later part, with what was spoken before: its characters, and the words with which the rest
        begins.
        """
        if self.number == 0:
            return error
        spoken = sum(len(request.text) for request in self.requests[: self.number])
        rest = " ".join(self.requests[self.number].text.split()[:6])
        sentence = (
            f"{error.sentence} The text was spoken up to “{rest} …” ({self.number} of {len(self.requests)} parts)."
        )
        metadata = {**error.metadata, "spoken_characters": str(spoken), "spoken_parts": str(self.number)}
        return VoiceboxClientError(
            error.code, error.reason, sentence, field=error.field, metadata=metadata, retry_seconds=error.retry_seconds
        )

    def _moved(self, event: tts_pb2.StreamSynthesizeResponse) -> tts_pb2.StreamSynthesizeResponse:
        """A chunk, with its place in the whole and without the header of a later WAV file."""
        moved = tts_pb2.StreamSynthesizeResponse()
        moved.CopyFrom(event)
        moved.chunk.sequence, self.chunks = self.chunks, self.chunks + 1
        if self.number:
            moved.chunk.audio = moved.chunk.audio[wav.data_start(moved.chunk.audio) or 0 :]
            times = [moved.chunk.offset, *(phoneme.start_offset for phoneme in moved.chunk.phonemes)]
            times += (time for word in moved.chunk.words for time in (word.start_offset, word.end_offset))
            for time in times:
                _add(time, self.seconds)
        return moved

    def _whole(self) -> tts_pb2.SynthesisFinished:
        """The sums of all parts; the generation is the first one's."""
        whole = tts_pb2.SynthesisFinished()
        whole.CopyFrom(self.finished[0])
        for part in self.finished[1:]:
            whole.sample_count += part.sample_count
            _add(whole.duration, part.duration.ToTimedelta().total_seconds())
            _add(whole.synthesis_time, part.synthesis_time.ToTimedelta().total_seconds())
        del whole.warnings[:]
        whole.warnings.extend(dict.fromkeys(warning for part in self.finished for warning in part.warnings))
        if len(self.finished) > 1:
            whole.warnings.append(
                f"The text was spoken in {len(self.finished)} parts; the history has one record for each."
            )
            if whole.HasField("word_error_rate"):
                whole.word_error_rate = self._word_error_rate()
        return whole

    def _word_error_rate(self) -> float:
        """The mean of the parts, by their words."""
        words = [len(request.text.split()) for request in self.requests]
        rates = [part.word_error_rate for part in self.finished]
        return sum(count * rate for count, rate in zip(words, rates, strict=True)) / max(1, sum(words))


class WholeParts:
    """Writes the audio of a long text to a file, and, when a later part fails, keeps the parts before it."""

    def __init__(self, joined: Joined | None) -> None:
        self._joined = joined
        self._parts = self._size_bytes = 0
        self._error: VoiceboxClientError | None = None

    def write(self, file: BinaryIO, audio: bytes) -> None:
        """Write what came next."""
        self._note(file)
        file.write(audio)

    def keep(self, file: BinaryIO, name: str, error: VoiceboxClientError) -> None:
        """Cut the file to its whole parts, so that it can be closed as if it were whole. Raises the error when there
        are none.
        """
        self._note(file)
        if not self._size_bytes:
            raise error
        file.truncate(self._size_bytes)
        sentence = f"{error.sentence} What was spoken is in {name}."
        self._error = VoiceboxClientError(
            error.code,
            error.reason,
            sentence,
            field=error.field,
            metadata=error.metadata,
            retry_seconds=error.retry_seconds,
        )

    def ended(self) -> None:
        """Raise the error after the file was closed."""
        if self._error:
            raise self._error

    def _note(self, file: BinaryIO) -> None:
        if self._joined and self._joined.number > self._parts:
            self._parts, self._size_bytes = self._joined.number, file.tell()


def _add(time: Duration, seconds: float) -> None:
    time.FromMicroseconds(time.ToMicroseconds() + round(seconds * 1_000_000))
