"""Recognises the files that callers send, while they arrive, and records them where the job says so."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from voicebox_audio.decoding.decoder import Decoder
from voicebox_audio.decoding.limits import Limits
from voicebox_kit.errors import Precondition
from voicebox_metering.work import OpenWork, WorkKind, uncounted

from voicebox_asr.audio import source
from voicebox_asr.audio.counted import counted
from voicebox_asr.audio.resumable import Resumable
from voicebox_asr.diarization.diarizer import Diarizer
from voicebox_asr.diarization.speaker_encoder import SpeakerEngine
from voicebox_asr.engine import Engine
from voicebox_asr.job import Job
from voicebox_asr.records.recorder import Records
from voicebox_asr.results.transcript import Transcript
from voicebox_asr.results.utterance import Utterance

from .recognizer import Recognizer
from .transcription import SpeakerSearch, transcribe

FILE_LIMITS = Limits(max_bytes=256 * 1024 * 1024, max_seconds=4 * 3600, cpu_seconds=600)
"""What one file may hold. It is recognised while it is read, so none of this is held in memory."""


@dataclass(frozen=True)
class FileResult:
    """The transcript of a file, with all warnings. `record_name` is `transcriptions/{transcription}`, or empty."""

    transcript: Transcript
    record_name: str


class FileRecognizer:
    """Recognises files for every API."""

    def __init__(
        self,
        recognizer: Recognizer,
        decoder: Decoder,
        speaker_engine: SpeakerEngine,
        records: Records,
        work: OpenWork = uncounted,
    ) -> None:
        """`work` counts what is recognised, for whoever calls."""
        self._work = work
        self._recognizer, self._decoder = recognizer, decoder
        self._speaker_engine, self._records = speaker_engine, records

    async def recognize(
        self,
        blocks: AsyncGenerator[bytes],
        engine: Engine,
        job: Job,
        on_utterance: Callable[[Utterance], None] | None = None,
    ) -> FileResult:
        """Recognise a file with `engine`, for which the job was made, and record it. `on_utterance` is called as by
        `transcribe`.
        """
        speakers = self._speaker_search(job)
        file = Resumable(blocks)
        with self._records.recorder(job) as recorder:
            copied = recorder.copied(file)
            audio = source.SampleSource(copied, job.pcm, self._decoder, FILE_LIMITS, separate=job.separate_channels)
            async with aclosing(blocks), aclosing(file):
                async with aclosing(audio), self._work(WorkKind.RECOGNITION) as work:
                    work.model = engine.model.name
                    heard = counted(audio, work)
                    transcript = await transcribe(self._recognizer, engine, heard, job.options, speakers, on_utterance)
                await recorder.copy_rest(file)
            transcript = replace(transcript, warnings=(*transcript.warnings, *audio.warnings))
            recorded = await recorder.record(transcript, engine)
        return FileResult(replace(transcript, warnings=(*transcript.warnings, *recorded.warnings)), recorded.name)

    def _speaker_search(self, job: Job) -> SpeakerSearch | None:
        """The search for the speakers of one file; None without diarization. Precondition without a speaker encoder."""
        if job.speakers is None:
            return None
        if missing := self._speaker_engine.missing:
            subject = f"speakers/{self._speaker_engine.name}"
            raise Precondition("SPEAKERS_NOT_INSTALLED", subject, f"Diarization is not possible. {missing}")
        return SpeakerSearch(Diarizer(self._speaker_engine), job.speakers.minimum, job.speakers.maximum)
