"""What a caller wants recognised, checked and complete, in the service's own terms."""

from collections.abc import Mapping
from dataclasses import dataclass

from .audio.source import Pcm
from .engine import Options


@dataclass(frozen=True)
class SpeakerRange:
    """How many speakers diarization may find: `minimum` to `maximum`."""

    minimum: int
    maximum: int


@dataclass(frozen=True)
class RecordRequest:
    """The record to write. `request_id` is a UUID4 in lower case and becomes the record's name.

    `parameters` are the fields of the request that shaped the result, by name.
    """

    request_id: str
    owner: str
    labels: Mapping[str, str]
    parameters: Mapping[str, str]


@dataclass(frozen=True)
class Job:
    """Audio to recognise. `pcm` is None for files in a container, which state their own format.

    `speakers` is None without diarization, `record` without a record. With `word_offsets` the response has words.
    """

    pcm: Pcm | None
    options: Options
    separate_channels: bool
    speakers: SpeakerRange | None
    record: RecordRequest | None
    word_offsets: bool
