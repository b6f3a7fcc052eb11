"""Turns Google's speech requests into our own, refusing what is wrong by Google's name for it.

What Google's fields mean: https://cloud.google.com/text-to-speech/docs/reference/rpc/google.cloud.texttospeech.v1
"""

from collections.abc import Mapping

from voicebox.foreign.google import texttospeech_v1_pb2 as google
from voicebox.tts.v1 import tts_pb2
from voicebox_kit.errors import InvalidField

from .requests import MAX_AHEAD_SECONDS

NAMES = {
    "text": "input.text",
    "voice.profile": "voice.name",
    "audio.encoding": "audio_config.audio_encoding",
    "audio.sample_rate_hz": "audio_config.sample_rate_hertz",
    "style.language": "voice.language_code",
    "style.speed": "audio_config.speaking_rate",
    "style.pitch_semitones": "audio_config.pitch",
    "style.instructions": "input.prompt",
}
"""Google's names for our fields, in SynthesizeSpeech."""

STREAM_NAMES = {
    "text": "input.text",
    "voice.profile": "streaming_config.voice.name",
    "audio.encoding": "streaming_config.streaming_audio_config.audio_encoding",
    "audio.sample_rate_hz": "streaming_config.streaming_audio_config.sample_rate_hertz",
    "style.language": "streaming_config.voice.language_code",
    "style.speed": "streaming_config.streaming_audio_config.speaking_rate",
}
"""The same in StreamingSynthesize."""

ENCODINGS: Mapping[int, tts_pb2.AudioEncoding.ValueType] = {
    google.LINEAR16: tts_pb2.AUDIO_ENCODING_WAV,
    google.MP3: tts_pb2.AUDIO_ENCODING_MP3,
    google.OGG_OPUS: tts_pb2.AUDIO_ENCODING_OGG_OPUS,
    google.PCM: tts_pb2.AUDIO_ENCODING_PCM_S16LE,
}
STREAM_ENCODINGS: Mapping[int, tts_pb2.AudioEncoding.ValueType] = {
    google.AUDIO_ENCODING_UNSPECIFIED: tts_pb2.AUDIO_ENCODING_PCM_S16LE,
    google.PCM: tts_pb2.AUDIO_ENCODING_PCM_S16LE,
    google.OGG_OPUS: tts_pb2.AUDIO_ENCODING_OGG_OPUS,
}
"""Google streams no files that would tell their length at their beginning; without a streaming_audio_config it sends samples."""


def to_whole(asked: google.SynthesizeSpeechRequest, voice: tts_pb2.VoiceSelection) -> tts_pb2.SynthesizeRequest:
    """The request for a whole utterance in a voice that was chosen; InvalidField, by Google's name, where it asks for what cannot be."""
    _refuse_options(asked.advanced_voice_options, "advanced_voice_options")
    audio = asked.audio_config
    if audio.volume_gain_db:
        raise _unsupported("audio_config.volume_gain_db", "The volume is the engine's: set it where the sound is played.")
    if audio.effects_profile_id:
        raise _unsupported("audio_config.effects_profile_id", "Speech is given as it is, without effects.")
    return tts_pb2.SynthesizeRequest(
        text=_text(asked.input),
        voice=voice,
        audio=_audio(audio, ENCODINGS, "audio_config.audio_encoding"),
        style=tts_pb2.SpeakingStyle(
            speed=audio.speaking_rate,
            pitch_semitones=audio.pitch,
            language=asked.voice.language_code,
            instructions=asked.input.prompt,
        ),
    )


def to_conversation(asked: google.StreamingSynthesizeConfig, voice: tts_pb2.VoiceSelection) -> tts_pb2.ConverseConfig:
    """The same for a stream: it is as fast as it is read, since Google's clients write files from it, too."""
    _refuse_options(asked.advanced_voice_options, "streaming_config.advanced_voice_options")
    if asked.custom_pronunciations.pronunciations:
        raise _unsupported("streaming_config.custom_pronunciations", "No engine here takes phonemes: write words as they are to be said.")
    audio = asked.streaming_audio_config
    return tts_pb2.ConverseConfig(
        voice=voice,
        audio=_audio(audio, STREAM_ENCODINGS, "streaming_config.streaming_audio_config.audio_encoding"),
        style=tts_pb2.SpeakingStyle(speed=audio.speaking_rate, language=asked.voice.language_code),
        ahead_seconds=MAX_AHEAD_SECONDS,
    )


def to_piece(asked: google.StreamingSynthesizeRequest) -> str:
    """The text of a message of a stream, after its config."""
    if not asked.HasField("input"):
        raise InvalidField("streaming_config", "Only the first message may be the streaming_config; the others are input.", "CONFIG_TWICE")
    kind = asked.input.WhichOneof("input_source")
    if kind not in (None, "text"):
        raise _unsupported(f"input.{kind}", f"input.{kind} is not understood here: send plain text as input.text.")
    if asked.input.prompt:
        raise _unsupported("input.prompt", "input.prompt is understood by SynthesizeSpeech alone.")
    return asked.input.text


def refuse_voice(asked: google.VoiceSelectionParams, field: str) -> None:
    """InvalidField, under the path `field`, where a voice is asked for that is none of ours."""
    for name in ("custom_voice", "voice_clone", "multi_speaker_voice_config"):
        if asked.HasField(name):
            raise _unsupported(f"{field}.{name}", f"{field}.{name} is not known here: name a voice, or a profile as profiles/...")
    if asked.model_name:
        raise _unsupported(f"{field}.model_name", f"Leave {field}.model_name empty: a voice's name says whose it is.")


def _text(asked: google.SynthesisInput) -> str:
    if asked.custom_pronunciations.pronunciations:
        raise _unsupported("input.custom_pronunciations", "No engine here takes phonemes: write words as they are to be said.")
    match asked.WhichOneof("input_source"):
        case "text" | None:
            return asked.text
        case "ssml":
            raise InvalidField("input.ssml", "input.ssml is not understood here: send plain text as input.text.", "SSML_UNSUPPORTED")
        case other:
            raise _unsupported(f"input.{other}", f"input.{other} is not understood here: send plain text as input.text.")


def _audio(
    asked: google.AudioConfig | google.StreamingAudioConfig, encodings: Mapping[int, tts_pb2.AudioEncoding.ValueType], field: str
) -> tts_pb2.AudioSpec:
    if asked.audio_encoding not in encodings:
        known = ", ".join(google.AudioEncoding.Name(number) for number in encodings if number)  # type: ignore[arg-type]
        raise InvalidField(field, f"{field} must be one of {known}.", "ENCODING_UNKNOWN")
    return tts_pb2.AudioSpec(encoding=encodings[asked.audio_encoding], sample_rate_hz=asked.sample_rate_hertz)


def _refuse_options(asked: google.AdvancedVoiceOptions, field: str) -> None:
    """What is left in them is about Google's servers: latency and safety filters."""
    if asked.HasField("enable_textnorm") and not asked.enable_textnorm:
        raise _unsupported(f"{field}.enable_textnorm", "Numbers and abbreviations are always read as words.")


def _unsupported(field: str, sentence: str) -> InvalidField:
    return InvalidField(field, sentence if field in sentence else f"{field}: {sentence}", "UNSUPPORTED")
