"""Our results as OpenAI's responses."""

import json
import math
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from google.api.httpbody_pb2 import HttpBody
from voicebox_compat import openai, openai_languages
from voicebox_compat.openai import Diagnostics

from voicebox_asr.documents.subtitles import Layout
from voicebox_asr.documents.writers import CONTENT_TYPES, DocumentOptions, Format, document
from voicebox_asr.engine import Hypothesis
from voicebox_asr.results.transcript import Transcript
from voicebox_asr.results.utterance import Utterance

from .request import ResponseFormat, TranscriptionRequest

FORMATS = {ResponseFormat.SRT: Format.SRT, ResponseFormat.VTT: Format.VTT}
SUBTITLE_TYPES = {ResponseFormat.SRT: CONTENT_TYPES[Format.TEXT], ResponseFormat.VTT: CONTENT_TYPES[Format.VTT]}
"""OpenAI sends SubRip as plain text, and programs look for that."""

INPUT_TOKENS_PER_SECOND = 10
"""OpenAI counts one for 100 ms of speech."""


def answer(transcript: Transcript, request: TranscriptionRequest) -> HttpBody:
    """The transcript in the requested format."""
    match request.format:
        case ResponseFormat.JSON:
            return _json({"text": text(transcript), "usage": _seconds(transcript)})
        case ResponseFormat.VERBOSE_JSON:
            return _json(_verbose(transcript, request))
        case ResponseFormat.DIARIZED_JSON:
            return _json(_diarized(transcript))
        case ResponseFormat.TEXT:
            return HttpBody(content_type=CONTENT_TYPES[Format.TEXT], data=f"{text(transcript)}\n".encode())
        case ResponseFormat.SRT | ResponseFormat.VTT:
            written = document(transcript.utterances, DocumentOptions(FORMATS[request.format], Layout()))
            return HttpBody(content_type=SUBTITLE_TYPES[request.format], data=written.encode())


def text(transcript: Transcript) -> str:
    return " ".join(utterance.hypothesis.text for utterance in transcript.utterances)


def delta(hypothesis: Hypothesis, *, is_first: bool) -> HttpBody:
    """The event of an utterance: all deltas joined are the text."""
    return openai.server_sent_event(
        type="transcript.text.delta", delta=hypothesis.text if is_first else f" {hypothesis.text}"
    )


def deltas(transcript: Transcript) -> Iterator[HttpBody]:
    """The events of all utterances that hold a text."""
    spoken = [utterance.hypothesis for utterance in transcript.utterances if utterance.hypothesis.text]
    return (delta(each, is_first=number == 0) for number, each in enumerate(spoken))


def segments(transcript: Transcript, request: TranscriptionRequest) -> Iterator[HttpBody]:
    """The events with speakers, where they are requested: speakers are known only at the end."""
    if request.format is ResponseFormat.DIARIZED_JSON:
        yield from (openai.server_sent_event(**segment) for segment in _speakers_segments(transcript))


def done(transcript: Transcript, diagnostics: Diagnostics) -> HttpBody:
    """The last event of a stream. Its text replaces the deltas where it differs: loops are cut out of it."""
    whole = text(transcript)
    listened, written = math.ceil(INPUT_TOKENS_PER_SECOND * transcript.audio_seconds), openai.text_tokens(whole)
    usage = {
        "type": "tokens",
        "input_tokens": listened,
        "input_token_details": {"text_tokens": 0, "audio_tokens": listened},
        "output_tokens": written,
        "total_tokens": listened + written,
    }
    return openai.server_sent_event(type="transcript.text.done", text=whole, usage=usage, **diagnostics.fields)


def _verbose(transcript: Transcript, request: TranscriptionRequest) -> Mapping[str, Any]:
    verbose: dict[str, Any] = {
        "task": "translate" if request.translate else "transcribe",
        "language": openai_languages.name(transcript.language),
        "duration": round(transcript.audio_seconds, 3),
        "text": text(transcript),
        "usage": _seconds(transcript),
    }
    if "segment" in request.granularities:
        verbose["segments"] = [_segment(utterance) for utterance in transcript.utterances]
    if "word" in request.granularities:
        words = [word for utterance in transcript.utterances for word in utterance.hypothesis.words]
        verbose["words"] = [{"word": word.text, **_times(word.start_seconds, word.end_seconds)} for word in words]
    return verbose


def _diarized(transcript: Transcript) -> Mapping[str, Any]:
    return {
        "task": "transcribe",
        "duration": round(transcript.audio_seconds, 3),
        "text": text(transcript),
        "segments": list(_speakers_segments(transcript)),
        "usage": _seconds(transcript),
    }


def _speakers_segments(transcript: Transcript) -> Iterator[dict[str, Any]]:
    """Speakers are called A, B and so on, in the order in which they first speak."""
    names: dict[str, str] = {}
    for utterance in transcript.utterances:
        name = names.setdefault(utterance.speaker, chr(ord("A") + len(names)))
        times = _times(utterance.start_seconds, utterance.end_seconds)
        yield {
            "type": "transcript.text.segment",
            "id": f"seg_{utterance.index}",
            "speaker": name,
            "text": utterance.hypothesis.text,
            **times,
        }


def _segment(utterance: Utterance) -> Mapping[str, Any]:
    """OpenAI's schema knows no null: what an engine does not return is computed where possible, else 0.

    As Whisper's, the text begins with a space, and `seek` counts hundredths of a second.
    """
    said, scores = utterance.hypothesis, utterance.hypothesis.scores
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


def _seconds(transcript: Transcript) -> Mapping[str, Any]:
    return {"type": "duration", "seconds": math.ceil(transcript.audio_seconds)}


def _json(document: Mapping[str, Any]) -> HttpBody:
    return HttpBody(content_type="application/json", data=json.dumps(document, ensure_ascii=False).encode())
