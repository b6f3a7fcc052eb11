"""Turns results into messages."""

from voicebox.asr.v1 import asr_pb2
from voicebox_kit.durations import to_duration

from voicebox_asr.engine import Engine, Word
from voicebox_asr.live.recognizer import Final, Interim, LiveEvent, SpeechEnd, SpeechStart
from voicebox_asr.live.stream import StreamFinished
from voicebox_asr.recognition.files import FileResult
from voicebox_asr.records.recorder import Recorded
from voicebox_asr.results.transcript import Transcript
from voicebox_asr.results.utterance import Utterance
from voicebox_asr.results.warnings import RecognitionWarning


def recognize_response(result: FileResult, engine: Engine, *, word_offsets: bool) -> asr_pb2.RecognizeResponse:
    transcript = result.transcript
    return asr_pb2.RecognizeResponse(
        transcript=transcript.text,
        utterances=[hypothesis_message(utterance, word_offsets=word_offsets) for utterance in transcript.utterances],
        audio_duration=to_duration(transcript.audio_seconds),
        language=transcript.language,
        language_probability=transcript.language_probability,
        engine=engine.name,
        model=engine.model.name,
        speech_duration=to_duration(transcript.speech_seconds),
        recognition_time=to_duration(transcript.recognition_seconds),
        speaker_count=transcript.speaker_count,
        warnings=[recognition_warning(warning) for warning in transcript.warnings],
        transcription=result.record_name,
    )


def event(happened: LiveEvent, *, word_offsets: bool) -> asr_pb2.StreamingRecognizeResponse:
    match happened:
        case SpeechStart(at_seconds, channel):
            return _speech_event(asr_pb2.SpeechEvent.TYPE_SPEECH_BEGIN, at_seconds, channel)
        case SpeechEnd(at_seconds, channel):
            return _speech_event(asr_pb2.SpeechEvent.TYPE_SPEECH_END, at_seconds, channel)
        case Interim(utterance, stable, lag_seconds):
            interim = hypothesis_message(utterance, word_offsets=False)
            interim.stable_transcript = stable
            interim.lag.CopyFrom(to_duration(lag_seconds))
            return asr_pb2.StreamingRecognizeResponse(interim=interim)
        case Final(utterance, lag_seconds):
            final = hypothesis_message(utterance, word_offsets=word_offsets)
            final.lag.CopyFrom(to_duration(lag_seconds))
            return asr_pb2.StreamingRecognizeResponse(final=final)


def finished(
    done: StreamFinished, engine: Engine, transcript: Transcript, recorded: Recorded
) -> asr_pb2.StreamingRecognizeResponse:
    message = asr_pb2.StreamFinished(
        audio_duration=to_duration(done.audio_seconds),
        utterance_count=done.finals,
        engine=engine.name,
        model=engine.model.name,
        language=done.language,
        interims_dropped=done.interims_dropped,
        warnings=[recognition_warning(warning) for warning in (*transcript.warnings, *recorded.warnings)],
        transcription=recorded.name,
    )
    return asr_pb2.StreamingRecognizeResponse(finished=message)


def hypothesis_message(utterance: Utterance, *, word_offsets: bool) -> asr_pb2.Hypothesis:
    hypothesis = utterance.hypothesis
    return asr_pb2.Hypothesis(
        utterance_index=utterance.index,
        transcript=hypothesis.text,
        confidence=hypothesis.confidence,
        words=[_word(word, utterance.speaker) for word in hypothesis.words] if word_offsets else (),
        start_offset=to_duration(utterance.start_seconds),
        end_offset=to_duration(utterance.end_seconds),
        language=hypothesis.language,
        channel=utterance.channel,
        speaker=utterance.speaker,
        no_speech_probability=hypothesis.scores.no_speech_probability,
        average_log_probability=hypothesis.scores.average_log_probability,
        compression_ratio=hypothesis.scores.compression_ratio,
        temperature=hypothesis.scores.temperature,
    )


def recognition_warning(warning: RecognitionWarning) -> asr_pb2.RecognitionWarning:
    message = asr_pb2.RecognitionWarning(reason=warning.reason, message=warning.sentence)
    if warning.start_seconds is not None and warning.end_seconds is not None:
        message.start_offset.CopyFrom(to_duration(warning.start_seconds))
        message.end_offset.CopyFrom(to_duration(warning.end_seconds))
    return message


def _speech_event(
    kind: asr_pb2.SpeechEvent.Type.ValueType, at_seconds: float, channel: int
) -> asr_pb2.StreamingRecognizeResponse:
    happened = asr_pb2.SpeechEvent(type=kind, offset=to_duration(at_seconds), channel=channel)
    return asr_pb2.StreamingRecognizeResponse(speech_event=happened)


def _word(word: Word, speaker: str) -> asr_pb2.Word:
    return asr_pb2.Word(
        word=word.text,
        start_offset=to_duration(word.start_seconds),
        end_offset=to_duration(word.end_seconds),
        confidence=word.confidence,
        speaker=speaker,
    )
