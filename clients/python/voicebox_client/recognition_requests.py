"""Builds requests to asr: pure functions that both clients share."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal, TypedDict, Unpack, cast

from google.api import httpbody_pb2
from google.protobuf.duration_pb2 import Duration
from voicebox.asr.v1 import asr_pb2

from .requests import request_id, resource

Task = Literal["transcribe", "translate"]
TranscriptFormat = Literal["text", "srt", "vtt", "tsv", "json"]

TASKS: Mapping[str, "asr_pb2.RecognitionTask.ValueType"] = {
    "transcribe": asr_pb2.RECOGNITION_TASK_TRANSCRIBE,
    "translate": asr_pb2.RECOGNITION_TASK_TRANSLATE,
}

FORMATS: Mapping[str, "asr_pb2.TranscriptFormat.ValueType"] = {
    "text": asr_pb2.TRANSCRIPT_FORMAT_TEXT,
    "srt": asr_pb2.TRANSCRIPT_FORMAT_SRT,
    "vtt": asr_pb2.TRANSCRIPT_FORMAT_VTT,
    "tsv": asr_pb2.TRANSCRIPT_FORMAT_TSV,
    "json": asr_pb2.TRANSCRIPT_FORMAT_JSON,
}


class RecognitionOptions(TypedDict, total=False):
    """How to recognise; what is left out is the server's default. An option that the engine does not support is an
    error.
    """

    sample_rate_hz: Annotated[int, "of headerless s16le samples; left out for files, whose headers have it"]
    channel_count: Annotated[int, "of headerless samples, 1 to 8"]
    language: Annotated[str, "BCP 47"]
    word_offsets: Annotated[bool, "True: with the time of each word"]
    model: Annotated[str, "`whisper/small` or `models/whisper/small`"]
    task: Annotated[Task, "`translate` writes English, whatever is spoken"]
    multilingual: Annotated[bool, "True: the language may change within the audio"]
    prompt: Annotated[str, "text that precedes this audio"]
    hotwords: Annotated[Sequence[str], "words and phrases that are likely"]
    grammar: Annotated[str, "JSGF: the only texts that can be recognised"]
    phrases: Annotated[Sequence[str], "the same as a list; not together with `grammar`"]
    separate_channels: Annotated[bool, "True: each channel separately"]
    diarization: Annotated[bool, "True: find who speaks"]
    max_speakers: Annotated[int, "1 to 20; asks for diarization"]
    min_speakers: Annotated[int, "asks for diarization"]
    decoding: Annotated[asr_pb2.Decoding, "how the model searches"]
    voice_activity: Annotated[asr_pb2.VoiceActivityConfig, "how speech is separated from silence"]
    store: Annotated[bool, "whether the history stores a record with its audio; default False"]
    request_id: Annotated[str, "a UUID4, the id of that record; chosen when left out"]
    labels: Annotated[Mapping[str, str], "of that record"]


class DocumentOptions(RecognitionOptions, total=False):
    """How subtitles are cut, besides."""

    max_line_length: Annotated[int, "characters, 10 to 200; default 42"]
    max_line_count: Annotated[int, "1 to 10; default 2"]
    max_words_per_cue: Annotated[int, "1 to 100"]
    max_cue_seconds: Annotated[float, "0.5 to 60; default 7"]
    highlight_words: Annotated[bool, "WebVTT only: each word's time in the cue"]


def recognition(**options: Unpack[RecognitionOptions]) -> asr_pb2.RecognitionConfig:
    """Headerless samples when their rate is given, else a file that is recognised by its first bytes.

    Raises ValueError for an unknown task, or both of grammar and phrases.
    """
    headerless = "sample_rate_hz" in options
    return asr_pb2.RecognitionConfig(
        encoding=asr_pb2.AUDIO_ENCODING_PCM_S16LE if headerless else asr_pb2.AUDIO_ENCODING_UNSPECIFIED,
        sample_rate_hz=options.get("sample_rate_hz", 0),
        channel_count=options.get("channel_count", 0),
        language=options.get("language", ""),
        word_offsets=options.get("word_offsets", False),
        model=resource("models", options["model"]) if options.get("model") else "",
        task=_task(options.get("task")),
        multilingual=options.get("multilingual", False),
        prompt=options.get("prompt", ""),
        hotwords=options.get("hotwords", ()),
        grammar=_grammar(options),
        separate_channels=options.get("separate_channels", False),
        diarization=_diarization(options),
        decoding=options.get("decoding"),
        voice_activity=options.get("voice_activity"),
        store=options.get("store"),
        request_id=_request_id(options),
        labels=options.get("labels"),
    )


def transcribe(pieces: Iterator[bytes], config: asr_pb2.RecognitionConfig) -> Iterator[asr_pb2.RecognizeUploadRequest]:
    """The messages of an upload; the first one carries the config."""
    yield asr_pb2.RecognizeUploadRequest(config=config, audio=_body(next(pieces, b"")))
    for piece in pieces:
        yield asr_pb2.RecognizeUploadRequest(audio=_body(piece))


def document(pieces: Iterator[bytes], first: asr_pb2.TranscribeRequest) -> Iterator[asr_pb2.TranscribeRequest]:
    """The messages of an upload; `first` is what the first one carries besides audio."""
    yield asr_pb2.TranscribeRequest(
        config=first.config, format=first.format, subtitles=first.subtitles, audio=_body(next(pieces, b""))
    )
    for piece in pieces:
        yield asr_pb2.TranscribeRequest(audio=_body(piece))


def document_config(form: TranscriptFormat, **options: Unpack[DocumentOptions]) -> asr_pb2.TranscribeRequest:
    """Raises ValueError for an unknown form, and as `recognition` does."""
    if form not in FORMATS:
        raise ValueError(f"There is no form {form!r}: choose one of {', '.join(FORMATS)}.")
    layout = asr_pb2.SubtitleLayout(
        max_line_length=options.get("max_line_length", 0),
        max_line_count=options.get("max_line_count", 0),
        max_words_per_cue=options.get("max_words_per_cue", 0),
        max_cue_duration=_duration(options["max_cue_seconds"]) if "max_cue_seconds" in options else None,
        highlight_words=options.get("highlight_words", False),
    )
    return asr_pb2.TranscribeRequest(
        config=recognition(**cast("RecognitionOptions", options)), format=FORMATS[form], subtitles=layout
    )


def listen(interim_results: bool, **options: Unpack[RecognitionOptions]) -> asr_pb2.StreamingRecognizeRequest:
    """The first message of a live stream."""
    config = asr_pb2.StreamingConfig(recognition=recognition(**options), interim_results=interim_results)
    return asr_pb2.StreamingRecognizeRequest(config=config)


def listen_piece(piece: "bytes | asr_pb2.StreamControl.ValueType") -> asr_pb2.StreamingRecognizeRequest:
    """A later message: samples or a control."""
    if isinstance(piece, bytes):
        return asr_pb2.StreamingRecognizeRequest(audio=piece)
    return asr_pb2.StreamingRecognizeRequest(control=piece)


def _task(task: str | None) -> "asr_pb2.RecognitionTask.ValueType":
    if task is None:
        return asr_pb2.RECOGNITION_TASK_UNSPECIFIED
    if task not in TASKS:
        raise ValueError(f"There is no task {task!r}: choose one of {', '.join(TASKS)}.")
    return TASKS[task]


def _grammar(options: RecognitionOptions) -> asr_pb2.Grammar | None:
    if "grammar" in options and "phrases" in options:
        raise ValueError("Choose one of grammar and phrases.")
    if "grammar" in options:
        return asr_pb2.Grammar(jsgf=options["grammar"])
    if "phrases" in options:
        return asr_pb2.Grammar(phrases=asr_pb2.PhraseList(phrases=options["phrases"]))
    return None


def _diarization(options: RecognitionOptions) -> asr_pb2.Diarization | None:
    most, fewest = options.get("max_speakers", 0), options.get("min_speakers", 0)
    if not (options.get("diarization") or most or fewest):
        return None
    return asr_pb2.Diarization(enabled=True, max_speakers=most, min_speakers=fewest)


def _request_id(options: RecognitionOptions) -> str:
    """One id for each call with a record: all attempts of a call are one request to the server."""
    return options.get("request_id") or (request_id() if options.get("store") else "")


def _body(piece: bytes) -> httpbody_pb2.HttpBody:
    return httpbody_pb2.HttpBody(data=piece)


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromMilliseconds(round(1000 * seconds))
    return duration
