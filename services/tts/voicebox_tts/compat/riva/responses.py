"""Our answers as NVIDIA Riva's clients read them."""

from collections.abc import Iterable, Iterator, Sequence

from voicebox.compat.riva import riva_common_pb2, riva_tts_pb2
from voicebox.tts.v1 import tts_pb2

from voicebox_tts.engine import Engine, Voice


def whole(
    request: riva_tts_pb2.SynthesizeSpeechRequest, made: tts_pb2.SynthesizeResponse
) -> riva_tts_pb2.SynthesizeSpeechResponse:
    """A whole utterance; its words' times where they were requested."""
    return riva_tts_pb2.SynthesizeSpeechResponse(audio=made.audio, id=_id(request), meta=_meta(request, made.words))


def piece(
    request: riva_tts_pb2.SynthesizeSpeechRequest, event: tts_pb2.StreamSynthesizeResponse
) -> riva_tts_pb2.SynthesizeSpeechResponse | None:
    """An event of a stream; None for one that Riva's clients have no use for. Times count from the beginning of the
    request's own audio.
    """
    meta = _meta(request, event.chunk.words)
    if not event.chunk.audio and not meta.words:
        return None
    return riva_tts_pb2.SynthesizeSpeechResponse(audio=event.chunk.audio, id=_id(request), meta=meta)


def configs(engine: Engine, voices: Sequence[Voice]) -> Iterator[riva_tts_pb2.RivaSynthesisConfigResponse.Config]:
    """An engine's voices, language by language, its default voice's first.

    NVIDIA's `talk.py --list-voices` joins `voice_name` and each of `subvoices`, up to its colon, by a point.
    """
    for language in dict.fromkeys(language for voice in voices for language in voice.languages):
        speakers = [voice for voice in voices if language in voice.languages]
        parameters = {
            "language_code": language,
            "voice_name": engine.name,
            "subvoices": ",".join(f"{voice.name}:{index}" for index, voice in enumerate(speakers)),
            "sample_rate_hz": str(speakers[0].sample_rate_hz),
        }
        yield riva_tts_pb2.RivaSynthesisConfigResponse.Config(model_name=engine.model.name, parameters=parameters)


def _id(request: riva_tts_pb2.SynthesizeSpeechRequest) -> riva_common_pb2.RequestId | None:
    return request.id if request.HasField("id") else None


def _meta(
    request: riva_tts_pb2.SynthesizeSpeechRequest, words: Iterable[tts_pb2.WordTiming]
) -> riva_tts_pb2.SynthesizeSpeechResponseMetadata:
    timings = [
        riva_tts_pb2.WordTiming(
            word=word.word, start_time=word.start_offset.ToMilliseconds(), end_time=word.end_offset.ToMilliseconds()
        )
        for word in words
    ]
    return riva_tts_pb2.SynthesizeSpeechResponseMetadata(
        text=request.text, words=timings if request.enable_word_time_offsets else ()
    )
