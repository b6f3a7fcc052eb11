"""What was heard, as protos."""

from voicebox.asr.v1 import asr_pb2
from voicebox_kit.durations import to_duration

from voicebox_asr.engine import Engine, Word
from voicebox_asr.live.recognizer import Event, Final, Interim, SpeechBegan, SpeechEnded
from voicebox_asr.live.stream import Done
from voicebox_asr.recognition.files import FileResult
from voicebox_asr.records.recorder import Recorded
from voicebox_asr.results.transcript import Transcript
from voicebox_asr.results.utterance import Utterance
from voicebox_asr.results.warnings import Notice


def transcript(result: FileResult, engine: Engine, *, word_offsets: bool) -> asr_pb2.RecognizeResponse:
    heard = result.transcript
    return asr_pb2.RecognizeResponse(
        transcript=heard.text,
        utterances=[hypothesis(utterance, word_offsets=word_offsets) for utterance in heard.utterances],
        audio_duration=to_duration(heard.audio_seconds),
        language=heard.language,
        language_probability=heard.language_probability,
        engine=engine.name,
        model=engine.model.name,
        speech_duration=to_duration(heard.speech_seconds),
        recognition_time=to_duration(heard.recognition_seconds),
        speaker_count=heard.speaker_count,
        warnings=[warning(notice) for notice in heard.notices],
        transcription=result.record_name,
    )


def event(happened: Event, *, word_offsets: bool) -> asr_pb2.StreamingRecognizeResponse:
    match happened:
        case SpeechBegan(at_seconds, channel):
            return _speech_event(asr_pb2.SpeechEvent.TYPE_SPEECH_BEGIN, at_seconds, channel)
        case SpeechEnded(at_seconds, channel):
            return _speech_event(asr_pb2.SpeechEvent.TYPE_SPEECH_END, at_seconds, channel)
        case Interim(utterance, stable, lag_seconds):
            interim = hypothesis(utterance, word_offsets=False)
            interim.stable_transcript = stable
            interim.lag.CopyFrom(to_duration(lag_seconds))
            return asr_pb2.StreamingRecognizeResponse(interim=interim)
        case Final(utterance, lag_seconds):
            final = hypothesis(utterance, word_offsets=word_offsets)
            final.lag.CopyFrom(to_duration(lag_seconds))
            return asr_pb2.StreamingRecognizeResponse(final=final)


def finished(
    done: Done, engine: Engine, transcript: Transcript, recorded: Recorded
) -> asr_pb2.StreamingRecognizeResponse:
    said = asr_pb2.StreamFinished(
        audio_duration=to_duration(done.audio_seconds),
        utterance_count=done.finals,
        engine=engine.name,
        model=engine.model.name,
        language=done.language,
        interims_dropped=done.interims_dropped,
        warnings=[warning(notice) for notice in (*transcript.notices, *recorded.notices)],
        transcription=recorded.name,
    )
    return asr_pb2.StreamingRecognizeResponse(finished=said)


def hypothesis(utterance: Utterance, *, word_offsets: bool) -> asr_pb2.Hypothesis:
    heard = utterance.heard
    return asr_pb2.Hypothesis(
        utterance_index=utterance.index,
        transcript=heard.text,
        confidence=heard.confidence,
        words=[_word(word, utterance.speaker) for word in heard.words] if word_offsets else (),
        start_offset=to_duration(utterance.start_seconds),
        end_offset=to_duration(utterance.end_seconds),
        language=heard.language,
        channel=utterance.channel,
        speaker=utterance.speaker,
        no_speech_probability=heard.scores.no_speech_probability,
        average_log_probability=heard.scores.average_log_probability,
        compression_ratio=heard.scores.compression_ratio,
        temperature=heard.scores.temperature,
    )


def warning(notice: Notice) -> asr_pb2.RecognitionWarning:
    said = asr_pb2.RecognitionWarning(reason=notice.reason, message=notice.sentence)
    if notice.start_seconds is not None and notice.end_seconds is not None:
        said.start_offset.CopyFrom(to_duration(notice.start_seconds))
        said.end_offset.CopyFrom(to_duration(notice.end_seconds))
    return said


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
