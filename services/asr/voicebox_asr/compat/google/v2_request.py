"""Turns Google's Speech v2 requests into our own, refusing what is wrong by Google's name for it.

What Google's fields mean: https://cloud.google.com/speech-to-text/v2/docs/reference/rpc/google.cloud.speech.v2
"""

import base64
import binascii
import re

from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from voicebox.asr.v1 import asr_pb2
from voicebox.compat.google import speech_v2_pb2 as google
from voicebox_kit.errors import InvalidField, NotFound

from .audio import AUTO, AudioFormat, checked
from .shared_request import (
    MAX_SPEAKERS,
    FileRequest,
    OutputOptions,
    StreamRequest,
    check_alternatives,
    refuse,
    to_hotwords,
    to_model,
)

RECOGNIZER = re.compile(r"(projects/[^/]+/locations/[^/]+)/recognizers/_")
DATA_URI = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)
DETECTED = "auto"
MAX_FILES = 15

_CONFIG = {
    "sample_rate_hz": "explicit_decoding_config.sample_rate_hertz",
    "channel_count": "explicit_decoding_config.audio_channel_count",
    "language": "language_codes",
    "model": "model",
    "prompt": "features.custom_prompt_config.custom_prompt",
    "hotwords": "adaptation.phrase_sets",
    "task": "translation_config",
    "separate_channels": "features.multi_channel_mode",
    "diarization": "features.diarization_config",
    "diarization.enabled": "features.diarization_config",
    "diarization.max_speakers": "features.diarization_config.max_speaker_count",
    "diarization.min_speakers": "features.diarization_config.min_speaker_count",
}
NAMES = {**{f"config.{own}": f"config.{name}" for own, name in _CONFIG.items()}, "audio": "content"}
FILE_NAMES = {**NAMES, "audio": "files.uri"}
STREAM_NAMES = {f"config.recognition.{own}": f"streaming_config.config.{name}" for own, name in _CONFIG.items()}
"""Google's names for our fields, in recordings, in batches, and in streams."""

REASONS = {
    "features.profanity_filter": "nothing is filtered.",
    "features.enable_spoken_punctuation": "text is as the model writes it.",
    "features.enable_spoken_emojis": "text is as the model writes it.",
    "transcript_normalization": "replace words in the transcript yourself.",
    "denoiser_config": "the model reads the audio as it is.",
    "adaptation.custom_classes": "give the phrases themselves, as an inline_phrase_set.",
}

END_SILENCE_MILLISECONDS = {
    google.StreamingRecognitionFeatures.ENDPOINTING_SENSITIVITY_SHORT: 300,
    google.StreamingRecognitionFeatures.ENDPOINTING_SENSITIVITY_SUPERSHORT: 200,
}
"""The silence that ends an utterance. Standard is the server's own, 500 ms."""


def parent_of(recognizer: str) -> str:
    """The `projects/*/locations/*` of a recognizer without defaults; NotFound for any other."""
    match = RECOGNIZER.fullmatch(recognizer)
    if match is None:
        raise NotFound(
            "recognizer",
            recognizer[:200],
            "There is projects/*/locations/*/recognizers/_ alone: put the config into the request.",
        )
    return match[1]


def to_file_request(config: google.RecognitionConfig, mask: FieldMask, field: str = "config") -> FileRequest:
    """The request that a config at the path `field`, or its masked fields, makes; InvalidField where it cannot.

    `features.enable_automatic_punctuation` is a hint, with Google as well: text is as the model writes it.
    """
    config = _masked(config, mask, f"{field}_mask")
    _refuse(config, field)
    features = config.features
    separate = features.multi_channel_mode == google.RecognitionFeatures.SEPARATE_RECOGNITION_PER_CHANNEL
    speakers = features.HasField("diarization_config")
    output = OutputOptions(features.enable_word_time_offsets, features.enable_word_confidence, speakers)
    native = asr_pb2.RecognitionConfig(
        model=to_model(config.model),
        language=_language(config, f"{field}.language_codes"),
        task=_task(config, f"{field}.translation_config.target_language"),
        prompt=features.custom_prompt_config.custom_prompt,
        hotwords=_phrases(config.adaptation, f"{field}.adaptation.phrase_sets"),
        separate_channels=separate,
        word_offsets=output.words,
        diarization=_diarization(features.diarization_config) if speakers else None,
    )
    return FileRequest(native, checked(_format(config), f"{field}.explicit_decoding_config.encoding"), output)


def to_stream_request(streaming: google.StreamingRecognitionConfig) -> StreamRequest:
    """The request that the config of a stream makes; InvalidField likewise."""
    features = streaming.streaming_features
    if features.HasField("voice_activity_timeout"):
        reasons = {"voice_activity_timeout": "end the stream yourself, by its voice activity events."}
        refuse({"voice_activity_timeout": True}, reasons, "streaming_config.streaming_features")
    recording = to_file_request(streaming.config, streaming.config_mask, "streaming_config.config")
    config = asr_pb2.StreamingConfig(recognition=recording.config, interim_results=features.interim_results)
    if milliseconds := END_SILENCE_MILLISECONDS.get(features.endpointing_sensitivity):
        config.endpointing.end_silence.CopyFrom(Duration(nanos=milliseconds * 1_000_000))
    return StreamRequest(recording, config, activity=features.enable_voice_activity_events)


def content(request: google.RecognizeRequest) -> bytes:
    """The audio; InvalidField where it is to be fetched from elsewhere."""
    if request.uri:
        raise InvalidField("uri", "uri is not fetched: send the sound itself, as content.", "URI_UNSUPPORTED")
    return request.content


def to_batch(request: google.BatchRecognizeRequest) -> dict[str, tuple[FileRequest, bytes]]:
    """The request and the bytes of each file, by its URI, which holds the audio (RFC 2397): nothing is fetched."""
    output = request.recognition_output_config
    if output.HasField("gcs_output_config"):
        sentence = "recognition_output_config.gcs_output_config is not written to: ask for inline_response_config."
        raise InvalidField("recognition_output_config.gcs_output_config", sentence, "URI_UNSUPPORTED")
    for name in ("vtt", "srt"):
        if output.output_format_config.HasField(name):
            reasons = {name: "the results have the times of words, and POST /v1/speech:transcribe writes subtitles."}
            refuse({name: True}, reasons, "recognition_output_config.output_format_config")
    if not 0 < len(request.files) <= MAX_FILES:
        raise InvalidField("files", f"files must be 1 to {MAX_FILES}, not {len(request.files)}.")
    return {file.uri: (_file_request(request, file), _inline(file.uri)) for file in request.files}


def _file_request(request: google.BatchRecognizeRequest, file: google.BatchRecognizeFileMetadata) -> FileRequest:
    """A file's own config counts for it alone, whole or in the fields of its mask."""
    if not file.HasField("config"):
        return to_file_request(request.config, request.config_mask)
    config = google.RecognitionConfig()
    if file.config_mask.paths:
        config.CopyFrom(_masked(request.config, request.config_mask, "config_mask"))
    config.MergeFrom(_masked(file.config, file.config_mask, "files.config_mask"))
    return to_file_request(config, FieldMask(), "files.config")


def _inline(uri: str) -> bytes:
    match = DATA_URI.match(uri)
    if match is None:
        sentence = (
            "files.uri is not fetched: send the sound itself, as data:audio/wav;base64,..., or as content of Recognize."
        )
        raise InvalidField("files.uri", sentence, "URI_UNSUPPORTED")
    try:
        return base64.b64decode(uri[match.end() :], validate=True)
    except binascii.Error as error:
        raise InvalidField("files.uri", f"What follows in files.uri is not base64: {error}.") from error


def _masked(config: google.RecognitionConfig, mask: FieldMask, field: str) -> google.RecognitionConfig:
    if not mask.paths or list(mask.paths) == ["*"]:
        return config
    if not mask.IsValidForDescriptor(google.RecognitionConfig.DESCRIPTOR):
        raise InvalidField(field, f"{field} names what a config has not: {', '.join(mask.paths)[:200]}.")
    selected = google.RecognitionConfig()
    mask.MergeMessage(config, selected)
    return selected


def _refuse(config: google.RecognitionConfig, field: str) -> None:
    used = {
        "features.profanity_filter": config.features.profanity_filter,
        "features.enable_spoken_punctuation": config.features.enable_spoken_punctuation,
        "features.enable_spoken_emojis": config.features.enable_spoken_emojis,
        "transcript_normalization": config.transcript_normalization.entries,
        "denoiser_config": config.denoiser_config.denoise_audio or config.denoiser_config.snr_threshold,
        "adaptation.custom_classes": config.adaptation.custom_classes,
    }
    refuse(used, REASONS, field)
    check_alternatives(config.features.max_alternatives, f"{field}.features.max_alternatives")


def _language(config: google.RecognitionConfig, field: str) -> str:
    if len(config.language_codes) > 1:
        raise InvalidField(
            field,
            f"{field} must name one language, or {DETECTED} to have it detected by models that can.",
            "UNSUPPORTED",
        )
    code = "".join(config.language_codes)
    return "" if code == DETECTED else code


def _task(config: google.RecognitionConfig, field: str) -> asr_pb2.RecognitionTask.ValueType:
    target = config.translation_config.target_language
    if target and target.lower().partition("-")[0] != "en":
        raise InvalidField(
            field, f"{field} must be English, the one language that a model translates into.", "UNSUPPORTED"
        )
    return asr_pb2.RECOGNITION_TASK_TRANSLATE if target else asr_pb2.RECOGNITION_TASK_TRANSCRIBE


def _phrases(adaptation: google.SpeechAdaptation, field: str) -> list[str]:
    if any(each.phrase_set for each in adaptation.phrase_sets):
        raise InvalidField(
            field,
            f"There are no phrase sets here: give the phrases in {field}, as an inline_phrase_set.",
            "UNSUPPORTED",
        )
    sets = [each.inline_phrase_set for each in adaptation.phrase_sets]
    return to_hotwords([(phrase.value, phrase.boost or each.boost) for each in sets for phrase in each.phrases], field)


def _format(config: google.RecognitionConfig) -> AudioFormat:
    if not config.HasField("explicit_decoding_config"):
        return AudioFormat(AUTO)
    explicit, encoding = config.explicit_decoding_config, google.ExplicitDecodingConfig.AudioEncoding
    name = encoding.Name(explicit.encoding) if explicit.encoding in encoding.values() else str(explicit.encoding)
    return AudioFormat(name, explicit.sample_rate_hertz, explicit.audio_channel_count)


def _diarization(speakers: google.SpeakerDiarizationConfig) -> asr_pb2.Diarization:
    maximum = speakers.max_speaker_count or max(MAX_SPEAKERS, speakers.min_speaker_count)
    return asr_pb2.Diarization(enabled=True, min_speakers=speakers.min_speaker_count, max_speakers=maximum)
