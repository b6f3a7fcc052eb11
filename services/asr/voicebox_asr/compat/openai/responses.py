"""Results in the formats of OpenAI's API."""

import json
import math
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from google.api.httpbody_pb2 import HttpBody
from voicebox_compat import openai, openai_languages
from voicebox_compat.openai import Diagnostics

from voicebox_asr.documents.subtitles import Layout
from voicebox_asr.documents.writers import CONTENT_TYPES, Format, Wish, document
from voicebox_asr.engine import Heard
from voicebox_asr.recognition.transcription import Transcript
from voicebox_asr.results.utterance import Utterance

from .request import ResponseFormat, TranscriptionRequest

FORMATS = {ResponseFormat.SRT: Format.SRT, ResponseFormat.VTT: Format.VTT}
SUBTITLE_TYPES = {ResponseFormat.SRT: CONTENT_TYPES[Format.TEXT], ResponseFormat.VTT: CONTENT_TYPES[Format.VTT]}
"""OpenAI sends SubRip as plain text, and programs look for that."""

INPUT_TOKENS_PER_SECOND = 10
"""OpenAI counts one for 100 ms of speech that it hears."""


def answer(heard: Transcript, asked: TranscriptionRequest) -> HttpBody:
    """The whole result, in the requested format."""
    match asked.format:
        case ResponseFormat.JSON:
            return _json({"text": text(heard), "usage": _seconds(heard)})
        case ResponseFormat.VERBOSE_JSON:
            return _json(_verbose(heard, asked))
        case ResponseFormat.DIARIZED_JSON:
            return _json(_diarized(heard))
        case ResponseFormat.TEXT:
            return HttpBody(content_type=CONTENT_TYPES[Format.TEXT], data=f"{text(heard)}\n".encode())
        case ResponseFormat.SRT | ResponseFormat.VTT:
            written = document(heard.utterances, Wish(FORMATS[asked.format], Layout()))
            return HttpBody(content_type=SUBTITLE_TYPES[asked.format], data=written.encode())


def text(heard: Transcript) -> str:
    return " ".join(utterance.heard.text for utterance in heard.utterances)


def delta(heard: Heard, *, is_first: bool) -> HttpBody:
    """The event of an utterance: all deltas joined are the text."""
    return openai.server_sent_event(type="transcript.text.delta", delta=heard.text if is_first else f" {heard.text}")


def deltas(heard: Transcript) -> Iterator[HttpBody]:
    """The events of all utterances that hold a text."""
    spoken = [utterance.heard for utterance in heard.utterances if utterance.heard.text]
    return (delta(each, is_first=number == 0) for number, each in enumerate(spoken))


def segments(heard: Transcript, asked: TranscriptionRequest) -> Iterator[HttpBody]:
    """The events that say who spoke, where that was asked: who is who is known at the end alone."""
    if asked.format is ResponseFormat.DIARIZED_JSON:
        yield from (openai.server_sent_event(**segment) for segment in _speakers_segments(heard))


def done(heard: Transcript, diagnostics: Diagnostics) -> HttpBody:
    """The event at the end of a stream. Its text is the better one where it differs from the deltas: loops are cut out
    of it.
    """
    whole = text(heard)
    listened, written = math.ceil(INPUT_TOKENS_PER_SECOND * heard.audio_seconds), openai.text_tokens(whole)
    usage = {
        "type": "tokens",
        "input_tokens": listened,
        "input_token_details": {"text_tokens": 0, "audio_tokens": listened},
        "output_tokens": written,
        "total_tokens": listened + written,
    }
    return openai.server_sent_event(type="transcript.text.done", text=whole, usage=usage, **diagnostics.fields)


def _verbose(heard: Transcript, asked: TranscriptionRequest) -> Mapping[str, Any]:
    verbose: dict[str, Any] = {
        "task": "translate" if asked.translate else "transcribe",
        "language": openai_languages.name(heard.language),
        "duration": round(heard.audio_seconds, 3),
        "text": text(heard),
        "usage": _seconds(heard),
    }
    if "segment" in asked.granularities:
        verbose["segments"] = [_segment(utterance) for utterance in heard.utterances]
    if "word" in asked.granularities:
        words = [word for utterance in heard.utterances for word in utterance.heard.words]
        verbose["words"] = [{"word": word.text, **_times(word.start_seconds, word.end_seconds)} for word in words]
    return verbose


def _diarized(heard: Transcript) -> Mapping[str, Any]:
    return {
        "task": "transcribe",
        "duration": round(heard.audio_seconds, 3),
        "text": text(heard),
        "segments": list(_speakers_segments(heard)),
        "usage": _seconds(heard),
    }


def _speakers_segments(heard: Transcript) -> Iterator[dict[str, Any]]:
    """Speakers are called A, B and so on, in the order in which they first speak."""
    names: dict[str, str] = {}
    for utterance in heard.utterances:
        name = names.setdefault(utterance.speaker, chr(ord("A") + len(names)))
        times = _times(utterance.start_seconds, utterance.end_seconds)
        yield {
            "type": "transcript.text.segment",
            "id": f"seg_{utterance.index}",
            "speaker": name,
            "text": utterance.heard.text,
            **times,
        }


def _segment(utterance: Utterance) -> Mapping[str, Any]:
    """OpenAI's schema knows no null: what an engine does not tell is worked out where it can be, else 0.

    As Whisper's, the text begins with a space, and `seek` counts hundredths of a second.
    """
    said, scores = utterance.heard, utterance.heard.scores
    data = said.text.encode()
    log_probability = math.log(said.confidence) if said.confidence else 0.0
    return {
        "id": utterance.index,
        "seek": round(100 * utterance.start_seconds),
        **_times(utterance.start_seconds, utterance.end_seconds),
        "text": f" {said.text}",
        "tokens": [],
        "temperature": scores.temperature or 0.0,
        "avg_logprob": log_probability if scores.average_log_probability is None else scores.average_log_probability,
        "compression_ratio": len(data) / len(zlib.compress(data))
        if scores.compression_ratio is None
        else scores.compression_ratio,
        "no_speech_prob": scores.no_speech_probability or 0.0,
    }


def _times(start_seconds: float, end_seconds: float) -> Mapping[str, float]:
    return {"start": round(start_seconds, 3), "end": round(end_seconds, 3)}


def _seconds(heard: Transcript) -> Mapping[str, Any]:
    return {"type": "duration", "seconds": math.ceil(heard.audio_seconds)}


def _json(document: Mapping[str, Any]) -> HttpBody:
    return HttpBody(content_type="application/json", data=json.dumps(document, ensure_ascii=False).encode())
