"""Turns configs into jobs, and refuses what is wrong.

An InvalidField names a field by its path within the config; `field_paths` makes it the path within the request.
"""

import math
import secrets
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

from google.protobuf.duration_pb2 import Duration
from voicebox.tts.v1 import tts_pb2
from voicebox_audio.encoding.encodings import Encoding, supported_rate
from voicebox_kit import languages
from voicebox_kit.errors import InvalidField

from voicebox_tts.engine import Style
from voicebox_tts.job import (
    MAX_LEXICONS,
    MAX_OVERRIDES,
    MAX_PAUSE_SECONDS,
    MAX_RECORDED_CHARACTERS,
    MAX_REFERENCE_BYTES,
    MAX_SEMITONES,
    MAX_SPEED,
    MAX_TEXT_CHARACTERS,
    MIN_SPEED,
    BuiltIn,
    DesignJob,
    Job,
    Processing,
    Recording,
    StoredProfile,
    VoiceOverride,
)
from voicebox_tts.text import pauses, ssml
from voicebox_tts.text import sentences as texts
from voicebox_tts.text.directions import Directed, Direction, Passage, Pause, Turn
from voicebox_tts.text.names import LEXICON_NAME, PROFILE_NAME

MAX_INSTRUCTION_CHARACTERS = 500
MAX_TRANSCRIPT_CHARACTERS = 2_000
MAX_DESCRIPTION_CHARACTERS = 500
MAX_DESIGN_CHARACTERS = 300
"""One piece for every engine, so that it is one voice."""
DESIGNED_VOICES, MAX_DESIGNED_VOICES = 3, 8
AUTO = "auto"
Bounds = tuple[float, float]
LOUDNESS_LUFS: Bounds = (-40.0, -5.0)
TRUE_PEAK_DBTP: Bounds = (-20.0, 0.0)
MAX_TURNS = 200
GAP_SECONDS = 0.3
"""Between two turns of a dialogue."""
MAX_AHEAD_SECONDS = 86_400.0
UNPACED_SECONDS = math.inf

ENCODINGS = {
    tts_pb2.AUDIO_ENCODING_UNSPECIFIED: Encoding.WAV,
    tts_pb2.AUDIO_ENCODING_PCM_S16LE: Encoding.PCM_S16LE,
    tts_pb2.AUDIO_ENCODING_WAV: Encoding.WAV,
    tts_pb2.AUDIO_ENCODING_FLAC: Encoding.FLAC,
    tts_pb2.AUDIO_ENCODING_OGG_OPUS: Encoding.OGG_OPUS,
    tts_pb2.AUDIO_ENCODING_MP3: Encoding.MP3,
    tts_pb2.AUDIO_ENCODING_AAC: Encoding.AAC,
    tts_pb2.AUDIO_ENCODING_MULAW: Encoding.MULAW,
    tts_pb2.AUDIO_ENCODING_ALAW: Encoding.ALAW,
}


def to_job(config: tts_pb2.SynthesisConfig, owner: str, ahead_seconds: float = UNPACED_SECONDS) -> Job:
    """The job that a config describes; InvalidField where it is wrong.

    Its audio is sent at most `ahead_seconds` ahead of real time.
    """
    return Job(
        source=_source(config.voice),
        encoding=_encoding(config.audio.encoding),
        sample_rate_hz=_sample_rate(config.audio),
        style=_style(config.style),
        seed=config.seed if config.HasField("seed") else secrets.randbits(32),
        request_id=_request_id(config.request_id),
        keep=config.store if config.HasField("store") else True,
        ahead_seconds=ahead_seconds,
        owner=owner,
        model=config.model,
        check=config.check,
        verbatim=config.verbatim,
        unset=_unset(config),
        processing=_processing(config.processing),
        lexicons=_lexicons(config.lexicons),
    )


def to_ahead_seconds(given: float, default: float = UNPACED_SECONDS) -> float:
    """How far ahead of real time audio may be sent; InvalidField("ahead_seconds") when it is out of bounds."""
    if not given:
        return default
    if not 1.0 <= given <= MAX_AHEAD_SECONDS:
        raise InvalidField("ahead_seconds", f"ahead_seconds must be 1 to {MAX_AHEAD_SECONDS:g}, not {given:g}.")
    return given


def to_design(request: tts_pb2.DesignVoiceRequest) -> DesignJob:
    """The voices that a request describes; InvalidField where it is wrong."""
    config, description = request.config, texts.clean(request.description)
    if not texts.has_something_to_say(description) or len(description) > MAX_DESCRIPTION_CHARACTERS:
        sentence = f"description must say in 1 to {MAX_DESCRIPTION_CHARACTERS} characters how the voice sounds."
        raise InvalidField("description", sentence)
    if len(request.text) > MAX_DESIGN_CHARACTERS:
        raise InvalidField(
            "text", f"text may have {MAX_DESIGN_CHARACTERS} characters here, not {len(request.text)}.", "TEXT_TOO_LONG"
        )
    if not 0 <= config.count <= MAX_DESIGNED_VOICES:
        raise InvalidField("count", f"count must be 1 to {MAX_DESIGNED_VOICES}, not {config.count}.")
    language = spoken(config.language, "language")
    first = config.seed if config.HasField("seed") else secrets.randbits(32)
    seeds = tuple((first + number) % 2**32 for number in range(config.count or DESIGNED_VOICES))
    return DesignJob(
        description, checked_text(request.text), Style(language=language), seeds, config.model, config.verbatim
    )


def is_auto(language: str) -> bool:
    """Whether the language of a text is to be found out."""
    return language.strip().lower() == AUTO


def spoken(given: str, field: str) -> str:
    """The language of a text as its tag; empty for the voice's own, or where it has several. Raises
    InvalidField(`field`).
    """
    language = languages.tag(given, field)
    return "" if language == languages.MULTILINGUAL else language


def _unset(config: tts_pb2.SynthesisConfig) -> frozenset[str]:
    given = {"seed": config.HasField("seed"), "lexicons": bool(config.lexicons)}
    return _open_style(config.style) | {name for name, is_given in given.items() if not is_given}


def _open_style(style: tts_pb2.SpeakingStyle) -> frozenset[str]:
    given = {"speed": style.speed, "pitch_semitones": style.pitch_semitones}
    return frozenset(name for name, value in given.items() if not value)


def checked_text(text: str, most: int = MAX_TEXT_CHARACTERS) -> str:
    """The text, cleaned of controls and of what is invisible; InvalidField when nothing is left or it is too long."""
    if len(text) > most:
        raise InvalidField(
            "text", f"text has {len(text)} characters; at most {most} are spoken in one call.", "TEXT_TOO_LONG"
        )
    cleaned = texts.clean(text)
    if not cleaned:
        raise InvalidField("text", "text is empty: there is nothing to say.", "TEXT_EMPTY")
    return cleaned


def checked_ssml(text: str, document: str) -> Directed:
    """What a document of SSML directs; InvalidField, with line and column, where it is wrong, or beside a text."""
    if text:
        raise InvalidField("ssml", "text and ssml are two ways to say the same: set one of them.", "TEXT_AND_SSML")
    directed = ssml.read(document, "ssml")
    cleaned = (_cleaned(each) for each in directed.directions)
    directions = tuple(each for each in cleaned if not isinstance(each, Passage) or each.text)
    if not any(isinstance(each, Passage | Pause) for each in directions):
        raise InvalidField("ssml", "ssml is empty: there is nothing to say.", "TEXT_EMPTY")
    return replace(directed, directions=directions)


def checked_pauses(text: str) -> Directed:
    """A cleaned text as passages and the pauses in it; InvalidField where a pause is wrong."""
    return Directed(pauses.with_pauses(text, "text"))


def to_dialogue(request: tts_pb2.StreamDialogueRequest) -> Directed:
    """The turns of a dialogue and the gaps between them; InvalidField, as of `turns[2]`, where one is wrong."""
    if not 1 <= len(request.turns) <= MAX_TURNS:
        raise InvalidField("turns", f"A dialogue has 1 to {MAX_TURNS} turns, not {len(request.turns)}.")
    characters = sum(len(turn.text) for turn in request.turns)
    if characters > MAX_TEXT_CHARACTERS:
        sentence = f"turns have {characters} characters; at most {MAX_TEXT_CHARACTERS} are spoken in one call."
        raise InvalidField("turns", sentence, "TEXT_TOO_LONG")
    usual_gap = _gap(request.gap, "gap") if request.HasField("gap") else GAP_SECONDS
    directions = list[Direction]()
    for number, turn in enumerate(request.turns):
        gap = _gap(turn.gap, f"turns[{number}].gap") if turn.HasField("gap") else usual_gap
        if number and gap:
            directions.append(Pause(gap))
        directions += _said(turn, number, request.config)
    directed = Directed(tuple(directions))
    pauses.check_pauses(directed.directions, "turns")
    if len(directed.overrides) > MAX_OVERRIDES:
        raise InvalidField("turns", f"turns may have {MAX_OVERRIDES} different voices and styles.", "TOO_MANY_VOICES")
    return directed


def _said(turn: tts_pb2.DialogueTurn, number: int, config: tts_pb2.SynthesisConfig) -> list[Direction]:
    """A turn, with its passages and the pauses in it, in its voice and style."""
    place = f"turns[{number}]"
    if turn.voice.HasField("reference"):
        raise InvalidField(f"{place}.voice", f"{place}.voice must be a built-in voice or a stored profile.")
    style = tts_pb2.SpeakingStyle()
    style.CopyFrom(config.style)
    style.MergeFrom(turn.style)
    text = f"{place}.text"
    with _renamed_fields({"text": text, "voice.profile": f"{place}.voice"}, place):
        source = _source(turn.voice)
        override = VoiceOverride(
            source=None if isinstance(source, Recording) or source == BuiltIn() else source,
            style=_style(style) if turn.HasField("style") else None,
            unset=_open_style(style) if turn.HasField("style") else frozenset(),
            place=place,
        )
        said = checked_text(turn.text)
    has_pauses = pauses.has_pauses(said) and not config.verbatim
    directions = pauses.with_pauses(said, text) if has_pauses else (Passage(said),)
    overridden = (replace(each, override=override) if isinstance(each, Passage) else each for each in directions)
    return [Turn(number, override), *overridden]


def _gap(given: Duration, field: str) -> float:
    seconds = given.ToMicroseconds() / 1e6
    if not 0 <= seconds <= MAX_PAUSE_SECONDS:
        raise InvalidField(field, f"{field} must be 0 to {MAX_PAUSE_SECONDS:g} s, not {seconds:g} s.")
    return seconds


@contextmanager
def _renamed_fields(names: Mapping[str, str], prefix: str) -> Iterator[None]:
    """An InvalidField leaves the block with the name of its field in `names`, or below the prefix."""
    try:
        yield
    except InvalidField as error:
        name = names.get(error.field, f"{prefix}.{error.field}")
        raise InvalidField(name, f"{name}: {error.sentence}", error.reason) from error


def refuse_check(config: tts_pb2.SynthesisConfig, text: str) -> None:
    """InvalidField("check") where a text is too long to be recorded, and so to be recognised."""
    if config.check and len(text) > MAX_RECORDED_CHARACTERS:
        raise InvalidField(
            "check", f"check needs a text of at most {MAX_RECORDED_CHARACTERS} characters.", "TEXT_TOO_LONG"
        )


def _cleaned(direction: Direction) -> Direction:
    return replace(direction, text=texts.clean(direction.text)) if isinstance(direction, Passage) else direction


def _source(selection: tts_pb2.VoiceSelection) -> BuiltIn | StoredProfile | Recording:
    match selection.WhichOneof("source"):
        case "profile":
            if not PROFILE_NAME.fullmatch(selection.profile):
                raise InvalidField("voice.profile", "voice.profile must be profiles/ and 1 to 63 of a-z, 0-9 and -.")
            return StoredProfile(selection.profile)
        case "reference":
            return _recording(selection.reference)
        case _:
            return BuiltIn(selection.voice)


def _recording(reference: tts_pb2.InlineReference) -> Recording:
    if not 0 < len(reference.audio) <= MAX_REFERENCE_BYTES:
        raise InvalidField(
            "voice.reference.audio", f"voice.reference.audio must have 1 to {MAX_REFERENCE_BYTES} bytes."
        )
    if len(reference.transcript) > MAX_TRANSCRIPT_CHARACTERS:
        raise InvalidField(
            "voice.reference.transcript", f"A transcript may have {MAX_TRANSCRIPT_CHARACTERS} characters."
        )
    if len(reference.consent) > MAX_TRANSCRIPT_CHARACTERS:
        raise InvalidField("voice.reference.consent", f"A consent may have {MAX_TRANSCRIPT_CHARACTERS} characters.")
    return Recording(reference.audio, reference.transcript, reference.consent)


def _encoding(encoding: int) -> Encoding:
    if encoding not in ENCODINGS:
        raise InvalidField("audio.encoding", f"There is no audio encoding {encoding}.")
    return ENCODINGS[encoding]  # type: ignore[index]  # any number may arrive


def _sample_rate(audio: tts_pb2.AudioSpec) -> int:
    rate = audio.sample_rate_hz
    if rate and not 8_000 <= rate <= 48_000:
        raise InvalidField("audio.sample_rate_hz", f"audio.sample_rate_hz must be 8000 to 48000, not {rate}.")
    if rate and not supported_rate(_encoding(audio.encoding), rate):
        raise InvalidField("audio.sample_rate_hz", f"{_encoding(audio.encoding)} cannot be written at {rate} Hz.")
    return rate


def _style(style: tts_pb2.SpeakingStyle) -> Style:
    if style.speed and not MIN_SPEED <= style.speed <= MAX_SPEED:
        raise InvalidField("style.speed", f"style.speed must be 0.25 to 4, not {style.speed:g}.")
    if not -MAX_SEMITONES <= style.pitch_semitones <= MAX_SEMITONES:
        raise InvalidField(
            "style.pitch_semitones", f"style.pitch_semitones must be -12 to 12, not {style.pitch_semitones:g}."
        )
    if len(style.instructions) > MAX_INSTRUCTION_CHARACTERS:
        raise InvalidField(
            "style.instructions", f"style.instructions may have {MAX_INSTRUCTION_CHARACTERS} characters."
        )
    return Style(
        style.speed or 1.0, style.pitch_semitones, spoken(style.language, "style.language"), style.instructions
    )


def _lexicons(names: Sequence[str]) -> tuple[str, ...]:
    """Each once, the preferred one first."""
    if len(names) > MAX_LEXICONS:
        raise InvalidField("lexicons", f"lexicons may name {MAX_LEXICONS} of them, not {len(names)}.")
    for name in names:
        if not LEXICON_NAME.fullmatch(name):
            raise InvalidField("lexicons", f"lexicons: {name[:40]!r} must be lexicons/ and 1 to 63 of a-z, 0-9 and -.")
    return tuple(dict.fromkeys(names))


def _processing(asked: tts_pb2.AudioProcessing) -> Processing:
    return Processing(
        loudness_lufs=_level(asked, "loudness_lufs", LOUDNESS_LUFS),
        true_peak_dbtp=_level(asked, "true_peak_dbtp", TRUE_PEAK_DBTP),
        trim_silence=asked.trim_silence,
    )


def _level(
    asked: tts_pb2.AudioProcessing, name: Literal["loudness_lufs", "true_peak_dbtp"], bounds: Bounds
) -> float | None:
    if not asked.HasField(name):
        return None
    level: float = getattr(asked, name)
    low, high = bounds
    if not low <= level <= high:
        raise InvalidField(f"processing.{name}", f"processing.{name} must be {low:g} to {high:g}, not {level:g}.")
    return level


def _request_id(given: str) -> str:
    if not given:
        return str(uuid.uuid4())
    try:
        parsed = uuid.UUID(given)
    except ValueError:
        parsed = None
    if parsed is None or parsed.version != 4:
        raise InvalidField("request_id", f"request_id must be a UUID4, not {given!r}.")
    return str(parsed)
