"""Results as messages of Google's Speech v2."""

from collections.abc import Iterable, Iterator

from voicebox.asr.v1 import asr_pb2
from voicebox.foreign.google import speech_v2_pb2 as google

from .shared_request import ParsedStream, RequestOptions
from .shared_responses import speaker_number, stability, transcript

Response = google.StreamingRecognizeResponse

ACTIVITY = {
    asr_pb2.SpeechEvent.TYPE_SPEECH_BEGIN: Response.SPEECH_ACTIVITY_BEGIN,
    asr_pb2.SpeechEvent.TYPE_SPEECH_END: Response.SPEECH_ACTIVITY_END,
}


def results(heard: asr_pb2.RecognizeResponse, wishes: RequestOptions) -> list[google.SpeechRecognitionResult]:
    """A result for each utterance."""
    return [
        google.SpeechRecognitionResult(
            alternatives=[_alternative(utterance, wishes, is_first=index == 0)],
            channel_tag=utterance.channel,
            result_end_offset=utterance.end_offset,
            language_code=utterance.language,
        )
        for index, utterance in enumerate(heard.utterances)
    ]


def event(happened: asr_pb2.StreamingRecognizeResponse, stream: ParsedStream) -> Response | None:
    """Google's message for one of our events; None where there is none."""
    match happened.WhichOneof("event"):
        case "interim":
            return Response(results=[_interim(happened.interim)])
        case "final":
            return Response(results=[_final(happened.final, stream.asked.wishes)])
        case "speech_event" if stream.activity:
            told = happened.speech_event
            return Response(speech_event_type=ACTIVITY[told.type], speech_event_offset=told.offset)
        case _:
            return None


def _interim(heard: asr_pb2.Hypothesis) -> google.StreamingRecognitionResult:
    text = transcript(heard, is_first=heard.utterance_index == 0)
    return google.StreamingRecognitionResult(
        alternatives=[google.SpeechRecognitionAlternative(transcript=text)],
        stability=stability(heard),
        result_end_offset=heard.end_offset,
        channel_tag=heard.channel,
        language_code=heard.language,
    )


def _final(heard: asr_pb2.Hypothesis, wishes: RequestOptions) -> google.StreamingRecognitionResult:
    return google.StreamingRecognitionResult(
        alternatives=[_alternative(heard, wishes, is_first=heard.utterance_index == 0)],
        is_final=True,
        result_end_offset=heard.end_offset,
        channel_tag=heard.channel,
        language_code=heard.language,
    )


def _alternative(
    heard: asr_pb2.Hypothesis, wishes: RequestOptions, *, is_first: bool
) -> google.SpeechRecognitionAlternative:
    text = transcript(heard, is_first=is_first)
    return google.SpeechRecognitionAlternative(
        transcript=text, confidence=heard.confidence, words=_words(heard.words, wishes)
    )


def _words(words: Iterable[asr_pb2.Word], wishes: RequestOptions) -> Iterator[google.WordInfo]:
    for word in words if wishes.words else ():
        speaker = speaker_number(word.speaker)
        yield google.WordInfo(
            word=word.word,
            start_offset=word.start_offset if wishes.times else None,
            end_offset=word.end_offset if wishes.times else None,
            confidence=word.confidence if wishes.confidence else 0.0,
            speaker_label=str(speaker) if speaker else "",
        )
