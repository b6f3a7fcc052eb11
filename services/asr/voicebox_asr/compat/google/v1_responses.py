"""Results as messages of Google's Speech v1."""

from collections.abc import Iterable, Iterator

from voicebox.asr.v1 import asr_pb2
from voicebox.foreign.google import speech_v1_pb2 as google

from .shared_request import ParsedStream, RequestOptions
from .shared_responses import speaker_number, stability, transcript

Response = google.StreamingRecognizeResponse


def results(heard: asr_pb2.RecognizeResponse, wishes: RequestOptions) -> list[google.SpeechRecognitionResult]:
    """A result for each utterance. With speakers, the last one has the words of all, as Google's: its clients read them
    there.
    """
    found = [
        google.SpeechRecognitionResult(
            alternatives=[_alternative(utterance, wishes, is_first=index == 0)],
            channel_tag=utterance.channel,
            result_end_time=utterance.end_offset,
            language_code=utterance.language,
        )
        for index, utterance in enumerate(heard.utterances)
    ]
    if wishes.speakers and found:
        earlier = [word for result in found[:-1] for word in result.alternatives[0].words]
        last = found[-1].alternatives[0]
        own = list(last.words)
        del last.words[:]
        last.words.extend([*earlier, *own])
    return found


def events(happened: asr_pb2.StreamingRecognizeResponse, stream: ParsedStream) -> Iterator[Response]:
    """Google's messages for one of our events: mostly one, or none."""
    match happened.WhichOneof("event"):
        case "interim":
            yield Response(results=[_interim(happened.interim)])
        case "final":
            yield Response(results=[_final(happened.final, stream.asked.wishes)])
        case "speech_event":
            for kind in _activity(happened.speech_event.type, stream):
                yield Response(speech_event_type=kind, speech_event_time=happened.speech_event.offset)


def _activity(kind: int, stream: ParsedStream) -> Iterator[Response.SpeechEventType.ValueType]:
    if kind == asr_pb2.SpeechEvent.TYPE_SPEECH_BEGIN and stream.activity:
        yield Response.SPEECH_ACTIVITY_BEGIN
    if kind == asr_pb2.SpeechEvent.TYPE_SPEECH_END:
        if stream.activity:
            yield Response.SPEECH_ACTIVITY_END
        if stream.single:
            yield Response.END_OF_SINGLE_UTTERANCE


def _interim(heard: asr_pb2.Hypothesis) -> google.StreamingRecognitionResult:
    text = transcript(heard, is_first=heard.utterance_index == 0)
    return google.StreamingRecognitionResult(
        alternatives=[google.SpeechRecognitionAlternative(transcript=text)],
        stability=stability(heard),
        result_end_time=heard.end_offset,
        channel_tag=heard.channel,
        language_code=heard.language,
    )


def _final(heard: asr_pb2.Hypothesis, wishes: RequestOptions) -> google.StreamingRecognitionResult:
    return google.StreamingRecognitionResult(
        alternatives=[_alternative(heard, wishes, is_first=heard.utterance_index == 0)],
        is_final=True,
        result_end_time=heard.end_offset,
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
    """A word's speaker is a number and the same number as text, since Google's programs read either."""
    for word in words if wishes.words else ():
        speaker = speaker_number(word.speaker)
        yield google.WordInfo(
            word=word.word,
            start_time=word.start_offset if wishes.times else None,
            end_time=word.end_offset if wishes.times else None,
            confidence=word.confidence if wishes.confidence else 0.0,
            speaker_tag=speaker,
            speaker_label=str(speaker) if speaker else "",
        )
