"""Turns Google's Speech v1 requests into our own, refusing what is wrong by Google's name for it.

What Google's fields mean: https://cloud.google.com/speech-to-text/docs/reference/rpc/google.cloud.speech.v1
"""

from voicebox.asr.v1 import asr_pb2
from voicebox.compat.google import speech_v1_pb2 as google
from voicebox_kit.errors import InvalidField

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

_CONFIG = {
    "sample_rate_hz": "sample_rate_hertz",
    "channel_count": "audio_channel_count",
    "language": "language_code",
    "model": "model",
    "hotwords": "speech_contexts",
    "separate_channels": "enable_separate_recognition_per_channel",
    "diarization": "diarization_config",
    "diarization.enabled": "diarization_config.enable_speaker_diarization",
    "diarization.max_speakers": "diarization_config.max_speaker_count",
    "diarization.min_speakers": "diarization_config.min_speaker_count",
}
NAMES = {**{f"config.{own}": f"config.{name}" for own, name in _CONFIG.items()}, "audio": "audio.content"}
STREAM_NAMES = {
    **{f"config.recognition.{own}": f"streaming_config.config.{name}" for own, name in _CONFIG.items()},
    "audio": "audio_content",
}
"""Google's names for our fields, in recordings and in streams."""

REASONS = {
    "alternative_language_codes": "name one language_code, or none to have the language detected by models that can.",
    "profanity_filter": "nothing is filtered.",
    "transcript_normalization": "replace words in the transcript yourself.",
    "enable_spoken_punctuation": "text is as the model writes it.",
    "enable_spoken_emojis": "text is as the model writes it.",
    "adaptation.phrase_set_references": "give the phrases themselves, as adaptation.phrase_sets.",
    "adaptation.custom_classes": "give the phrases themselves, as adaptation.phrase_sets.",
    "adaptation.abnf_grammar": "give phrases, as adaptation.phrase_sets.",
}


def to_file_request(config: google.RecognitionConfig, field: str = "config") -> FileRequest:
    """The request that a config at the path `field` makes; InvalidField, by Google's name, where it cannot.

    `enable_automatic_punctuation`, `use_enhanced` and `metadata` are hints, with Google as well: text is as the model
    writes it.
    """
    _refuse(config, field)
    speakers = config.diarization_config
    output = OutputOptions(
        config.enable_word_time_offsets, config.enable_word_confidence, speakers.enable_speaker_diarization
    )
    native = asr_pb2.RecognitionConfig(
        model=to_model(config.model),
        language=config.language_code,
        hotwords=_phrases(config, field),
        separate_channels=config.enable_separate_recognition_per_channel,
        word_offsets=output.words,
        diarization=_diarization(speakers) if output.speakers else None,
    )
    return FileRequest(native, checked(_format(config), f"{field}.encoding"), output)


def to_stream_request(streaming: google.StreamingRecognitionConfig) -> StreamRequest:
    """The request that the config of a stream makes; InvalidField likewise."""
    if streaming.HasField("voice_activity_timeout"):
        reasons = {"voice_activity_timeout": "end the stream yourself, by its voice activity events."}
        refuse({"voice_activity_timeout": True}, reasons, "streaming_config")
    recording = to_file_request(streaming.config, "streaming_config.config")
    config = asr_pb2.StreamingConfig(recognition=recording.config, interim_results=streaming.interim_results)
    return StreamRequest(
        recording, config, activity=streaming.enable_voice_activity_events, single=streaming.single_utterance
    )


def content(audio: google.RecognitionAudio) -> bytes:
    """The audio; InvalidField where it is to be fetched from elsewhere."""
    if audio.uri:
        raise InvalidField(
            "audio.uri", "audio.uri is not fetched: send the sound itself, as audio.content.", "URI_UNSUPPORTED"
        )
    return audio.content


def refuse_output(request: google.LongRunningRecognizeRequest) -> None:
    """InvalidField where the transcript is to be put elsewhere."""
    if request.output_config.gcs_uri:
        sentence = "output_config.gcs_uri is not written to: the transcript is in the operation's response."
        raise InvalidField("output_config.gcs_uri", sentence, "URI_UNSUPPORTED")


def _refuse(config: google.RecognitionConfig, field: str) -> None:
    adaptation = config.adaptation
    used = {
        "alternative_language_codes": config.alternative_language_codes,
        "profanity_filter": config.profanity_filter,
        "transcript_normalization": config.transcript_normalization.entries,
        "enable_spoken_punctuation": config.enable_spoken_punctuation.value,
        "enable_spoken_emojis": config.enable_spoken_emojis.value,
        "adaptation.phrase_set_references": adaptation.phrase_set_references,
        "adaptation.custom_classes": adaptation.custom_classes,
        "adaptation.abnf_grammar": adaptation.abnf_grammar.abnf_strings,
    }
    refuse(used, REASONS, field)
    check_alternatives(config.max_alternatives, f"{field}.max_alternatives")


def _phrases(config: google.RecognitionConfig, field: str) -> list[str]:
    """Both of Google's places for them. A phrase's boost of 0 is its set's."""
    contexts = [(phrase, context.boost) for context in config.speech_contexts for phrase in context.phrases]
    adapted = [
        (phrase.value, phrase.boost or each.boost) for each in config.adaptation.phrase_sets for phrase in each.phrases
    ]
    return to_hotwords(contexts, f"{field}.speech_contexts") + to_hotwords(adapted, f"{field}.adaptation.phrase_sets")


def _format(config: google.RecognitionConfig) -> AudioFormat:
    encoding = google.RecognitionConfig.AudioEncoding
    if config.encoding == google.RecognitionConfig.ENCODING_UNSPECIFIED:
        return AudioFormat(AUTO)
    name = encoding.Name(config.encoding) if config.encoding in encoding.values() else str(config.encoding)
    return AudioFormat(name, config.sample_rate_hertz, config.audio_channel_count)


def _diarization(speakers: google.SpeakerDiarizationConfig) -> asr_pb2.Diarization:
    maximum = speakers.max_speaker_count or max(MAX_SPEAKERS, speakers.min_speaker_count)
    return asr_pb2.Diarization(enabled=True, min_speakers=speakers.min_speaker_count, max_speakers=maximum)
