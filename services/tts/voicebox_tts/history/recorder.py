"""Records one utterance while it is spoken, or discards the record."""

import asyncio
from types import TracebackType
from typing import Self

from voicebox_audio.encoding.marks import synthetic
from voicebox_kit.errors import Exhausted, Unavailable
from voicebox_kit.shielded import shielded
from voicebox_outbox.outbox import Delivery
from voicebox_outbox.spool import cause

from voicebox_tts.engine import Samples
from voicebox_tts.job import Job
from voicebox_tts.peers.asr import SpeechCheck
from voicebox_tts.voices.resolver import Speaker

from .draft import Draft
from .history import History
from .record import NO_AUDIO, Outcome, Statistics, Summary, generation
from .turns import SpokenTurn


class Recorder:
    """A context in which one utterance is spoken. When it is left, the record is written, also if the call is cancelled
    meanwhile; the way it is left is the record's outcome.

    A history that cannot be written, or a check that fails, is a warning: the speech goes on.
    """

    def __init__(self, history: History, check: SpeechCheck, job: Job, speaker: Speaker, sample_rate_hz: int) -> None:
        self._history, self._check = history, check
        self._job, self._speaker, self._sample_rate_hz = job, speaker, sample_rate_hz
        self._text, self._statistics = "", NO_AUDIO
        self._voices: tuple[str, ...] = ()
        self._turns: tuple[SpokenTurn, ...] = ()
        self._draft: Draft | None = None
        self.warnings = [*speaker.warnings]
        self.generation = ""
        """The record's name, once the context is left; empty when there is no record."""
        self.word_error_rate: float | None = None
        """Measured when the context is left, if the job requests the check."""

    async def __aenter__(self) -> Self:
        if self._job.keep or self._job.check:
            try:
                engine = self._speaker.engine
                self._draft = self._history.draft(self._sample_rate_hz, synthetic(engine.name, engine.model.name))
            except (Exhausted, OSError) as error:
                self._warn_of_loss(error)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._draft:
            await shielded(self._end(self._draft, _outcome(error)))

    def write(self, samples: Samples) -> None:
        """Add audio."""
        if self._draft:
            self._draft.write(samples)

    def describe(
        self,
        text: str,
        statistics: Statistics,
        warnings: list[str],
        voices: tuple[str, ...] = (),
        turns: tuple[SpokenTurn, ...] = (),
    ) -> None:
        """What was spoken, once its last audio was made, and by whom and in which turns where they are several. Without
        this there is no record.
        """
        self._text, self._statistics, self._voices, self._turns = text, statistics, voices, turns
        self.warnings.extend(warnings)

    async def _end(self, draft: Draft, outcome: Outcome) -> None:
        has_audio = self._statistics.sample_count > 0
        if has_audio and self._job.check and outcome is Outcome.COMPLETED:
            await self._measure_word_errors(draft)
        if has_audio and self._job.keep:
            await self._record(draft, outcome)
        else:
            draft.discard()

    async def _measure_word_errors(self, draft: Draft) -> None:
        duration_seconds = self._statistics.duration_seconds
        try:
            await self._history.complete(draft)
            self.word_error_rate = await self._check.word_error_rate(
                draft.path, self._text, self._speaker.language, duration_seconds, self._job.owner
            )
        except (Unavailable, OSError) as error:
            self.warnings.append(f"What was spoken is not checked: {error}")

    async def _record(self, draft: Draft, outcome: Outcome) -> None:
        warnings = tuple(self.warnings)
        summary = Summary(
            self._text,
            self._sample_rate_hz,
            self._statistics,
            outcome,
            warnings,
            self.word_error_rate,
            self._voices,
            self._turns,
        )
        record = generation(self._job, self._speaker, summary)
        try:
            delivery = await self._history.record(draft, record, promptly=outcome is Outcome.COMPLETED)
        except OSError as error:
            draft.discard()
            self._warn_of_loss(error)
            return
        if delivery is Delivery.REJECTED:
            self.warnings.append("The catalog refused this generation: the server has set it aside.")
            return
        if delivery is Delivery.PENDING:
            self.warnings.append("The catalog has not taken this generation yet: the history shows it later.")
        self.generation = record.name

    def _warn_of_loss(self, error: Exception) -> None:
        self.warnings.append(f"This generation is not in the history: {cause(error)}")


def _outcome(error: BaseException | None) -> Outcome:
    if error is None:
        return Outcome.COMPLETED
    is_cancelled = isinstance(error, asyncio.CancelledError | GeneratorExit)
    return Outcome.CANCELLED if is_cancelled else Outcome.FAILED
