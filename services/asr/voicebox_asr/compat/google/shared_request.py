"""What the two versions of Google's speech API ask for alike, in our own terms."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from voicebox.asr.v1 import asr_pb2
from voicebox_kit.errors import InvalidField

from .audio import Format, set_format, to_samples

DEFAULT_MODELS = frozenset(
    "default latest_long latest_short long short command_and_search phone_call video telephony telephony_short".split()
    + "chirp chirp_2 chirp_3".split()
)
"""Google's names of general models, for which the default model is used. Its medical models are refused."""

MOST_ALTERNATIVES = 30
MOST_SPEAKERS = 6
"""The greatest number of speakers when Google's clients give none."""


@dataclass(frozen=True)
class RequestOptions:
    """What the answer contains: times, confidence and speakers of words, and whether channels are separate."""

    times: bool = False
    confidence: bool = False
    speakers: bool = False

    @property
    def words(self) -> bool:
        """Whether the answer contains words."""
        return self.times or self.confidence or self.speakers


@dataclass(frozen=True)
class ParsedRequest:
    """A parsed config: for the recogniser (without the audio's format), for the audio, for the answer."""

    config: asr_pb2.RecognitionConfig
    format: Format
    wishes: RequestOptions


@dataclass(frozen=True)
class ParsedStream:
    """The same for a stream. With `activity` the beginning and end of speech are sent; after one final, a `single`
    stream ends.
    """

    asked: ParsedRequest
    config: asr_pb2.StreamingConfig
    activity: bool
    single: bool = False


def to_native(asked: ParsedRequest, audio: bytes) -> asr_pb2.RecognizeRequest:
    """Our request for a whole recording: seconds of work for an hour of telephone sound."""
    config = asr_pb2.RecognitionConfig()
    config.CopyFrom(asked.config)
    samples = to_samples(asked.format, audio)
    if samples:
        set_format(config, asked.format)
    return asr_pb2.RecognizeRequest(config=config, audio=samples(audio) if samples else audio)


def to_model(name: str) -> str:
    """Our name of a model; empty for the default one, which Google's names mean."""
    return "" if not name or name in DEFAULT_MODELS else f"models/{name.removeprefix('models/')}"


def to_hotwords(phrases: Iterable[tuple[str, float]], field: str) -> list[str]:
    """Phrases with their boosts: they are made likelier, always in the same measure."""
    found = list(phrases)
    if any(boost < 0 for _, boost in found):
        raise InvalidField(field, f"Phrases of {field} can be made likelier, not less likely.")
    return [phrase for phrase, _ in found]


def check_alternatives(count: int, field: str) -> None:
    """There is one alternative, whatever number the client gives."""
    if not 0 <= count <= MOST_ALTERNATIVES:
        raise InvalidField(field, f"{field} must be 0 to {MOST_ALTERNATIVES}, not {count}.")


def refuse(asked: Mapping[str, object], reasons: Mapping[str, str], field: str) -> None:
    """InvalidField for the first of the fields under the path `field` that asks for something; the reason says why it
    cannot be.
    """
    for name, value in asked.items():
        if value:
            raise InvalidField(f"{field}.{name}", f"{field}.{name} is not served here: {reasons[name]}", "UNSUPPORTED")
