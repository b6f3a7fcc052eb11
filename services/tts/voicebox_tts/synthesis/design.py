"""Makes voices of a description: one text in several of them, to choose from."""

import asyncio
from concurrent.futures import Executor
from contextlib import aclosing, closing
from dataclasses import dataclass

import numpy as np
from voicebox_audio.encoding.encoder import Encoding, open_encoder
from voicebox_audio.encoding.headers import with_length
from voicebox_kit.bridge import in_thread
from voicebox_kit.errors import InvalidField
from voicebox_kit.permits import Permits
from voicebox_models.models import Models

from voicebox_tts.engine import Description, Engine, Session, Speech
from voicebox_tts.job import DesignWish
from voicebox_tts.text.sentences import sentences
from voicebox_tts.voices.registry import Roster

from .preparation import Reading


@dataclass(frozen=True)
class DesignedVoice:
    """A voice as a FLAC file of the text; `model` is `{engine}/{model}`."""

    audio: bytes
    seed: int
    duration_seconds: float
    model: str
    warnings: tuple[str, ...]


class Designer:
    """One call holds one permit, whatever number of voices it asks for: an engine makes them together."""

    def __init__(self, models: Models[Engine], roster: Roster, permits: Permits, executor: Executor) -> None:
        self._models, self._roster, self._permits, self._executor = models, roster, permits, executor

    async def design(self, wish: DesignWish) -> list[DesignedVoice]:
        """The voices, in the order of their seeds; raises as Roster.designer and Models.use."""
        engine = self._roster.designer(wish.model)
        async with self._permits.take(), self._models.use(engine):
            making = [asyncio.create_task(self._make(engine, wish, seed)) for seed in wish.seeds]
            try:
                return list(await asyncio.gather(*making))
            finally:
                for task in making:
                    task.cancel()
                await asyncio.gather(*making, return_exceptions=True)

    async def _make(self, engine: Engine, wish: DesignWish, seed: int) -> DesignedVoice:
        reading = Reading(engine, wish.style.language, verbatim=wish.verbatim)
        text = await asyncio.get_running_loop().run_in_executor(self._executor, _read, reading, wish.text)
        session = engine.open(Description(wish.description), wish.style, seed)
        with closing(session):
            async with aclosing(in_thread(session.speak(text), self._executor)) as spoken:
                pieces = [piece async for piece in spoken]
        return _voice(pieces, session, seed, engine.model.name, reading.warnings)


def _voice(pieces: list[Speech], session: Session, seed: int, model: str, of_text: list[str]) -> DesignedVoice:
    samples = np.concatenate([np.zeros(0, np.float32), *(piece.samples for piece in pieces)])
    if not len(samples):
        raise InvalidField("text", "The engine finds nothing in text that it can say.", "NOTHING_TO_SAY")
    encoder = open_encoder(Encoding.FLAC, session.sample_rate_hz)
    warnings = (*of_text, *(warning for piece in pieces for warning in piece.warnings))
    audio = with_length(Encoding.FLAC, encoder.push(samples) + encoder.finish(), len(samples))
    return DesignedVoice(audio, seed, len(samples) / session.sample_rate_hz, model, warnings)


def _read(reading: Reading, text: str) -> str:
    return " ".join(filter(None, map(reading.of, sentences(text))))
