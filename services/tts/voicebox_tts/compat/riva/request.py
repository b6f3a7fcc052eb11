"""Turns NVIDIA Riva's speech requests into our own, refusing what is wrong by Riva's name for it.

What Riva's fields mean: https://docs.nvidia.com/nim/speech/latest/reference/api-references/tts/protos.html
"""

from collections.abc import Mapping

from voicebox.compat.riva import riva_audio_pb2, riva_tts_pb2
from voicebox.tts.v1 import tts_pb2
from voicebox_audio.encoding.encoder import wav_header
from voicebox_audio.formats.sniff import sniff
from voicebox_compat.openai import Diagnostics
from voicebox_kit.errors import InvalidField

from voicebox_tts.api.requests import MAX_AHEAD_SECONDS
from voicebox_tts.text import ssml

CONFIG_NAMES = {
    "voice.profile": "voice_name",
    "voice.reference.audio": "zero_shot_data.audio_prompt",
    "voice.reference.transcript": "zero_shot_data.transcript",
    "voice.reference.consent": "custom_configuration.consent",
    "audio.encoding": "encoding",
    "audio.sample_rate_hz": "sample_rate_hz",
    "style.language": "language_code",
    "style.speed": "custom_configuration.speed",
    "style.pitch_semitones": "custom_configuration.pitch_semitones",
    "style.instructions": "custom_configuration.instructions",
}
NAMES = {"ssml": "text", **CONFIG_NAMES, **{f"config.{field}": name for field, name in CONFIG_NAMES.items()}}
"""Riva's names for our fields; of a config's fields also by their paths in it."""

ENCODINGS: Mapping[int, tts_pb2.AudioEncoding.ValueType] = {
    riva_audio_pb2.ENCODING_UNSPECIFIED: tts_pb2.AUDIO_ENCODING_PCM_S16LE,
    riva_audio_pb2.LINEAR_PCM: tts_pb2.AUDIO_ENCODING_PCM_S16LE,
    riva_audio_pb2.FLAC: tts_pb2.AUDIO_ENCODING_FLAC,
    riva_audio_pb2.OGGOPUS: tts_pb2.AUDIO_ENCODING_OGG_OPUS,
}
OPUS_RATES_HZ = (8_000, 12_000, 16_000, 24_000, 48_000)
PROMPT_RATES_HZ, PROMPT_RATE_HZ = (8_000, 48_000), 22_050
MAX_QUALITY = 40


def to_whole(
    request: riva_tts_pb2.SynthesizeSpeechRequest, diagnostics: Diagnostics, known: ssml.Known = ssml.NOBODY
) -> tts_pb2.SynthesizeRequest:
    """The request for a whole utterance; SSML may name the voices that are known. InvalidField, by Riva's name, where
    that would be other speech; hints are noted.
    """
    return tts_pb2.SynthesizeRequest(**_input(request, known, diagnostics), config=_config(request, diagnostics))


def to_streamed(
    request: riva_tts_pb2.SynthesizeSpeechRequest, diagnostics: Diagnostics, known: ssml.Known = ssml.NOBODY
) -> tts_pb2.StreamSynthesizeRequest:
    """The same for a stream. Riva's clients write files from it, too: it is as fast as they read."""
    return tts_pb2.StreamSynthesizeRequest(
        **_input(request, known, diagnostics), config=_config(request, diagnostics), ahead_seconds=MAX_AHEAD_SECONDS
    )


def _input(
    request: riva_tts_pb2.SynthesizeSpeechRequest, known: ssml.Known, diagnostics: Diagnostics
) -> dict[str, str]:
    """What is spoken, as our text or ssml: Riva has one field for both."""
    if request.custom_dictionary.strip():
        diagnostics.ignore("custom_dictionary")
        diagnostics.warn(["Words of custom_dictionary are spoken as the voice reads them."])
    if ssml.is_ssml(request.text):
        return {"ssml": ssml.subset(request.text, "text", diagnostics, known)}
    return {"text": request.text}


def _config(request: riva_tts_pb2.SynthesizeSpeechRequest, diagnostics: Diagnostics) -> tts_pb2.SynthesisConfig:
    return tts_pb2.SynthesisConfig(
        voice=_voice(request, diagnostics), audio=_audio(request), style=_style(request, diagnostics)
    )


def _voice(request: riva_tts_pb2.SynthesizeSpeechRequest, diagnostics: Diagnostics) -> tts_pb2.VoiceSelection:
    """Riva joins a voice's name of two parts by a point, as `flite.slt`. A prompt is a voice by itself: one beside it
    is noted.
    """
    name = request.voice_name
    if request.HasField("zero_shot_data"):
        if name:
            diagnostics.ignore("voice_name")
        reference = _reference(request.zero_shot_data)
        reference.consent = request.custom_configuration.get("consent", "")
        return tts_pb2.VoiceSelection(reference=reference)
    if name.startswith("profiles/"):
        return tts_pb2.VoiceSelection(profile=name)
    return tts_pb2.VoiceSelection(voice=name if "/" in name else name.replace(".", "/", 1))


def _reference(prompt: riva_tts_pb2.ZeroShotData) -> tts_pb2.InlineReference:
    """A prompt without a header gets one. `quality`, which Riva's client always sends, means passes through a decoder:
    there is none.
    """
    audio, rate = prompt.audio_prompt, prompt.sample_rate_hz or PROMPT_RATE_HZ
    if prompt.encoding not in ENCODINGS:
        raise InvalidField("zero_shot_data.encoding", f"zero_shot_data.encoding must be {_known()}.")
    if not 0 <= prompt.quality <= MAX_QUALITY:
        raise InvalidField(
            "zero_shot_data.quality", f"zero_shot_data.quality must be 1 to {MAX_QUALITY}, not {prompt.quality}."
        )
    if prompt.encoding == riva_audio_pb2.LINEAR_PCM and audio and sniff(audio) != "wav":
        low, high = PROMPT_RATES_HZ
        if not low <= rate <= high:
            raise InvalidField(
                "zero_shot_data.sample_rate_hz", f"zero_shot_data.sample_rate_hz must be {low} to {high}, not {rate}."
            )
        audio = wav_header(rate, len(audio) // 2) + audio[: len(audio) // 2 * 2]
    return tts_pb2.InlineReference(audio=audio, transcript=prompt.transcript)


def _audio(request: riva_tts_pb2.SynthesizeSpeechRequest) -> tts_pb2.AudioSpec:
    if request.encoding not in ENCODINGS:
        raise InvalidField("encoding", f"encoding must be {_known()}.", "ENCODING_UNKNOWN")
    rate = request.sample_rate_hz
    if request.encoding == riva_audio_pb2.OGGOPUS and rate > OPUS_RATES_HZ[0]:
        # Riva's client requests 22,050 Hz by default. Opus always plays at 48 kHz: the next rate that it
        # knows loses nothing.
        rate = next((known for known in OPUS_RATES_HZ if known >= rate), rate)
    return tts_pb2.AudioSpec(encoding=ENCODINGS[request.encoding], sample_rate_hz=rate)


def _known() -> str:
    return ", ".join(riva_audio_pb2.AudioEncoding.Name(encoding) for encoding in ENCODINGS if encoding)  # type: ignore[arg-type]


def _style(request: riva_tts_pb2.SynthesizeSpeechRequest, diagnostics: Diagnostics) -> tts_pb2.SpeakingStyle:
    """Riva leaves it to the model which custom_configuration there is: ours are a style's fields, and the consent of a
    prompt's speaker.
    """
    style = tts_pb2.SpeakingStyle(language=request.language_code)
    for key, value in sorted(request.custom_configuration.items()):
        match key:
            case "speed":
                style.speed = _number(key, value)
            case "pitch_semitones":
                style.pitch_semitones = _number(key, value)
            case "instructions":
                style.instructions = value
            case "consent" if request.HasField("zero_shot_data"):
                pass  # it is the prompt's
            case _:
                diagnostics.ignore(f"custom_configuration.{key}")
    return style


def _number(key: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        field = f"custom_configuration.{key}"
        raise InvalidField(field, f"{field} must be a number, not {value[:40]!r}.") from None
