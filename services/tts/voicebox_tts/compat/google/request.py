"""Turns Google's speech requests into our own, refusing what is wrong by Google's name for it.

What Google's fields mean: https://cloud.google.com/text-to-speech/docs/reference/rpc/google.cloud.texttospeech.v1
"""

import re
from collections.abc import Mapping

from voicebox.compat.google import texttospeech_v1_pb2 as google
from voicebox.tts.v1 import tts_pb2
from voicebox_compat.openai import Diagnostics
from voicebox_kit.errors import InvalidField

from voicebox_tts.api.requests import MAX_AHEAD_SECONDS
from voicebox_tts.text import ssml

from . import audio as google_audio

CONFIG_NAMES = {
    "voice.profile": "voice.name",
    "audio.encoding": "audio_config.audio_encoding",
    "audio.sample_rate_hz": "audio_config.sample_rate_hertz",
    "style.language": "voice.language_code",
    "style.speed": "audio_config.speaking_rate",
    "style.pitch_semitones": "audio_config.pitch",
    "style.instructions": "input.prompt",
}
NAMES = {
    "text": "input.text",
    "ssml": "input.ssml",
    **CONFIG_NAMES,
    **{f"config.{field}": name for field, name in CONFIG_NAMES.items()},
}
"""Google's names for our fields, in SynthesizeSpeech; of a config's fields also by their paths in it."""

STREAM_CONFIG_NAMES = {
    "voice.profile": "streaming_config.voice.name",
    "audio.encoding": "streaming_config.streaming_audio_config.audio_encoding",
    "audio.sample_rate_hz": "streaming_config.streaming_audio_config.sample_rate_hertz",
    "style.language": "streaming_config.voice.language_code",
    "style.speed": "streaming_config.streaming_audio_config.speaking_rate",
}
STREAM_NAMES = {
    "text": "input.text",
    **STREAM_CONFIG_NAMES,
    **{f"config.synthesis.{field}": name for field, name in STREAM_CONFIG_NAMES.items()},
}
"""The same in StreamingSynthesize."""

PAUSE = re.compile(r"\[pause(?: short| long)?\]")

ENCODINGS: Mapping[int, tts_pb2.AudioEncoding.ValueType] = {
    google.LINEAR16: tts_pb2.AUDIO_ENCODING_WAV,
    google.MP3: tts_pb2.AUDIO_ENCODING_MP3,
    google.OGG_OPUS: tts_pb2.AUDIO_ENCODING_OGG_OPUS,
    google.PCM: tts_pb2.AUDIO_ENCODING_PCM_S16LE,
    google.MULAW: tts_pb2.AUDIO_ENCODING_PCM_S16LE,
    google.ALAW: tts_pb2.AUDIO_ENCODING_PCM_S16LE,
    google.M4A: tts_pb2.AUDIO_ENCODING_PCM_S16LE,
}
"""What the platform generates; google_audio makes telephone audio and M4A of samples."""

STREAM_ENCODINGS: Mapping[int, tts_pb2.AudioEncoding.ValueType] = {
    google.AUDIO_ENCODING_UNSPECIFIED: tts_pb2.AUDIO_ENCODING_PCM_S16LE,
    google.PCM: tts_pb2.AUDIO_ENCODING_PCM_S16LE,
    google.MULAW: tts_pb2.AUDIO_ENCODING_MULAW,
    google.ALAW: tts_pb2.AUDIO_ENCODING_ALAW,
    google.OGG_OPUS: tts_pb2.AUDIO_ENCODING_OGG_OPUS,
}
"""Google streams no files with their length at their beginning; without a streaming_audio_config it sends
samples.
"""


def to_whole(
    request: google.SynthesizeSpeechRequest,
    voice: tts_pb2.VoiceSelection,
    diagnostics: Diagnostics,
    known: ssml.Known = ssml.NOBODY,
) -> tts_pb2.SynthesizeRequest:
    """The request for a whole utterance in a voice that was chosen; SSML may name those that are known.

    InvalidField, by Google's name, where it asks for what cannot be.
    """
    _refuse_options(request.advanced_voice_options, "advanced_voice_options")
    audio = request.audio_config
    google_audio.check_gain(audio.volume_gain_db, "audio_config.volume_gain_db")
    if audio.effects_profile_id:
        diagnostics.ignore("audio_config.effects_profile_id")
    spec = _audio(audio, ENCODINGS, "audio_config.audio_encoding")
    if not google_audio.is_plain(audio):
        spec.encoding = tts_pb2.AUDIO_ENCODING_PCM_S16LE
    return tts_pb2.SynthesizeRequest(
        text=_text(request.input, diagnostics),
        ssml=ssml.subset(request.input.ssml, "input.ssml", diagnostics, known)
        if request.input.HasField("ssml")
        else "",
        config=tts_pb2.SynthesisConfig(
            voice=voice,
            audio=spec,
            style=tts_pb2.SpeakingStyle(
                speed=audio.speaking_rate,
                pitch_semitones=audio.pitch,
                language=request.voice.language_code,
                instructions=request.input.prompt,
            ),
        ),
    )


def to_conversation(
    request: google.StreamingSynthesizeConfig, voice: tts_pb2.VoiceSelection, diagnostics: Diagnostics
) -> tts_pb2.ConverseConfig:
    """The same for a stream: it is as fast as it is read, since Google's clients write files from it, too."""
    _refuse_options(request.advanced_voice_options, "streaming_config.advanced_voice_options")
    if request.custom_pronunciations.pronunciations:
        diagnostics.ignore("streaming_config.custom_pronunciations")
    audio = request.streaming_audio_config
    return tts_pb2.ConverseConfig(
        ahead_seconds=MAX_AHEAD_SECONDS,
        synthesis=tts_pb2.SynthesisConfig(
            voice=voice,
            audio=_audio(audio, STREAM_ENCODINGS, "streaming_config.streaming_audio_config.audio_encoding"),
            style=tts_pb2.SpeakingStyle(speed=audio.speaking_rate, language=request.voice.language_code),
        ),
    )


def to_piece(request: google.StreamingSynthesizeRequest, diagnostics: Diagnostics) -> str:
    """The text of a message of a stream, after its config."""
    if not request.HasField("input"):
        raise InvalidField(
            "streaming_config",
            "Only the first message may be the streaming_config; the others are input.",
            "CONFIG_TWICE",
        )
    kind = request.input.WhichOneof("input_source")
    if kind == "markup":
        return _unmarked(request.input.markup)
    if kind not in (None, "text"):
        raise _unsupported(f"input.{kind}", f"input.{kind} is not understood here: send plain text as input.text.")
    if request.input.prompt:
        diagnostics.ignore("input.prompt")
    return request.input.text


def refuse_voice(request: google.VoiceSelectionParams, field: str, diagnostics: Diagnostics) -> None:
    """InvalidField, under the path `field`, for a voice that is none of ours. Google's models are noted."""
    for name in ("custom_voice", "voice_clone", "multi_speaker_voice_config"):
        if request.HasField(name):
            raise _unsupported(
                f"{field}.{name}", f"{field}.{name} is not known here: name a voice, or a profile as profiles/..."
            )
    if request.model_name:
        diagnostics.ignore(f"{field}.model_name")
        diagnostics.warn([f"There is no model {request.model_name[:100]!r} here: a voice's own model speaks."])


def _text(request: google.SynthesisInput, diagnostics: Diagnostics) -> str:
    if request.custom_pronunciations.pronunciations:
        diagnostics.ignore("input.custom_pronunciations")
        diagnostics.warn(["Custom pronunciations are not followed: words are spoken as the voice reads them."])
    match request.WhichOneof("input_source"):
        case "text" | None:
            return request.text
        case "ssml":
            return ""
        case "markup":
            return _unmarked(request.markup)
        case other:
            raise _unsupported(
                f"input.{other}", f"input.{other} is not understood here: send plain text as input.text."
            )


def _unmarked(markup: str) -> str:
    """The text of Google's markup: a line's end for each pause, whose length is the voice's own."""
    return PAUSE.sub("\n", markup)


def _audio(
    request: google.AudioConfig | google.StreamingAudioConfig,
    encodings: Mapping[int, tts_pb2.AudioEncoding.ValueType],
    field: str,
) -> tts_pb2.AudioSpec:
    if request.audio_encoding not in encodings:
        known = ", ".join(google.AudioEncoding.Name(number) for number in encodings if number)  # type: ignore[arg-type]
        raise InvalidField(field, f"{field} must be one of {known}.", "ENCODING_UNKNOWN")
    telephone_hz = google_audio.TELEPHONE_HZ if request.audio_encoding in google_audio.G711 else 0
    return tts_pb2.AudioSpec(
        encoding=encodings[request.audio_encoding], sample_rate_hz=request.sample_rate_hertz or telephone_hz
    )


def _refuse_options(request: google.AdvancedVoiceOptions, field: str) -> None:
    """What is left in them is about Google's servers: latency and safety filters."""
    if request.HasField("enable_textnorm") and not request.enable_textnorm:
        raise _unsupported(f"{field}.enable_textnorm", "Numbers and abbreviations are always read as words.")


def _unsupported(field: str, sentence: str) -> InvalidField:
    return InvalidField(field, sentence if field in sentence else f"{field}: {sentence}", "UNSUPPORTED")
