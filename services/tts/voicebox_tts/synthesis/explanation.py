"""Shows how a text would be spoken, without speaking it."""

import asyncio
from concurrent.futures import Executor
from contextlib import aclosing
from dataclasses import dataclass

from voicebox_kit.permits import Permits

from voicebox_tts.engine import PhonemeSession
from voicebox_tts.job import Job, VoiceOverride

from .preparation import Prepared
from .script import Script
from .speakers import Casting, Part


@dataclass(frozen=True)
class ExplainedSentence:
    """A sentence, who would speak it, and its phonemes in IPA, empty where the engine works without."""

    prepared: Prepared
    part: Part
    phonemes: str


@dataclass(frozen=True)
class Explanation:
    """The sentences that have something to say, and warnings."""

    sentences: tuple[ExplainedSentence, ...]
    warnings: tuple[str, ...]


class Explainer:
    """A call holds one permit: finding phonemes is work, and the models are loaded for it."""

    def __init__(self, casting: Casting, permits: Permits, executor: Executor) -> None:
        self._casting, self._permits, self._executor = casting, permits, executor

    async def explain(self, job: Job, script: Script, timeout_seconds: float) -> Explanation:
        """The explanation of a script that is complete; raises as Casting.open."""
        loop, sentences = asyncio.get_running_loop(), list[ExplainedSentence]()
        async with (
            self._permits.acquire(timeout_seconds),
            self._casting.open(script.overrides, job, timeout_seconds) as speakers,
            aclosing(script.sentences()) as items,
        ):
            part = speakers.lead
            async for item in items:
                if isinstance(item, VoiceOverride):
                    part = speakers.part(item)
                elif isinstance(item, str):
                    explained = await loop.run_in_executor(self._executor, _explained, item, part, script)
                    sentences += [explained] if explained.prepared.stretches else []
            warnings = dict.fromkeys([*script.warnings, *speakers.lead.speaker.warnings, *speakers.warnings])
            return Explanation(tuple(sentences), tuple(warnings))


def _explained(sentence: str, part: Part, script: Script) -> ExplainedSentence:
    prepared = part.preparation.prepare(sentence, script.given)
    phonemes = part.session.phonemes(prepared.stretches) if isinstance(part.session, PhonemeSession) else ""
    return ExplainedSentence(prepared, part, phonemes)
