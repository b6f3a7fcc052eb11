"""Our results as OpenAI's responses."""

import json
import math
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from google.api.httpbody_pb2 import HttpBody
from google.protobuf.duration_pb2 import Duration
from voicebox.asr.v1 import asr_pb2
from voicebox_compat import openai, openai_languages
from voicebox_compat.openai import Diagnostics

from voicebox_asr.documents.subtitles import Layout
from voicebox_asr.documents.writers import CONTENT_TYPES, DocumentOptions, Format, document
from voicebox_asr.engine import Hypothesis, Word
from voicebox_asr.results.utterance import Utterance

from .request import ResponseFormat, TranscriptionRequest

FORMATS = {ResponseFormat.SRT: Format.SRT, ResponseFormat.VTT: Format.VTT}
SUBTITLE_TYPES = {ResponseFormat.SRT: CONTENT_TYPES[Format.TEXT], ResponseFormat.VTT: CONTENT_TYPES[Format.VTT]}
"""OpenAI sends SubRip as plain text, and programs look for that."""

INPUT_TOKENS_PER_SECOND = 10
"""OpenAI counts one for 100 ms of speech."""

FLOAT_DIGITS = 7
"""What a float of 32 bits holds: 0.2, and not 0.20000000298."""


def answer(response: asr_pb2.RecognizeResponse, request: TranscriptionRequest) -> HttpBody:
    """The transcript in the requested format."""
    match request.format:
        case ResponseFormat.JSON:
            return _json({"text": response.transcript, "usage": _usage(response)})
        case ResponseFormat.VERBOSE_JSON:
            return _json(_verbose(response, request))
        case ResponseFormat.DIARIZED_JSON:
            return _json(_diarized(response))
        case ResponseFormat.TEXT:
            return HttpBody(content_type=CONTENT_TYPES[Format.TEXT], data=f"{response.transcript}\n".encode())
        case ResponseFormat.SRT | ResponseFormat.VTT:
            options = DocumentOptions(FORMATS[request.format], Layout())
            written = document([_utterance(each) for each in response.utterances], options)
            return HttpBody(content_type=SUBTITLE_TYPES[request.format], data=written.encode())


def delta(hypothesis: asr_pb2.Hypothesis, *, is_first: bool) -> HttpBody:
    """The event of an utterance: all deltas joined are the text."""
    text = hypothesis.transcript
    return openai.server_sent_event(type="transcript.text.delta", delta=text if is_first else f" {text}")


def deltas(response: asr_pb2.RecognizeResponse) -> Iterator[HttpBody]:
    """The events of all utterances that hold a text."""
    spoken = [hypothesis for hypothesis in response.utterances if hypothesis.transcript]
    return (delta(each, is_first=number == 0) for number, each in enumerate(spoken))


def segments(response: asr_pb2.RecognizeResponse, request: TranscriptionRequest) -> Iterator[HttpBody]:
    """The events with speakers, where they are requested: speakers are known only at the end."""
    if request.format is ResponseFormat.DIARIZED_JSON:
        yield from (openai.server_sent_event(**segment) for segment in _speakers_segments(response))


def done(response: asr_pb2.RecognizeResponse, diagnostics: Diagnostics) -> HttpBody:
    """The last event of a stream. Its text replaces the deltas where it differs: loops are cut out of it."""
    listened = math.ceil(INPUT_TOKENS_PER_SECOND * _seconds(response.audio_duration))
    written = openai.text_tokens(response.transcript)
    usage = {
        "type": "tokens",
        "input_tokens": listened,
        "input_token_details": {"text_tokens": 0, "audio_tokens": listened},
        "output_tokens": written,
        "total_tokens": listened + written,
    }
    return openai.server_sent_event(
        type="transcript.text.done", text=response.transcript, usage=usage, **diagnostics.fields
    )


def _verbose(response: asr_pb2.RecognizeResponse, request: TranscriptionRequest) -> Mapping[str, Any]:
    verbose: dict[str, Any] = {
        "task": "translate" if request.translate else "transcribe",
        "language": openai_languages.name(response.language),
        "duration": round(_seconds(response.audio_duration), 3),
        "text": response.transcript,
        "usage": _usage(response),
    }
    if "segment" in request.granularities:
        verbose["segments"] = [_segment(hypothesis) for hypothesis in response.utterances]
    if "word" in request.granularities:
        words = [word for hypothesis in response.utterances for word in hypothesis.words]
        verbose["words"] = [{"word": word.word, **_times(word)} for word in words]
    return verbose


def _diarized(response: asr_pb2.RecognizeResponse) -> Mapping[str, Any]:
    return {
        "task": "transcribe",
        "duration": round(_seconds(response.audio_duration), 3),
        "text": response.transcript,
        "segments": list(_speakers_segments(response)),
        "usage": _usage(response),
    }


def _speakers_segments(response: asr_pb2.RecognizeResponse) -> Iterator[dict[str, Any]]:
    """Speakers are called A, B and so on, in the order in which they first speak."""
    names: dict[str, str] = {}
    for hypothesis in response.utterances:
        yield {
            "type": "transcript.text.segment",
            "id": f"seg_{hypothesis.utterance_index}",
            "speaker": names.setdefault(hypothesis.speaker, chr(ord("A") + len(names))),
            "text": hypothesis.transcript,
            **_times(hypothesis),
        }


def _segment(hypothesis: asr_pb2.Hypothesis) -> Mapping[str, Any]:
    """OpenAI's schema knows no null: what an engine does not return is computed where possible, else 0.

    As Whisper's, the text begins with a space, and `seek` counts hundredths of a second.
    """
    data = hypothesis.transcript.encode()
    has_log_probability, has_ratio = (
        hypothesis.HasField("average_log_probability"),
        hypothesis.HasField("compression_ratio"),
    )
    log_probability = math.log(hypothesis.confidence) if hypothesis.confidence else 0.0
    return {
        "id": hypothesis.utterance_index,
        "seek": round(100 * _seconds(hypothesis.start_offset)),
        **_times(hypothesis),
        "text": f" {hypothesis.transcript}",
        "tokens": [],
        "temperature": _short(hypothesis.temperature),
        "avg_logprob": _short(hypothesis.average_log_probability) if has_log_probability else log_probability,
        "compression_ratio": _short(hypothesis.compression_ratio)
        if has_ratio
        else len(data) / len(zlib.compress(data)),
        "no_speech_prob": _short(hypothesis.no_speech_probability),
    }


def _utterance(hypothesis: asr_pb2.Hypothesis) -> Utterance:
    """The same as documents are written of."""
    words = tuple(
        Word(word.word, _seconds(word.start_offset), _seconds(word.end_offset), None) for word in hypothesis.words
    )
    text = Hypothesis(hypothesis.transcript, None, words, hypothesis.language)
    start_seconds, end_seconds = _seconds(hypothesis.start_offset), _seconds(hypothesis.end_offset)
    return Utterance(
        hypothesis.utterance_index, text, start_seconds, end_seconds, hypothesis.channel, hypothesis.speaker
    )


def _times(hypothesis: asr_pb2.Hypothesis | asr_pb2.Word) -> Mapping[str, float]:
    return {"start": round(_seconds(hypothesis.start_offset), 3), "end": round(_seconds(hypothesis.end_offset), 3)}


def _usage(response: asr_pb2.RecognizeResponse) -> Mapping[str, Any]:
    return {"type": "duration", "seconds": math.ceil(_seconds(response.audio_duration))}


def _seconds(duration: Duration) -> float:
    return duration.ToMicroseconds() / 1e6


def _short(number: float) -> float:
    return float(f"{number:.{FLOAT_DIGITS}g}")


def _json(document: Mapping[str, Any]) -> HttpBody:
    return HttpBody(content_type="application/json", data=json.dumps(document, ensure_ascii=False).encode())
