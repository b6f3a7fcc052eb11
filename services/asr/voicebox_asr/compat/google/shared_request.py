"""What requests of both versions of Google's speech API share, in our own terms."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from voicebox.asr.v1 import asr_pb2
from voicebox_kit.errors import InvalidField

from .audio import AudioFormat, set_format, to_samples

DEFAULT_MODELS = frozenset(
    "default latest_long latest_short long short command_and_search phone_call video telephony telephony_short".split()
    + "chirp chirp_2 chirp_3".split()
)
"""Google's names of general models, for which the default model is used. Its medical models are refused."""

MAX_ALTERNATIVES = 30
MAX_SPEAKERS = 6
"""The most speakers of diarization when Google's clients do not set it."""


@dataclass(frozen=True)
class OutputOptions:
    """Which details of words the response holds: times, confidence, speakers."""

    times: bool = False
    confidence: bool = False
    speakers: bool = False

    @property
    def words(self) -> bool:
        """Whether the response holds words."""
        return self.times or self.confidence or self.speakers


@dataclass(frozen=True)
class FileRequest:
    """A request for one file: our config without the audio format, the format, and the details of the response."""

    config: asr_pb2.RecognitionConfig
    format: AudioFormat
    output: OutputOptions


@dataclass(frozen=True)
class StreamRequest:
    """A request for a stream. `activity` requests events of speech; a `single` stream ends after one final."""

    file: FileRequest
    config: asr_pb2.StreamingConfig
    activity: bool
    single: bool = False


def to_native(file_request: FileRequest, audio: bytes) -> asr_pb2.RecognizeRequest:
    """Our request for a whole recording: seconds of work for an hour of telephone audio."""
    config = asr_pb2.RecognitionConfig()
    config.CopyFrom(file_request.config)
    samples = to_samples(file_request.format, audio)
    if samples:
        set_format(config, file_request.format)
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
    """The response holds one alternative, whatever the count allows."""
    if not 0 <= count <= MAX_ALTERNATIVES:
        raise InvalidField(field, f"{field} must be 0 to {MAX_ALTERNATIVES}, not {count}.")


def refuse(fields: Mapping[str, object], reasons: Mapping[str, str], field: str) -> None:
    """InvalidField for the first field under the path `field` that is used; its reason says why it is refused."""
    for name, value in fields.items():
        if value:
            raise InvalidField(f"{field}.{name}", f"{field}.{name} is not served here: {reasons[name]}", "UNSUPPORTED")
