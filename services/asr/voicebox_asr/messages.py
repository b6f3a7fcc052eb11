"""What was heard, as protos."""

from voicebox.asr.v1 import asr_pb2
from voicebox_kit.durations import to_duration

from .engine import Engine, Word
from .live import Event, Final, Interim, SpeechBegan, SpeechEnded
from .recognition import Done, Transcript
from .utterance import Utterance


def transcript(heard: Transcript, engine: Engine, language: str, *, word_offsets: bool) -> asr_pb2.RecognizeResponse:
    return asr_pb2.RecognizeResponse(
        transcript=" ".join(utterance.text for utterance in heard.utterances),
        utterances=[hypothesis(utterance, word_offsets=word_offsets) for utterance in heard.utterances],
        audio_duration=to_duration(heard.audio_seconds),
        language=language,
        engine=engine.name,
        model=engine.model.name,
        recognition_time=to_duration(heard.recognition_seconds),
    )


def event(happened: Event | Done, engine: Engine, language: str, *, word_offsets: bool) -> asr_pb2.StreamingRecognizeResponse:
    match happened:
        case SpeechBegan(at_seconds):
            return _speech_event(asr_pb2.SpeechEvent.TYPE_SPEECH_BEGIN, at_seconds)
        case SpeechEnded(at_seconds):
            return _speech_event(asr_pb2.SpeechEvent.TYPE_SPEECH_END, at_seconds)
        case Interim(utterance):
            return asr_pb2.StreamingRecognizeResponse(interim=hypothesis(utterance, word_offsets=False))
        case Final(utterance):
            return asr_pb2.StreamingRecognizeResponse(final=hypothesis(utterance, word_offsets=word_offsets))
        case Done(audio_seconds, finals):
            finished = asr_pb2.StreamFinished(
                audio_duration=to_duration(audio_seconds),
                utterance_count=finals,
                engine=engine.name,
                model=engine.model.name,
                language=language,
            )
            return asr_pb2.StreamingRecognizeResponse(finished=finished)


def hypothesis(utterance: Utterance, *, word_offsets: bool) -> asr_pb2.Hypothesis:
    return asr_pb2.Hypothesis(
        utterance_index=utterance.index,
        transcript=utterance.text,
        confidence=utterance.confidence,
        words=[_word(word) for word in utterance.words] if word_offsets else (),
        start_offset=to_duration(utterance.start_seconds),
        end_offset=to_duration(utterance.end_seconds),
    )


def _speech_event(kind: asr_pb2.SpeechEvent.Type.ValueType, at_seconds: float) -> asr_pb2.StreamingRecognizeResponse:
    return asr_pb2.StreamingRecognizeResponse(speech_event=asr_pb2.SpeechEvent(type=kind, offset=to_duration(at_seconds)))


def _word(word: Word) -> asr_pb2.Word:
    return asr_pb2.Word(
        word=word.text,
        start_offset=to_duration(word.start_seconds),
        end_offset=to_duration(word.end_seconds),
        confidence=word.confidence,
    )
