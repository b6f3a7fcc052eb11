"""What the catalog keeps of what was heard."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from google.protobuf import json_format
from google.protobuf.timestamp_pb2 import Timestamp
from voicebox.asr.v1 import asr_pb2
from voicebox.catalog.v1 import catalog_pb2
from voicebox_kit.durations import to_duration

from voicebox_asr.engine import Engine, Word
from voicebox_asr.results.utterance import Utterance
from voicebox_asr.results.warnings import Notice

MOST_WARNINGS = 100
MOST_VALUE_CHARACTERS = 1000

TOLD_ELSEWHERE = (
    "encoding",
    "sample_rate_hz",
    "channel_count",
    "model",
    "word_offsets",
    "store",
    "request_id",
    "labels",
)
"""Fields of RecognitionConfig that the record has in a form of its own, or that say nothing of the result."""


@dataclass(frozen=True)
class Result:
    """What was heard in a file or a stream, as far as it is kept. `recognition_seconds` is 0 where that was not
    measured.
    """

    utterances: Sequence[Utterance]
    language: str
    audio_seconds: float
    recognition_seconds: float = 0.0
    notices: Sequence[Notice] = ()


def transcription(result: Result, engine: Engine, config: asr_pb2.RecognitionConfig) -> catalog_pb2.Transcription:
    """The record of what was heard now, without its name, owner, labels and container."""
    now = Timestamp()
    now.GetCurrentTime()
    return catalog_pb2.Transcription(
        text=" ".join(utterance.heard.text for utterance in result.utterances),
        utterances=[_utterance(utterance) for utterance in result.utterances],
        engine=engine.name,
        model=engine.model.name,
        model_revision=engine.model.revision,
        language=result.language,
        parameters=parameters(config),
        duration=to_duration(result.audio_seconds),
        recognition_time=to_duration(result.recognition_seconds),
        speaker_count=len({utterance.speaker for utterance in result.utterances if utterance.speaker}),
        warnings=[notice.sentence for notice in result.notices[:MOST_WARNINGS]],
        create_time=now,
    )


def parameters(config: asr_pb2.RecognitionConfig) -> Mapping[str, str]:
    """What was asked, by the names of RecognitionConfig's fields; what is no text is JSON."""
    asked = json_format.MessageToDict(config, preserving_proto_field_name=True)
    written = {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in asked.items()
    }
    return {name: value[:MOST_VALUE_CHARACTERS] for name, value in written.items() if name not in TOLD_ELSEWHERE}


def _utterance(utterance: Utterance) -> catalog_pb2.TranscriptionUtterance:
    return catalog_pb2.TranscriptionUtterance(
        text=utterance.heard.text,
        start_offset=to_duration(utterance.start_seconds),
        end_offset=to_duration(utterance.end_seconds),
        speaker=utterance.speaker,
        channel=utterance.channel,
        language=utterance.heard.language,
        words=[_word(word, utterance.speaker) for word in utterance.heard.words],
    )


def _word(word: Word, speaker: str) -> catalog_pb2.TranscriptionWord:
    return catalog_pb2.TranscriptionWord(
        text=word.text,
        start_offset=to_duration(word.start_seconds),
        end_offset=to_duration(word.end_seconds),
        confidence=word.confidence,
        speaker=speaker,
    )
