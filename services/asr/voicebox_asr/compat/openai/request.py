"""Reads the fields of OpenAI's transcription form, refusing what is wrong by OpenAI's name for it.

Names and values are taken in the spellings that clients have for them. Unknown fields, and hints that cannot
be followed, are ignored and noted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from voicebox.asr.v1 import asr_pb2
from voicebox_compat import openai_languages, openai_names
from voicebox_compat.form import plain_name
from voicebox_compat.openai import Diagnostics, InvalidParameter

from voicebox_asr.api.options import MAX_PROMPT_CHARACTERS
from voicebox_asr.compat.hints import OWN_ENGINES

from . import values

LISTS = ("timestamp_granularities", "include")
TRANSLATION = frozenset({"model", "prompt", "response_format", "temperature"})
TRANSCRIPTION = TRANSLATION | {
    "language",
    "stream",
    "chunking_strategy",
    "chunking_strategy[type]",
    "chunking_strategy[threshold]",
    *LISTS,
}

Fields = Mapping[str, Sequence[str]]


class ResponseFormat(StrEnum):
    """What an answer looks like."""

    JSON = "json"
    TEXT = "text"
    SRT = "srt"
    VERBOSE_JSON = "verbose_json"
    VTT = "vtt"
    DIARIZED_JSON = "diarized_json"


SPELLINGS = {
    "verbose-json": "verbose_json",
    "plain": "text",
    "txt": "text",
    "subrip": "srt",
    "webvtt": "vtt",
    "diarized-json": "diarized_json",
}
STREAMED = (ResponseFormat.JSON, ResponseFormat.TEXT, ResponseFormat.DIARIZED_JSON)
"""What OpenAI streams as events; other answers come whole."""


@dataclass(frozen=True)
class TranscriptionRequest:
    """A request. `config` is the same in our own terms; `granularities` are `word` and `segment`."""

    config: asr_pb2.RecognitionConfig
    format: ResponseFormat
    granularities: frozenset[str]
    stream: bool

    @property
    def translate(self) -> bool:
        return self.config.task == asr_pb2.RECOGNITION_TASK_TRANSLATE


def read(given: Fields, diagnostics: Diagnostics, models: Sequence[str], *, translate: bool) -> TranscriptionRequest:
    """The request that a form's fields make; InvalidParameter where it is wrong. `models` are the known names.

    Names may be encoded as in a URL, and those of lists may end in brackets.
    """
    known = TRANSLATION if translate else TRANSCRIPTION
    fields: dict[str, list[str]] = {}
    for name, texts in given.items():
        plain = plain_name(name)
        if plain in known:
            fields.setdefault(plain, []).extend(texts)
        else:
            diagnostics.ignore_unknown(name, known)
    if any(fields.get("include", ())):
        diagnostics.ignore("include")
    single = {name: _only(name, texts) for name, texts in fields.items() if name not in LISTS}
    formats = [each for each in ResponseFormat if not translate or each is not ResponseFormat.DIARIZED_JSON]
    answer = ResponseFormat(values.choice("response_format", single.get("response_format", ""), formats, SPELLINGS))
    granularities = _granularities(values.texts(fields.get("timestamp_granularities", ())), answer, diagnostics)
    stream = values.boolean("stream", single.get("stream", ""))
    if stream and answer not in STREAMED:
        diagnostics.ignore("stream")
    words = answer in (ResponseFormat.SRT, ResponseFormat.VTT) or "word" in granularities
    config = _config(single, diagnostics, models, translate=translate, words=words)
    config.diarization.enabled = answer is ResponseFormat.DIARIZED_JSON
    return TranscriptionRequest(config, answer, granularities, stream and answer in STREAMED)


def _config(
    fields: Mapping[str, str], diagnostics: Diagnostics, models: Sequence[str], *, translate: bool, words: bool
) -> asr_pb2.RecognitionConfig:
    config = asr_pb2.RecognitionConfig(
        model=_model(fields.get("model", "").strip(), models, diagnostics),
        # OpenAI's languages have no regions: a model of en-US only gets en-GB, too.
        language=openai_languages.tag(fields.get("language", "")).partition("-")[0],
        # OpenAI takes longer ones, and lets the last of them count.
        prompt=fields.get("prompt", "")[-MAX_PROMPT_CHARACTERS:],
        task=asr_pb2.RECOGNITION_TASK_TRANSLATE if translate else asr_pb2.RECOGNITION_TASK_TRANSCRIBE,
        word_offsets=words,
    )
    temperature = values.number("temperature", fields.get("temperature", ""))
    if temperature:  # 0, which SDKs send unrequested, is how every model begins anyway
        config.decoding.temperatures.append(temperature)
    if threshold := _detection(fields):
        config.voice_activity.threshold = threshold
    return config


def _model(name: str, models: Sequence[str], diagnostics: Diagnostics) -> str:
    """Our name for it; empty for the default model, which OpenAI's names mean, and noted, those of other servers."""
    plain = name.removeprefix("models/")
    if not plain or openai_names.TRANSCRIPTION.fullmatch(plain):
        return ""
    own = {model.lower(): model for model in models}
    if plain.lower() in own:
        return f"models/{own[plain.lower()]}"
    if plain.partition("/")[0] not in OWN_ENGINES and openai_names.OTHER_TRANSCRIPTION.fullmatch(plain):
        diagnostics.ignore("model")
        return ""
    return f"models/{plain}"


def _detection(fields: Mapping[str, str]) -> float:
    """The threshold of a chunking strategy, which comes as JSON or as single fields; 0 for the detector's own."""
    strategy = {
        "type": fields.get("chunking_strategy[type]", ""),
        "threshold": fields.get("chunking_strategy[threshold]", ""),
    }
    if text := fields.get("chunking_strategy", ""):
        strategy |= (
            {"type": text} if text.lower() in ("auto", "server_vad") else values.json_object("chunking_strategy", text)
        )
    if strategy["type"].lower() not in ("", "auto", "server_vad"):
        sentence = "chunking_strategy may be auto, or server_vad with a threshold."
        raise InvalidParameter("chunking_strategy", sentence, "UNSUPPORTED_VALUE")
    return values.number("chunking_strategy", strategy["threshold"])


def _only(name: str, texts: Sequence[str]) -> str:
    if len(set(texts)) > 1:
        raise InvalidParameter(name, f"{name} is given {len(texts)} times.")
    return texts[0]


def _granularities(texts: Sequence[str], answer: ResponseFormat, diagnostics: Diagnostics) -> frozenset[str]:
    name = "timestamp_granularities"
    requested = frozenset(text.strip().lower().removesuffix("s") for text in texts)
    if unknown := sorted(requested - {"word", "segment"}):
        raise InvalidParameter(name, f"{name} are word and segment, not {unknown[0][:40]!r}.")
    if answer is ResponseFormat.VERBOSE_JSON:
        return requested or frozenset({"segment"})
    if "word" in requested and answer is ResponseFormat.JSON:
        raise InvalidParameter(name, "The times of words need the response_format verbose_json.")
    if requested:
        diagnostics.ignore(name)
    return frozenset()
