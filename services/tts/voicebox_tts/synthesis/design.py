"""Designs voices from a description: speaks one text in several of them, to choose from."""

import asyncio
from concurrent.futures import Executor
from contextlib import aclosing, closing
from dataclasses import dataclass, replace

import numpy as np
from voicebox_audio.encoding.encoder import open_encoder
from voicebox_audio.encoding.encodings import Encoding
from voicebox_audio.encoding.headers import with_length
from voicebox_audio.encoding.marks import synthetic
from voicebox_kit import call_log
from voicebox_kit.bridge import in_thread
from voicebox_kit.errors import InvalidField
from voicebox_kit.permits import Permits
from voicebox_metering.work import OpenWork, WorkKind, uncounted
from voicebox_models.models import Models

from voicebox_tts.engine import Description, Engine, Session, Speech
from voicebox_tts.job import DesignJob
from voicebox_tts.text.sentences import sentences
from voicebox_tts.voices.registry import VoiceRegistry
from voicebox_tts.watermark import Watermark

from .preparation import TextPreparation


@dataclass(frozen=True)
class DesignedVoice:
    """A voice as a FLAC file of the text; `model` is `{engine}/{model}`."""

    audio: bytes
    seed: int
    duration_seconds: float
    engine: str
    model: str
    model_revision: str
    warnings: tuple[str, ...]
    watermark: str = ""


class Designer:
    """One call holds one permit for all its voices: the engine makes them together."""

    def __init__(
        self,
        models: Models[Engine],
        voices: VoiceRegistry,
        permits: Permits,
        executor: Executor,
        work: OpenWork = uncounted,
        watermark: Watermark | None = None,
    ) -> None:
        """`work` counts what is spoken, for whoever calls."""
        self._models, self._voices, self._permits, self._executor = models, voices, permits, executor
        self._work, self._watermark = work, watermark

    async def design(self, job: DesignJob) -> list[DesignedVoice]:
        """The voices, in the order of their seeds; raises as VoiceRegistry.designer and Models.use."""
        engine, characters = self._voices.designer(job.model), len(job.text) * len(job.seeds)
        async with (
            self._work(WorkKind.SPEECH, characters=characters) as work,
            self._permits.acquire(),
            self._models.use(engine),
        ):
            work.model = engine.model.name
            call_log.note("model", work.model)
            making = [asyncio.create_task(self._make(engine, job, seed)) for seed in job.seeds]
            try:
                voices = list(await asyncio.gather(*making))
                await work.use(characters, 1000 * sum(voice.duration_seconds for voice in voices))
                return voices
            finally:
                for task in making:
                    task.cancel()
                await asyncio.gather(*making, return_exceptions=True)

    async def _make(self, engine: Engine, job: DesignJob, seed: int) -> DesignedVoice:
        preparation = TextPreparation(engine, job.style.language, verbatim=job.verbatim)
        text = await asyncio.get_running_loop().run_in_executor(self._executor, _prepared, preparation, job.text)
        session = engine.open(Description(job.description), job.style, seed)
        with closing(session):
            async with aclosing(in_thread(session.speak(text), self._executor)) as spoken:
                pieces = [piece async for piece in spoken]
        if self._watermark:
            pieces = await asyncio.get_running_loop().run_in_executor(
                self._executor, _marked, self._watermark, pieces, session.sample_rate_hz
            )
        voice = _voice(pieces, session, seed, engine, preparation.warnings)
        return replace(voice, watermark=self._watermark.name if self._watermark else "")


def _voice(
    pieces: list[Speech], session: Session, seed: int, engine: Engine, text_warnings: list[str]
) -> DesignedVoice:
    samples = np.concatenate([np.zeros(0, np.float32), *(piece.samples for piece in pieces)])
    if not len(samples):
        raise InvalidField("text", "The engine finds nothing in text that it can say.", "NOTHING_TO_SAY")
    model = engine.model
    encoder = open_encoder(Encoding.FLAC, session.sample_rate_hz, synthetic(engine.name, model.name))
    warnings = (*text_warnings, *(warning for piece in pieces for warning in piece.warnings))
    audio = with_length(Encoding.FLAC, encoder.push(samples) + encoder.finish(), len(samples))
    seconds = len(samples) / session.sample_rate_hz
    return DesignedVoice(audio, seed, seconds, engine.name, model.name, model.revision, warnings)


def _prepared(preparation: TextPreparation, text: str) -> str:
    return " ".join(spoken for sentence in sentences(text) if (spoken := preparation.prepare(sentence).spoken))


def _marked(watermark: Watermark, pieces: list[Speech], sample_rate_hz: int) -> list[Speech]:
    """The same speech with a watermark, the warnings of the pieces with it."""
    stream = watermark.open(sample_rate_hz)
    samples = np.concatenate([*(stream.push(piece.samples) for piece in pieces), stream.finish()])
    return [Speech(samples, warnings=tuple(warning for piece in pieces for warning in piece.warnings))]
