"""Reads the fields of OpenAI's transcription form, refusing what is wrong by OpenAI's name for it."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from voicebox.asr.v1 import asr_pb2
from voicebox_kit.errors import InvalidField

from .options import MAX_PROMPT_CHARACTERS

OPENAI_MODELS = re.compile(r"(whisper-1|gpt-4o-transcribe|gpt-4o-mini-transcribe)(-[0-9-]+)?")

LISTS = ("timestamp_granularities", "include")
TRANSCRIPTION = frozenset(
    {"model", "prompt", "response_format", "temperature", "language", "stream", "chunking_strategy", "chunking_strategy[type]",
     "chunking_strategy[threshold]", *LISTS}
)  # fmt: skip
TRANSLATION = frozenset({"model", "prompt", "response_format", "temperature"})
TRUE, FALSE = ("true", "True", "1"), ("false", "False", "0", "")


class ResponseFormat(StrEnum):
    """What an answer looks like."""

    JSON = "json"
    TEXT = "text"
    SRT = "srt"
    VERBOSE_JSON = "verbose_json"
    VTT = "vtt"


@dataclass(frozen=True)
class TranscriptionRequest:
    """What is asked. `config` is the same in our own terms; `granularities` are `word` and `segment`."""

    config: asr_pb2.RecognitionConfig
    format: ResponseFormat
    granularities: frozenset[str]
    stream: bool

    @property
    def translate(self) -> bool:
        return self.config.task == asr_pb2.RECOGNITION_TASK_TRANSLATE


def read(given: Mapping[str, Sequence[str]], *, translate: bool) -> TranscriptionRequest:
    """The request that a form's fields make; InvalidField, with the parameter's name, where it is wrong. Names may end in `[]`."""
    fields = {name.removesuffix("[]"): values for name, values in given.items()}
    if unknown := sorted(fields.keys() - (TRANSLATION if translate else TRANSCRIPTION)):
        raise InvalidField(unknown[0][:100], f"There is no parameter {unknown[0][:100]!r} here.", "UNKNOWN_PARAMETER")
    if any(fields.get("include", ())):
        raise InvalidField("include", "No model here tells the log probabilities of tokens.", "UNSUPPORTED_PARAMETER")
    single = {name: _only(name, values) for name, values in fields.items() if name not in LISTS}
    answer = _format(single.get("response_format", ""))
    granularities = _granularities(fields.get("timestamp_granularities", ()), answer)
    stream = _boolean("stream", single.get("stream", ""))
    if stream and answer not in (ResponseFormat.JSON, ResponseFormat.TEXT):
        raise InvalidField("stream", f"A stream of events cannot be {answer}.", "UNSUPPORTED_VALUE")
    words = answer in (ResponseFormat.SRT, ResponseFormat.VTT) or "word" in granularities
    return TranscriptionRequest(_config(single, translate=translate, words=words), answer, granularities, stream)


def _config(fields: Mapping[str, str], *, translate: bool, words: bool) -> asr_pb2.RecognitionConfig:
    config = asr_pb2.RecognitionConfig(
        model=_model(fields.get("model", "")),
        language=fields.get("language", ""),
        # OpenAI takes longer ones, and lets the last of them count.
        prompt=fields.get("prompt", "")[-MAX_PROMPT_CHARACTERS:],
        task=asr_pb2.RECOGNITION_TASK_TRANSLATE if translate else asr_pb2.RECOGNITION_TASK_TRANSCRIBE,
        word_offsets=words,
    )
    temperature = _number("temperature", fields.get("temperature", ""))
    if temperature:  # 0, which SDKs send unasked, is how every model begins anyway
        config.decoding.temperatures.append(temperature)
    if threshold := _detection(fields):
        config.voice_activity.threshold = threshold
    return config


def _model(name: str) -> str:
    """Our name for it; empty for the default model, which OpenAI's names mean."""
    if not name or OPENAI_MODELS.fullmatch(name):
        return ""
    return name if name.startswith("models/") else f"models/{name}"


def _detection(fields: Mapping[str, str]) -> float:
    """The threshold of a chunking strategy, which comes as JSON or as fields of its own; 0 when it is left to the detector."""
    strategy = {"type": fields.get("chunking_strategy[type]", ""), "threshold": fields.get("chunking_strategy[threshold]", "")}
    if text := fields.get("chunking_strategy", ""):
        strategy |= {"type": text} if text == "auto" else _object("chunking_strategy", text)
    if strategy["type"] not in ("", "auto", "server_vad") or strategy.keys() > {"type", "threshold"}:
        sentence = "chunking_strategy may be auto, or server_vad with a threshold."
        raise InvalidField("chunking_strategy", sentence, "UNSUPPORTED_VALUE")
    return _number("chunking_strategy", str(strategy["threshold"]))


def _object(name: str, text: str) -> dict[str, str]:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise InvalidField(name, f"{name} must be auto or a JSON object.", "INVALID_TYPE")
    return {str(key): str(value) for key, value in given.items()}


def _only(name: str, values: Sequence[str]) -> str:
    if len(values) > 1:
        raise InvalidField(name, f"{name} is given {len(values)} times.")
    return values[0]


def _format(text: str) -> ResponseFormat:
    try:
        return ResponseFormat(text or "json")
    except ValueError:
        sentence = f"response_format must be one of {', '.join(ResponseFormat)}, not {text[:40]!r}."
        raise InvalidField("response_format", sentence, "UNSUPPORTED_VALUE") from None


def _granularities(texts: Sequence[str], answer: ResponseFormat) -> frozenset[str]:
    if texts and answer is not ResponseFormat.VERBOSE_JSON:
        raise InvalidField("timestamp_granularities", "timestamp_granularities need the response_format verbose_json.")
    if unknown := sorted(set(texts) - {"word", "segment"}):
        raise InvalidField("timestamp_granularities", f"timestamp_granularities are word and segment, not {unknown[0][:40]!r}.")
    return frozenset(texts) or frozenset({"segment"})


def _boolean(name: str, text: str) -> bool:
    if text not in TRUE + FALSE:
        raise InvalidField(name, f"{name} must be true or false, not {text[:40]!r}.", "INVALID_TYPE")
    return text in TRUE


def _number(name: str, text: str) -> float:
    """0 when nothing is given."""
    try:
        number = float(text or 0)
    except ValueError:
        raise InvalidField(name, f"{name} must be a number, not {text[:40]!r}.", "INVALID_TYPE") from None
    if not 0 <= number <= 1:
        raise InvalidField(name, f"{name} must be 0 to 1.")
    return number
