"""Turns NVIDIA Riva's recognition configs into our own, refusing what is wrong by Riva's name for it.

What Riva's fields mean: https://docs.nvidia.com/nim/speech/latest/reference/api-references/asr/protos.html
"""

from collections.abc import Mapping

from google.protobuf.duration_pb2 import Duration
from voicebox.asr.v1 import asr_pb2
from voicebox.foreign.riva import riva_asr_pb2
from voicebox_kit.errors import InvalidField

MULTILINGUAL = "multi"
"""Riva's language code for "any, detected anew as it changes"."""

MOST_SPEAKERS = 8
"""So many speakers are told apart at most when Riva's clients do not say."""

TASKS = {"transcribe": asr_pb2.RECOGNITION_TASK_TRANSCRIBE, "translate": asr_pb2.RECOGNITION_TASK_TRANSLATE}

_CONFIG = {
    "sample_rate_hz": "sample_rate_hertz",
    "channel_count": "audio_channel_count",
    "language": "language_code",
    "multilingual": "language_code",
    "hotwords": "speech_contexts",
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


def to_recognition(config: riva_asr_pb2.RecognitionConfig) -> asr_pb2.RecognitionConfig:
    """What a config asks for, save the sound's format; InvalidField, by Riva's name, where it asks for what cannot be.

    `enable_automatic_punctuation` and `verbatim_transcripts` are left alone, since Riva's clients send both either way: text is as the
    model writes it. One alternative is told, whatever `max_alternatives` is. A boost makes phrases likelier, always in the same measure.
    """
    if config.profanity_filter:
        raise InvalidField("config.profanity_filter", "Nothing is filtered here: set config.profanity_filter to false.", "UNSUPPORTED")
    speakers, multilingual = config.diarization_config, config.language_code == MULTILINGUAL
    return asr_pb2.RecognitionConfig(
        model=_model(config.model),
        language="" if multilingual else config.language_code,
        multilingual=multilingual,
        hotwords=_phrases(config),
        task=_task(config.custom_configuration),
        separate_channels=config.enable_separate_recognition_per_channel,
        word_offsets=config.enable_word_time_offsets or speakers.enable_speaker_diarization,
        diarization=_diarization(speakers) if speakers.enable_speaker_diarization else None,
    )


def to_endpointing(config: riva_asr_pb2.RecognitionConfig) -> asr_pb2.Endpointing:
    """When an utterance ends. Riva's share of silence in its window, and its two passes, are fixed here."""
    asked, endpointing = config.endpointing_config, asr_pb2.Endpointing()
    for descriptor, _ in asked.ListFields():
        if descriptor.name != "stop_history":
            field = f"config.endpointing_config.{descriptor.name}"
            raise InvalidField(field, f"{field} cannot be set here: stop_history alone says when an utterance ends.", "UNSUPPORTED")
    if asked.HasField("stop_history"):
        endpointing.end_silence.CopyFrom(_milliseconds(asked.stop_history))
    return endpointing


def refuse_endpointing(config: riva_asr_pb2.RecognitionConfig) -> None:
    """InvalidField where a file is to be cut as a stream is."""
    if config.endpointing_config.ListFields():
        sentence = "config.endpointing_config is for streams: the model finds where the utterances of a file end."
        raise InvalidField("config.endpointing_config", sentence, "UNSUPPORTED_IN_FILES")


def _milliseconds(count: int) -> Duration:
    duration = Duration()
    duration.FromMilliseconds(count)
    return duration


def _model(name: str) -> str:
    return f"models/{name.removeprefix('models/')}" if name else ""


def _phrases(config: riva_asr_pb2.RecognitionConfig) -> list[str]:
    if any(context.boost < 0 for context in config.speech_contexts):
        raise InvalidField("config.speech_contexts", "Phrases of config.speech_contexts can be made likelier, not less likely.")
    return [phrase for context in config.speech_contexts for phrase in context.phrases]


def _task(custom: Mapping[str, str]) -> asr_pb2.RecognitionTask.ValueType:
    """Riva leaves it to the model which custom_configuration there is: ours is the task, as for its Whisper."""
    if unknown := sorted(custom.keys() - {"task"}):
        field = f"config.custom_configuration.{unknown[0][:100]}"
        raise InvalidField(field, f"There is no {field}; there is task.", "UNKNOWN_PARAMETER")
    task = custom.get("task", "transcribe")
    if task not in TASKS:
        field = "config.custom_configuration.task"
        raise InvalidField(field, f"{field} must be {' or '.join(TASKS)}, not {task[:40]!r}.")
    return TASKS[task]


def _diarization(speakers: riva_asr_pb2.SpeakerDiarizationConfig) -> asr_pb2.Diarization:
    return asr_pb2.Diarization(enabled=True, max_speakers=speakers.max_speaker_count or MOST_SPEAKERS)
