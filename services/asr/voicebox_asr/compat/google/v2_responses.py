"""Our results as responses of Google's Speech v2."""

from collections.abc import Iterable, Iterator

from voicebox.asr.v1 import asr_pb2
from voicebox.compat.google import speech_v2_pb2 as google

from .shared_request import OutputOptions, StreamRequest
from .shared_responses import speaker_number, stability, transcript

Response = google.StreamingRecognizeResponse

ACTIVITY = {
    asr_pb2.SpeechEvent.TYPE_SPEECH_BEGIN: Response.SPEECH_ACTIVITY_BEGIN,
    asr_pb2.SpeechEvent.TYPE_SPEECH_END: Response.SPEECH_ACTIVITY_END,
}


def results(response: asr_pb2.RecognizeResponse, output: OutputOptions) -> list[google.SpeechRecognitionResult]:
    """A result for each utterance."""
    return [
        google.SpeechRecognitionResult(
            alternatives=[_alternative(utterance, output, is_first=index == 0)],
            channel_tag=utterance.channel,
            result_end_offset=utterance.end_offset,
            language_code=utterance.language,
        )
        for index, utterance in enumerate(response.utterances)
    ]


def event(happened: asr_pb2.StreamingRecognizeResponse, stream: StreamRequest) -> Response | None:
    """Google's event for one of ours; None where Google has none."""
    match happened.WhichOneof("event"):
        case "interim":
            return Response(results=[_interim(happened.interim)])
        case "final":
            return Response(results=[_final(happened.final, stream.file.output)])
        case "speech_event" if stream.activity:
            speech_event = happened.speech_event
            return Response(speech_event_type=ACTIVITY[speech_event.type], speech_event_offset=speech_event.offset)
        case _:
            return None


def _interim(hypothesis: asr_pb2.Hypothesis) -> google.StreamingRecognitionResult:
    text = transcript(hypothesis, is_first=hypothesis.utterance_index == 0)
    return google.StreamingRecognitionResult(
        alternatives=[google.SpeechRecognitionAlternative(transcript=text)],
        stability=stability(hypothesis),
        result_end_offset=hypothesis.end_offset,
        channel_tag=hypothesis.channel,
        language_code=hypothesis.language,
    )


def _final(hypothesis: asr_pb2.Hypothesis, output: OutputOptions) -> google.StreamingRecognitionResult:
    return google.StreamingRecognitionResult(
        alternatives=[_alternative(hypothesis, output, is_first=hypothesis.utterance_index == 0)],
        is_final=True,
        result_end_offset=hypothesis.end_offset,
        channel_tag=hypothesis.channel,
        language_code=hypothesis.language,
    )


def _alternative(
    hypothesis: asr_pb2.Hypothesis, output: OutputOptions, *, is_first: bool
) -> google.SpeechRecognitionAlternative:
    text = transcript(hypothesis, is_first=is_first)
    return google.SpeechRecognitionAlternative(
        transcript=text, confidence=hypothesis.confidence, words=_words(hypothesis.words, output)
    )


def _words(words: Iterable[asr_pb2.Word], output: OutputOptions) -> Iterator[google.WordInfo]:
    for word in words if output.words else ():
        speaker = speaker_number(word.speaker)
        yield google.WordInfo(
            word=word.word,
            start_offset=word.start_offset if output.times else None,
            end_offset=word.end_offset if output.times else None,
            confidence=word.confidence if output.confidence else 0.0,
            speaker_label=str(speaker) if speaker else "",
        )
