"""Turns NVIDIA Riva's recognition configs into our own, refusing what is wrong by Riva's name for it.

What Riva's fields mean: https://docs.nvidia.com/nim/speech/latest/reference/api-references/asr/protos.html
"""

from collections.abc import Mapping

from voicebox.asr.v1 import asr_pb2
from voicebox.compat.riva import riva_asr_pb2
from voicebox_compat.openai import Diagnostics
from voicebox_kit.errors import InvalidField

from voicebox_asr.api.requests import END_SILENCE_SECONDS
from voicebox_asr.compat.hints import set_hotwords, speakers_at_most
from voicebox_asr.engine import Engine

MULTILINGUAL = "multi"
"""Riva's language code for "any, detected anew as it changes"."""

MAX_SPEAKERS = 8
"""The most speakers of diarization when Riva's clients do not set it."""

MIN_SILENCE_MILLISECONDS, MAX_SILENCE_MILLISECONDS = (round(1000 * seconds) for seconds in END_SILENCE_SECONDS)

TASKS = {"transcribe": asr_pb2.RECOGNITION_TASK_TRANSCRIBE, "translate": asr_pb2.RECOGNITION_TASK_TRANSLATE}

_CONFIG = {
    "sample_rate_hz": "sample_rate_hertz",
    "channel_count": "audio_channel_count",
    "language": "language_code",
    "multilingual": "language_code",
    "task": "custom_configuration.task",
    "separate_channels": "enable_separate_recognition_per_channel",
    "diarization": "diarization_config",
    "diarization.enabled": "diarization_config.enable_speaker_diarization",
    "diarization.max_speakers": "diarization_config.max_speaker_count",
}
NAMES = {
    **{f"config.{own}": f"config.{name}" for own, name in _CONFIG.items()},
    **{f"config.recognition.{own}": f"config.{name}" for own, name in _CONFIG.items()},
    "config.endpointing.end_silence": "config.endpointing_config.stop_history",
}
"""Riva's names for our fields."""


def to_config(
    config: riva_asr_pb2.RecognitionConfig, engine: Engine, diagnostics: Diagnostics
) -> asr_pb2.RecognitionConfig:
    """Our config without the audio format; InvalidField, by Riva's name, for what would change the transcript.

    Hints that cannot be followed are noted. `enable_automatic_punctuation` and
    `verbatim_transcripts` are left alone, since Riva's clients send both either way: text is as the model writes it.
    """
    if config.profanity_filter:
        raise InvalidField(
            "config.profanity_filter", "Nothing is filtered here: set config.profanity_filter to false.", "UNSUPPORTED"
        )
    if config.max_alternatives > 1:
        diagnostics.ignore("config.max_alternatives")
    speakers, multilingual = config.diarization_config, config.language_code == MULTILINGUAL
    native = asr_pb2.RecognitionConfig(
        model=f"models/{engine.model.name}",
        language="" if multilingual else config.language_code,
        multilingual=multilingual,
        task=_task(config.custom_configuration, diagnostics),
        separate_channels=config.enable_separate_recognition_per_channel,
        word_offsets=config.enable_word_time_offsets or speakers.enable_speaker_diarization,
        diarization=_diarization(speakers, diagnostics) if speakers.enable_speaker_diarization else None,
    )
    phrases = [(phrase, context.boost) for context in config.speech_contexts for phrase in context.phrases]
    set_hotwords(native, phrases, engine, "config.speech_contexts", diagnostics)
    return native


def to_live_config(
    config: riva_asr_pb2.RecognitionConfig, engine: Engine, diagnostics: Diagnostics
) -> asr_pb2.RecognitionConfig:
    """The same for a stream, which has no diarization."""
    native = to_config(config, engine, diagnostics)
    if native.diarization.enabled:
        native.ClearField("diarization")
        diagnostics.ignore("config.diarization_config")
        diagnostics.warn(["Diarization is for files only: each speaker_tag of a stream is 0."])
    return native


def to_endpointing(config: riva_asr_pb2.RecognitionConfig, diagnostics: Diagnostics) -> asr_pb2.Endpointing:
    """When an utterance ends: `stop_history` milliseconds after its last speech. Other fields are noted."""
    riva, endpointing = config.endpointing_config, asr_pb2.Endpointing()
    for descriptor, value in riva.ListFields():
        field = f"config.endpointing_config.{descriptor.name}"
        if descriptor.name != "stop_history":
            diagnostics.ignore(field)
        elif value > 0:
            milliseconds = min(max(value, MIN_SILENCE_MILLISECONDS), MAX_SILENCE_MILLISECONDS)
            endpointing.end_silence.FromMilliseconds(milliseconds)
            if milliseconds != value:
                diagnostics.ignore(field)
                diagnostics.warn([f"{field} is {milliseconds} here, not {value}."])
    return endpointing


def ignore_endpointing(config: riva_asr_pb2.RecognitionConfig, diagnostics: Diagnostics) -> None:
    """The model finds where the utterances of a file end."""
    if config.endpointing_config.ListFields():
        diagnostics.ignore("config.endpointing_config")


def _task(custom: Mapping[str, str], diagnostics: Diagnostics) -> asr_pb2.RecognitionTask.ValueType:
    """Riva leaves it to the model which custom_configuration there is: ours is the task, as for its Whisper."""
    for name in sorted(custom.keys() - {"task"}):
        diagnostics.ignore(f"config.custom_configuration.{name}")
    task = custom.get("task", "transcribe")
    if task not in TASKS:
        field = "config.custom_configuration.task"
        raise InvalidField(field, f"{field} must be {' or '.join(TASKS)}, not {task[:40]!r}.")
    return TASKS[task]


def _diarization(speakers: riva_asr_pb2.SpeakerDiarizationConfig, diagnostics: Diagnostics) -> asr_pb2.Diarization:
    field = "config.diarization_config.max_speaker_count"
    return asr_pb2.Diarization(
        enabled=True, max_speakers=speakers_at_most(speakers.max_speaker_count, MAX_SPEAKERS, field, diagnostics)
    )
