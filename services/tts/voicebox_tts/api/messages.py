"""The core's events and voices as protos."""

from __future__ import annotations  # the enums' ValueType exists for type checkers only

from collections.abc import Sequence
from functools import lru_cache

from voicebox.tts.v1 import tts_pb2
from voicebox_audio.encoding.encodings import Encoding
from voicebox_kit.durations import to_duration
from voicebox_models.models import State
from voicebox_models.servicer import STATES

from voicebox_tts.engine import Capability, Engine, Phoneme, Voice, Word
from voicebox_tts.job import StoredProfile
from voicebox_tts.synthesis.design import DesignedVoice
from voicebox_tts.synthesis.detection import DetectedWatermark
from voicebox_tts.synthesis.explanation import ExplainedSentence, Explanation
from voicebox_tts.synthesis.synthesizer import Finished, Started
from voicebox_tts.synthesis.utterance import Chunk, MarkTime, SpeakerTime

ENCODINGS = {
    Encoding.PCM_S16LE: tts_pb2.AUDIO_ENCODING_PCM_S16LE,
    Encoding.WAV: tts_pb2.AUDIO_ENCODING_WAV,
    Encoding.FLAC: tts_pb2.AUDIO_ENCODING_FLAC,
    Encoding.OGG_OPUS: tts_pb2.AUDIO_ENCODING_OGG_OPUS,
    Encoding.MP3: tts_pb2.AUDIO_ENCODING_MP3,
    Encoding.AAC: tts_pb2.AUDIO_ENCODING_AAC,
    Encoding.MULAW: tts_pb2.AUDIO_ENCODING_MULAW,
    Encoding.ALAW: tts_pb2.AUDIO_ENCODING_ALAW,
}


def capability(own: Capability) -> tts_pb2.Capability.ValueType:
    return tts_pb2.Capability.Value(f"CAPABILITY_{own}")


def started(event: Started) -> tts_pb2.SynthesisStarted:
    speaker, job = event.speaker, event.job
    return tts_pb2.SynthesisStarted(
        engine=speaker.engine.name,
        model=speaker.engine.model.name,
        voice=speaker.voice_name,
        profile=job.source.name if isinstance(job.source, StoredProfile) else "",
        audio=tts_pb2.AudioSpec(encoding=ENCODINGS[job.encoding], sample_rate_hz=event.sample_rate_hz),
        seed=job.seed,
        request_id=job.request_id,
        cloning=capability(speaker.cloning) if speaker.cloning else tts_pb2.CAPABILITY_UNSPECIFIED,
        language=speaker.language,
        provenance=tts_pb2.Provenance(
            synthetic=True,
            engine=speaker.engine.name,
            model=speaker.engine.model.name,
            model_revision=speaker.engine.model.revision,
            cloned=event.is_cloned,
            watermark=event.watermark,
        ),
    )


def chunk(event: Chunk) -> tts_pb2.AudioChunk:
    return tts_pb2.AudioChunk(
        sequence=event.sequence,
        audio=event.audio,
        offset=to_duration(event.offset_seconds),
        duration=to_duration(event.duration_seconds),
        words=words(event.words),
        phonemes=_phonemes(event.phonemes),
        marks=marks(event.marks),
        speakers=speakers(event.speakers),
    )


def finished(event: Finished) -> tts_pb2.SynthesisFinished:
    return tts_pb2.SynthesisFinished(
        sample_count=event.statistics.sample_count,
        duration=to_duration(event.statistics.duration_seconds),
        time_to_first_chunk=to_duration(event.statistics.first_chunk_seconds),
        synthesis_time=to_duration(event.statistics.synthesis_seconds),
        generation=event.generation,
        warnings=event.warnings,
        word_error_rate=event.word_error_rate,
    )


def explained(explanation: Explanation) -> tts_pb2.ExplainSpeechResponse:
    return tts_pb2.ExplainSpeechResponse(sentences=map(_sentence, explanation.sentences), warnings=explanation.warnings)


def _sentence(sentence: ExplainedSentence) -> tts_pb2.ExplainedSentence:
    prepared, speaker = sentence.prepared, sentence.part.speaker
    return tts_pb2.ExplainedSentence(
        text=prepared.text,
        spoken=prepared.spoken,
        phonemes=sentence.phonemes,
        replacements=[
            tts_pb2.Replacement(
                offset=each.offset,
                written=each.written,
                alias=each.alias,
                phoneme=each.phoneme,
                lexicon=each.lexicon,
            )
            for each in prepared.replacements
        ],
        voice=speaker.voice_name,
        language=speaker.language,
    )


def designed(voice: DesignedVoice) -> tts_pb2.DesignedVoice:
    return tts_pb2.DesignedVoice(
        audio=voice.audio,
        seed=voice.seed,
        duration=to_duration(voice.duration_seconds),
        model=voice.model,
        warnings=voice.warnings,
        provenance=tts_pb2.Provenance(
            synthetic=True,
            engine=voice.engine,
            model=voice.model,
            model_revision=voice.model_revision,
            watermark=voice.watermark,
        ),
    )


def detected(found: DetectedWatermark) -> tts_pb2.DetectWatermarkResponse:
    return tts_pb2.DetectWatermarkResponse(
        detected=found.detection.is_detected,
        share=found.detection.share,
        message=found.detection.message,
        watermark=found.watermark,
        duration=to_duration(found.duration_seconds),
    )


def words(spoken: Sequence[Word]) -> list[tts_pb2.WordTiming]:
    return [
        tts_pb2.WordTiming(
            word=word.text, start_offset=to_duration(word.start_seconds), end_offset=to_duration(word.end_seconds)
        )
        for word in spoken
    ]


def marks(reached: Sequence[MarkTime]) -> list[tts_pb2.MarkTiming]:
    return [tts_pb2.MarkTiming(mark=mark.name, offset=to_duration(mark.seconds)) for mark in reached]


def speakers(named: Sequence[SpeakerTime]) -> list[tts_pb2.SpeakerTiming]:
    return [
        tts_pb2.SpeakerTiming(
            start_offset=to_duration(each.start_seconds),
            voice=each.speaker.voice_name,
            profile=each.profile,
            language=each.speaker.language,
            turn=each.turn,
        )
        for each in named
    ]


def _phonemes(spoken: Sequence[Phoneme]) -> list[tts_pb2.PhonemeTiming]:
    return [
        tts_pb2.PhonemeTiming(phoneme=phoneme.ipa, start_offset=to_duration(phoneme.start_seconds))
        for phoneme in spoken
    ]


def voice(engine: Engine, own: Voice, state: State, *, is_default: bool) -> tts_pb2.Voice:
    return _voice(engine.name, engine.capabilities, own, state, is_default)


@lru_cache(maxsize=1024)
def _voice(
    engine: str, capabilities: frozenset[Capability], own: Voice, state: State, is_default: bool
) -> tts_pb2.Voice:
    """Made once for each voice: a list of 137 would take 1.5 ms every time. Not to be changed."""
    return tts_pb2.Voice(
        name=f"{engine}/{own.name}",
        display_name=own.display_name,
        engine=engine,
        languages=own.languages,
        sample_rate_hz=own.sample_rate_hz,
        capabilities=[capability(each) for each in sorted(capabilities)],
        is_default=is_default,
        model_state=STATES[state],
    )


def content_type(encoding: Encoding, sample_rate_hz: int) -> str:
    """The media type of an utterance's file; of headerless samples it has the rate."""
    is_headerless = encoding in (Encoding.PCM_S16LE, Encoding.MULAW, Encoding.ALAW)
    return f"{encoding.content_type};rate={sample_rate_hz}" if is_headerless else encoding.content_type


def warning_trailers(event: Finished) -> list[tuple[str, str]]:
    """The warnings as trailing metadata, where no message has room for them: ASCII, with other characters as
    \\uXXXX.
    """
    return [
        ("x-voicebox-warning", " ".join(warning.split()).encode("ascii", "backslashreplace").decode())
        for warning in event.warnings
    ]
