"""Builds requests of tts: pure functions that both clients share."""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Literal, TypedDict, Unpack

from google.api import httpbody_pb2
from google.protobuf.duration_pb2 import Duration
from voicebox.tts.v1 import tts_pb2

Encoding = Literal["wav", "flac", "ogg", "mp3", "aac", "pcm", "mulaw", "alaw"]

ENCODINGS: Mapping[str, "tts_pb2.AudioEncoding.ValueType"] = {
    "wav": tts_pb2.AUDIO_ENCODING_WAV,
    "flac": tts_pb2.AUDIO_ENCODING_FLAC,
    "ogg": tts_pb2.AUDIO_ENCODING_OGG_OPUS,
    "mp3": tts_pb2.AUDIO_ENCODING_MP3,
    "aac": tts_pb2.AUDIO_ENCODING_AAC,
    "pcm": tts_pb2.AUDIO_ENCODING_PCM_S16LE,
    "mulaw": tts_pb2.AUDIO_ENCODING_MULAW,
    "alaw": tts_pb2.AUDIO_ENCODING_ALAW,
}

AS_FAST_AS_IT_CAN = 86_400.0
"""For `ahead_seconds` of `converse`: for a reader that only stores the audio."""


class SpeechOptions(TypedDict, total=False):
    """How to speak. At most one of profile, voice and reference; what is left out is the server's default."""

    profile: Annotated[str, "a stored profile: `ann` or `profiles/ann`"]
    voice: Annotated[str, "a built-in voice: `hibari/heart`, or `heart` alone"]
    reference: Annotated[bytes, "an audio file with one person's speech, at most 1 MiB and 60 s"]
    reference_transcript: Annotated[str, "what is said in it"]
    reference_consent: Annotated[str, "that its speaker agreed: who did, and to what; needed with authentication"]
    encoding: Annotated[Encoding, "the form of the audio; default wav"]
    sample_rate_hz: Annotated[int, "8000 to 48000"]
    speed: Annotated[float, "a factor, 0.25 to 4"]
    pitch_semitones: Annotated[float, "-12 to 12"]
    language: Annotated[str, "BCP 47"]
    instructions: Annotated[str, "in words, where the engine follows them"]
    seed: Annotated[int, "the same seed and request give the same samples"]
    model: Annotated[str, "`qwen3/1.7b-base`, or `models/qwen3/1.7b-base`"]
    check: Annotated[bool, "True: the speech is recognised, and the answer has the word error rate"]
    request_id: Annotated[str, "a UUID4; drawn when left out"]
    store: Annotated[bool, "whether the history stores a record; default True"]
    ahead_seconds: Annotated[
        float, "how far the server may run ahead of real time, 1 to 86400; default as fast as it can, in `converse` 15"
    ]
    verbatim: Annotated[bool, "True: the engine is given the text as it is written"]
    loudness_lufs: Annotated[float, "-40 to -5: one gain for each voice, measured over its first 3 s"]
    true_peak_dbtp: Annotated[float, "-20 to 0: peaks beyond it are turned down; default -1 with loudness_lufs"]
    trim_silence: Annotated[bool, "True: silence before and after the speech is left out"]
    ssml: Annotated[bool, "True: the text is a document of SSML"]
    lexicons: Annotated[Iterable[str], "stored lexicons that it is read with, the preferred one first: `names`"]


class TurnStyle(TypedDict, total=False):
    """How a turn of a dialogue is said, where that is not as the options say."""

    speed: float
    pitch_semitones: float
    language: str
    instructions: str


Turn = tuple[str, str] | tuple[str, str, TurnStyle]
"""A voice, what it says, and how: the voice is `flite/slt`, or `profiles/ann`, or empty for the options' own."""


class DesignOptions(TypedDict, total=False):
    """Which voices to design; what is left out is the server's default."""

    language: Annotated[str, "BCP 47, of the text"]
    count: Annotated[int, "1 to 8 voices, default 3"]
    seed: Annotated[int, "the first voice's; drawn when left out"]
    model: Annotated[str, "as of SpeechOptions"]


def request_id() -> str:
    """A fresh id, drawn once per call, so that its retries are one request to the server."""
    return str(uuid.uuid4())


def resource(collection: str, name: str) -> str:
    """The full resource name: `ann` and `profiles/ann` are both `profiles/ann`."""
    return name if name.startswith(f"{collection}/") else f"{collection}/{name}"


def say(text: str, **options: Unpack[SpeechOptions]) -> tts_pb2.StreamSynthesizeRequest:
    """Raises ValueError for two voices or an unknown encoding."""
    said = {"ssml" if options.get("ssml") else "text": text}
    return tts_pb2.StreamSynthesizeRequest(
        **said, config=_synthesis(options), ahead_seconds=options.get("ahead_seconds", 0.0)
    )


def explain(text: str, **options: Unpack[SpeechOptions]) -> tts_pb2.ExplainSpeechRequest:
    """Raises ValueError as `say` does."""
    said = {"ssml" if options.get("ssml") else "text": text}
    return tts_pb2.ExplainSpeechRequest(**said, config=_synthesis(options))


def dialogue(
    turns: Iterable[Turn], gap_seconds: float | None, **options: Unpack[SpeechOptions]
) -> tts_pb2.StreamDialogueRequest:
    """Raises ValueError as `say` does."""
    return tts_pb2.StreamDialogueRequest(
        turns=map(turn, turns),
        config=_synthesis(options),
        gap=None if gap_seconds is None else _duration(gap_seconds),
        ahead_seconds=options.get("ahead_seconds", 0.0),
    )


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromMicroseconds(round(seconds * 1_000_000))
    return duration


def turn(said: Turn, gap_seconds: float | None = None) -> tts_pb2.DialogueTurn:
    """A turn, with the silence before it; None is the request's."""
    name, text, style = said if len(said) == 3 else (*said, None)
    voice = None
    if name:
        is_profile = name.startswith("profiles/")
        voice = tts_pb2.VoiceSelection(profile=name) if is_profile else tts_pb2.VoiceSelection(voice=name)
    how = None if style is None else tts_pb2.SpeakingStyle(**style)
    gap = None if gap_seconds is None else _duration(gap_seconds)
    return tts_pb2.DialogueTurn(voice=voice, text=text, style=how, gap=gap)


def converse(**options: Unpack[SpeechOptions]) -> tts_pb2.ConverseSynthesizeRequest:
    """The first message of a conversation. Raises ValueError as `say` does."""
    config = tts_pb2.ConverseConfig(synthesis=_synthesis(options), ahead_seconds=options.get("ahead_seconds", 0.0))
    return tts_pb2.ConverseSynthesizeRequest(config=config)


def converse_piece(piece: "str | tts_pb2.ConverseControl.ValueType") -> tts_pb2.ConverseSynthesizeRequest:
    """A later message: text or a control."""
    if isinstance(piece, str):
        return tts_pb2.ConverseSynthesizeRequest(text=piece)
    return tts_pb2.ConverseSynthesizeRequest(control=piece)


def design(description: str, text: str, **options: Unpack[DesignOptions]) -> tts_pb2.DesignVoiceRequest:
    """A request for voices that fit a description."""
    return tts_pb2.DesignVoiceRequest(
        description=description,
        text=text,
        config=tts_pb2.VoiceDesignConfig(
            language=options.get("language", ""),
            count=options.get("count", 0),
            seed=options.get("seed"),
            model=_model(options.get("model", "")),
        ),
    )


def _synthesis(options: SpeechOptions) -> tts_pb2.SynthesisConfig:
    encoding = options.get("encoding", "wav")
    if encoding not in ENCODINGS:
        raise ValueError(f"There is no encoding {encoding!r}: choose one of {', '.join(ENCODINGS)}.")
    return tts_pb2.SynthesisConfig(
        voice=_voice(options),
        audio=tts_pb2.AudioSpec(encoding=ENCODINGS[encoding], sample_rate_hz=options.get("sample_rate_hz", 0)),
        style=tts_pb2.SpeakingStyle(
            speed=options.get("speed", 0.0),
            pitch_semitones=options.get("pitch_semitones", 0.0),
            language=options.get("language", ""),
            instructions=options.get("instructions", ""),
        ),
        seed=options.get("seed"),
        model=_model(options.get("model", "")),
        check=options.get("check", False),
        verbatim=options.get("verbatim", False),
        store=options.get("store"),
        request_id=options.get("request_id") or request_id(),
        processing=tts_pb2.AudioProcessing(
            loudness_lufs=options.get("loudness_lufs"),
            true_peak_dbtp=options.get("true_peak_dbtp"),
            trim_silence=options.get("trim_silence", False),
        ),
        lexicons=(resource("lexicons", name) for name in options.get("lexicons", ())),
    )


def _model(name: str) -> str:
    return resource("models", name) if name else ""


def _voice(options: SpeechOptions) -> tts_pb2.VoiceSelection | None:
    if len(options.keys() & {"profile", "voice", "reference"}) > 1:
        raise ValueError("Choose one of profile, voice and reference.")
    if "profile" in options:
        return tts_pb2.VoiceSelection(profile=resource("profiles", options["profile"]))
    if "voice" in options:
        return tts_pb2.VoiceSelection(voice=options["voice"])
    if "reference" in options:
        reference = tts_pb2.InlineReference(
            audio=options["reference"],
            transcript=options.get("reference_transcript", ""),
            consent=options.get("reference_consent", ""),
        )
        return tts_pb2.VoiceSelection(reference=reference)
    return None


def detection(blocks: Iterator[bytes]) -> Iterator[tts_pb2.DetectWatermarkRequest]:
    """A file whose watermark is looked for, in messages."""
    for block in blocks:
        yield tts_pb2.DetectWatermarkRequest(audio=httpbody_pb2.HttpBody(data=block))
