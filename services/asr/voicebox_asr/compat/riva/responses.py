"""Our results as responses of NVIDIA Riva."""

from collections.abc import Iterator

from voicebox.asr.v1 import asr_pb2
from voicebox.compat.riva import riva_asr_pb2, riva_common_pb2

from voicebox_asr.engine import SAMPLE_RATE_HZ, Engine

MIN_STABILITY, MAX_STABILITY = 0.1, 0.9
"""An interim of which nothing is settled, and all: 0 would mean "unknown", and 1 "the utterance has ended"."""


def transcript(
    response: asr_pb2.RecognizeResponse,
    config: riva_asr_pb2.RecognitionConfig,
    request_id: riva_common_pb2.RequestId | None,
) -> riva_asr_pb2.RecognizeResponse:
    """All of a file, a result for each utterance."""
    results = [
        riva_asr_pb2.SpeechRecognitionResult(
            alternatives=[_final(utterance, config)],
            channel_tag=utterance.channel or 1,
            audio_processed=_seconds(utterance),
        )
        for utterance in response.utterances
    ]
    return riva_asr_pb2.RecognizeResponse(results=results, id=request_id)


def event(
    happened: asr_pb2.StreamingRecognizeResponse,
    config: riva_asr_pb2.RecognitionConfig,
    request_id: riva_common_pb2.RequestId | None,
) -> riva_asr_pb2.StreamingRecognizeResponse | None:
    """An interim or a final; None for events that Riva does not have."""
    match happened.WhichOneof("event"):
        case "interim":
            result = _result(
                happened.interim, riva_asr_pb2.SpeechRecognitionAlternative(transcript=happened.interim.transcript)
            )
            result.stability = _stability(happened.interim)
        case "final":
            result = _result(happened.final, _final(happened.final, config))
            result.is_final = True
        case _:
            return None
    return riva_asr_pb2.StreamingRecognizeResponse(results=[result], id=request_id)


def configs(engine: Engine) -> Iterator[riva_asr_pb2.RivaSpeechRecognitionConfigResponse.Config]:
    """A model once for each of its languages, for streams and for files: NVIDIA's scripts sort by these."""
    for language in engine.model.languages:
        for kind in ("online", "offline"):
            parameters = {
                "language_code": language,
                "type": kind,
                "streaming": str(kind == "online"),
                "sample_rate": str(SAMPLE_RATE_HZ),
            }
            yield riva_asr_pb2.RivaSpeechRecognitionConfigResponse.Config(
                model_name=engine.model.name, parameters=parameters
            )


def _result(
    hypothesis: asr_pb2.Hypothesis, alternative: riva_asr_pb2.SpeechRecognitionAlternative
) -> riva_asr_pb2.StreamingRecognitionResult:
    """`channel_tag` is 1 where channels are not recognised apart, as with Riva."""
    return riva_asr_pb2.StreamingRecognitionResult(
        alternatives=[alternative], channel_tag=hypothesis.channel or 1, audio_processed=_seconds(hypothesis)
    )


def _final(
    hypothesis: asr_pb2.Hypothesis, config: riva_asr_pb2.RecognitionConfig
) -> riva_asr_pb2.SpeechRecognitionAlternative:
    """The text ends with a space, as Riva's: its clients join results as they are."""
    return riva_asr_pb2.SpeechRecognitionAlternative(
        transcript=f"{hypothesis.transcript} " if hypothesis.transcript else "",
        confidence=hypothesis.confidence,
        words=[_word(word, hypothesis.language, times=config.enable_word_time_offsets) for word in hypothesis.words],
        language_code=[hypothesis.language] if hypothesis.language else (),
    )


def _word(word: asr_pb2.Word, language: str, *, times: bool) -> riva_asr_pb2.WordInfo:
    """Speakers are numbered: `speaker-1` is 1, and 0 is unknown."""
    return riva_asr_pb2.WordInfo(
        word=word.word,
        start_time=word.start_offset.ToMilliseconds() if times else 0,
        end_time=word.end_offset.ToMilliseconds() if times else 0,
        confidence=word.confidence,
        speaker_tag=int(word.speaker.removeprefix("speaker-") or 0),
        language_code=language,
    )


def _stability(interim: asr_pb2.Hypothesis) -> float:
    """By how much of the text will stay."""
    settled = len(interim.stable_transcript) / max(1, len(interim.transcript))
    return MIN_STABILITY + (MAX_STABILITY - MIN_STABILITY) * settled


def _seconds(hypothesis: asr_pb2.Hypothesis) -> float:
    return hypothesis.end_offset.ToMicroseconds() / 1e6
