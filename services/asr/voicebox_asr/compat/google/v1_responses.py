"""Our results as responses of Google's Speech v1."""

from collections.abc import Iterable, Iterator

from voicebox.asr.v1 import asr_pb2
from voicebox.compat.google import speech_v1_pb2 as google

from .shared_request import OutputOptions, StreamRequest
from .shared_responses import speaker_number, stability, transcript

Response = google.StreamingRecognizeResponse


def results(response: asr_pb2.RecognizeResponse, output: OutputOptions) -> list[google.SpeechRecognitionResult]:
    """A result for each utterance. With speakers, the last one has all words, where Google's clients read them."""
    found = [
        google.SpeechRecognitionResult(
            alternatives=[_alternative(utterance, output, is_first=index == 0)],
            channel_tag=utterance.channel,
            result_end_time=utterance.end_offset,
            language_code=utterance.language,
        )
        for index, utterance in enumerate(response.utterances)
    ]
    if output.speakers and found:
        earlier = [word for result in found[:-1] for word in result.alternatives[0].words]
        last = found[-1].alternatives[0]
        own = list(last.words)
        del last.words[:]
        last.words.extend([*earlier, *own])
    return found


def events(happened: asr_pb2.StreamingRecognizeResponse, stream: StreamRequest) -> Iterator[Response]:
    """Google's events for one of ours: mostly one, or none."""
    match happened.WhichOneof("event"):
        case "interim":
            yield Response(results=[_interim(happened.interim)])
        case "final":
            yield Response(results=[_final(happened.final, stream.file.output)])
        case "speech_event":
            for kind in _activity(happened.speech_event.type, stream):
                yield Response(speech_event_type=kind, speech_event_time=happened.speech_event.offset)


def _activity(kind: int, stream: StreamRequest) -> Iterator[Response.SpeechEventType.ValueType]:
    if kind == asr_pb2.SpeechEvent.TYPE_SPEECH_BEGIN and stream.activity:
        yield Response.SPEECH_ACTIVITY_BEGIN
    if kind == asr_pb2.SpeechEvent.TYPE_SPEECH_END:
        if stream.activity:
            yield Response.SPEECH_ACTIVITY_END
        if stream.single:
            yield Response.END_OF_SINGLE_UTTERANCE


def _interim(hypothesis: asr_pb2.Hypothesis) -> google.StreamingRecognitionResult:
    text = transcript(hypothesis, is_first=hypothesis.utterance_index == 0)
    return google.StreamingRecognitionResult(
        alternatives=[google.SpeechRecognitionAlternative(transcript=text)],
        stability=stability(hypothesis),
        result_end_time=hypothesis.end_offset,
        channel_tag=hypothesis.channel,
        language_code=hypothesis.language,
    )


def _final(hypothesis: asr_pb2.Hypothesis, output: OutputOptions) -> google.StreamingRecognitionResult:
    return google.StreamingRecognitionResult(
        alternatives=[_alternative(hypothesis, output, is_first=hypothesis.utterance_index == 0)],
        is_final=True,
        result_end_time=hypothesis.end_offset,
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
    """A word's speaker is written as a number and as the same in letters: Google's programs read either."""
    for word in words if output.words else ():
        speaker = speaker_number(word.speaker)
        yield google.WordInfo(
            word=word.word,
            start_time=word.start_offset if output.times else None,
            end_time=word.end_offset if output.times else None,
            confidence=word.confidence if output.confidence else 0.0,
            speaker_tag=speaker,
            speaker_label=str(speaker) if speaker else "",
        )
