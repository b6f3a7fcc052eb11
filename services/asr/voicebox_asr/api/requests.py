"""Turns requests into jobs, refusing what is wrong by the field's path."""

import json
import re
import uuid
from collections.abc import Mapping

from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration
from voicebox.asr.v1 import asr_pb2
from voicebox_kit import principal
from voicebox_kit.errors import InvalidField

from voicebox_asr.audio.source import Pcm
from voicebox_asr.documents.subtitles import Layout
from voicebox_asr.documents.writers import DocumentOptions, Format
from voicebox_asr.engine import Engine
from voicebox_asr.job import Job, RecordRequest, SpeakerRange
from voicebox_asr.segmentation.endpointing import Endpointing

from .options import to_options

MIN_RATE_HZ, MAX_RATE_HZ = 8_000, 48_000
MAX_CHANNELS = 8
MAX_SPEAKERS = 20
MAX_LABELS = 64
END_SILENCE_SECONDS = (0.2, 5.0)
MAX_UTTERANCE_SECONDS = (1.0, 60.0)

MAX_CUE_SECONDS = (0.5, 60.0)

FORMATS = {
    asr_pb2.TRANSCRIPT_FORMAT_UNSPECIFIED: Format.TEXT,
    asr_pb2.TRANSCRIPT_FORMAT_TEXT: Format.TEXT,
    asr_pb2.TRANSCRIPT_FORMAT_SRT: Format.SRT,
    asr_pb2.TRANSCRIPT_FORMAT_VTT: Format.VTT,
    asr_pb2.TRANSCRIPT_FORMAT_TSV: Format.TSV,
    asr_pb2.TRANSCRIPT_FORMAT_JSON: Format.JSON,
}

NOT_RECORDED = frozenset(
    {"encoding", "sample_rate_hz", "channel_count", "model", "word_offsets", "store", "request_id", "labels"}
)
"""Fields of RecognitionConfig that a record holds in fields of its own, or that do not shape the result."""
MAX_PARAMETER_CHARACTERS = 1000

UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def to_job(
    config: asr_pb2.RecognitionConfig,
    engine: Engine,
    field: str,
    owner: str = principal.LOCAL,
    *,
    word_times: bool = False,
) -> Job:
    """The job that a RecognitionConfig at the path `field` describes for an engine; InvalidField where it is wrong.

    A record of it belongs to `owner`. Words get their times for diarization, for a record, and with `word_times`.
    """
    if config.separate_channels and config.diarization.enabled:
        raise InvalidField(
            f"{field}.diarization.enabled", "Diarization works on all channels together: not with separate_channels."
        )
    return Job(
        pcm=_pcm(config, field),
        options=to_options(config, engine, field, word_times=word_times or config.diarization.enabled or config.store),
        separate_channels=config.separate_channels,
        speakers=_speakers(config.diarization, f"{field}.diarization"),
        record=_record(config, owner, field),
        word_offsets=config.word_offsets,
    )


def to_live_job(config: asr_pb2.RecognitionConfig, engine: Engine, field: str, owner: str = principal.LOCAL) -> Job:
    """The same for a stream, in which not everything is possible."""
    job = to_job(config, engine, field, owner)
    if job.speakers:
        raise InvalidField(f"{field}.diarization", "Diarization is for files only.", "UNSUPPORTED_IN_STREAMS")
    if job.options.voice_detection.off:
        raise InvalidField(
            f"{field}.voice_activity.off", "A stream is cut into utterances by its silences.", "UNSUPPORTED_IN_STREAMS"
        )
    return job


def to_endpointing(config: asr_pb2.Endpointing, engine: Engine, field: str) -> Endpointing:
    """The endpointing of a stream; InvalidField, under the path `field`, where it is out of bounds."""
    default = Endpointing()
    longest = min(MAX_UTTERANCE_SECONDS[1], engine.capabilities.longest_utterance_seconds)
    return Endpointing(
        _seconds(config, "end_silence", default.end_silence_seconds, END_SILENCE_SECONDS, field),
        _seconds(
            config,
            "max_utterance",
            min(default.max_utterance_seconds, longest),
            (MAX_UTTERANCE_SECONDS[0], longest),
            field,
        ),
    )


def to_document_options(request: asr_pb2.TranscribeRequest) -> DocumentOptions:
    """The format and layout of a document; InvalidField where that is out of bounds."""
    if request.format not in FORMATS:
        raise InvalidField("format", f"There is no format {request.format}.", "FORMAT_UNKNOWN")
    layout, default = request.subtitles, Layout()
    return DocumentOptions(
        FORMATS[request.format],
        Layout(
            max_line_length=_count(
                layout.max_line_length, default.max_line_length, (10, 200), "subtitles.max_line_length"
            ),
            max_line_count=_count(layout.max_line_count, default.max_line_count, (1, 10), "subtitles.max_line_count"),
            max_words_per_cue=_count(
                layout.max_words_per_cue, default.max_words_per_cue, (1, 100), "subtitles.max_words_per_cue"
            ),
            max_cue_seconds=_seconds(layout, "max_cue_duration", default.max_cue_seconds, MAX_CUE_SECONDS, "subtitles"),
            highlight_words=layout.highlight_words,
        ),
    )


def _pcm(config: asr_pb2.RecognitionConfig, field: str) -> Pcm | None:
    match config.encoding:
        case asr_pb2.AUDIO_ENCODING_UNSPECIFIED:
            return None
        case asr_pb2.AUDIO_ENCODING_PCM_S16LE:
            rate, channels = config.sample_rate_hz, config.channel_count or 1
        case unknown:
            raise InvalidField(f"{field}.encoding", f"There is no audio encoding {unknown}.", "ENCODING_UNKNOWN")
    if not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
        raise InvalidField(
            f"{field}.sample_rate_hz",
            f"sample_rate_hz must be {MIN_RATE_HZ} to {MAX_RATE_HZ} for headerless audio, not {rate}.",
        )
    if not 1 <= channels <= MAX_CHANNELS:
        raise InvalidField(f"{field}.channel_count", f"channel_count must be 1 to {MAX_CHANNELS}, not {channels}.")
    return Pcm(rate, channels)


def _speakers(config: asr_pb2.Diarization, field: str) -> SpeakerRange | None:
    if not config.enabled:
        if config.max_speakers or config.min_speakers:
            raise InvalidField(f"{field}.enabled", "max_speakers and min_speakers mean nothing unless enabled is true.")
        return None
    maximum, minimum = config.max_speakers or MAX_SPEAKERS, config.min_speakers or 1
    if not 1 <= maximum <= MAX_SPEAKERS:
        raise InvalidField(f"{field}.max_speakers", f"max_speakers must be 1 to {MAX_SPEAKERS}, not {maximum}.")
    if not 1 <= minimum <= maximum:
        raise InvalidField(f"{field}.min_speakers", f"min_speakers must be 1 to {maximum}, not {minimum}.")
    return SpeakerRange(minimum, maximum)


def _record(config: asr_pb2.RecognitionConfig, owner: str, field: str) -> RecordRequest | None:
    if not config.store:
        if config.labels:
            raise InvalidField(f"{field}.labels", "labels need store: only a record has them.")
        return None
    request_id = config.request_id.lower() or str(uuid.uuid4())
    if not UUID4.fullmatch(request_id):
        raise InvalidField(f"{field}.request_id", f"request_id must be a UUID4, not {config.request_id[:40]!r}.")
    if len(config.labels) > MAX_LABELS or any(
        not 1 <= len(key) <= 63 or len(value) > 255 for key, value in config.labels.items()
    ):
        raise InvalidField(
            f"{field}.labels", f"labels may be {MAX_LABELS}, with keys of 1 to 63 and values of up to 255 characters."
        )
    return RecordRequest(request_id, owner, dict(config.labels), recorded_parameters(config))


def recorded_parameters(config: asr_pb2.RecognitionConfig) -> Mapping[str, str]:
    """The fields of a RecognitionConfig that shaped the result, by name; what is not text is JSON."""
    fields = json_format.MessageToDict(config, preserving_proto_field_name=True)
    written = {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in fields.items()
        if name not in NOT_RECORDED
    }
    return {name: value[:MAX_PARAMETER_CHARACTERS] for name, value in written.items()}


def _count(requested: int, default: int, bounds: tuple[int, int], field: str) -> int:
    low, high = bounds
    if requested and not low <= requested <= high:
        raise InvalidField(field, f"{field} must be {low} to {high}, not {requested}.")
    return requested or default


def _seconds(
    config: asr_pb2.Endpointing | asr_pb2.SubtitleLayout,
    name: str,
    default: float,
    bounds: tuple[float, float],
    field: str,
) -> float:
    if not config.HasField(name):  # type: ignore[arg-type]  # the stubs know literal names only
        return default
    duration: Duration = getattr(config, name)
    seconds = duration.seconds + duration.nanos / 1e9
    low, high = bounds
    if not low <= seconds <= high:
        raise InvalidField(f"{field}.{name}", f"{name} must be {low:g} to {high:g} s, not {seconds:g} s.")
    return seconds
