"""Finds who speaks a job: engine, voice or prompt, and whether they can do what is asked."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from voicebox_kit.errors import InvalidField
from voicebox_models.models import Models

from voicebox_tts.engine import Capability, Engine, Session, Style, Voice, VoicePrompt
from voicebox_tts.job import NO_DEFAULTS, BuiltIn, Defaults, Job, Profile, Recording
from voicebox_tts.prompts.resolver import Prompts

from .registry import Roster

NEUTRAL = Style()


@dataclass(frozen=True)
class Speaker:
    """Who speaks: a built-in voice of an engine, or a prompt that follows a profile or recording, which may move a
    built-in voice.
    """

    engine: Engine
    voice: Voice | None
    prompt: VoicePrompt | None
    language: str
    cloning: Capability | None
    warnings: tuple[str, ...] = ()
    defaults: Defaults = NO_DEFAULTS

    @property
    def voice_name(self) -> str:
        """`{engine}/{voice}`; empty when no built-in voice has a part in it."""
        return f"{self.engine.name}/{self.voice.name}" if self.voice else ""

    def open(self, style: Style, seed: int) -> Session:
        """Begin a stream of the engine."""
        return self.engine.open(self.prompt or self.voice_name.rpartition("/")[2], style, seed)


class Casting:
    """Resolves a job's source by the roster and the prompts."""

    def __init__(self, models: Models[Engine], roster: Roster, prompts: Prompts) -> None:
        self._models, self._roster, self._prompts = models, roster, prompts

    @asynccontextmanager
    async def cast(self, job: Job, timeout_seconds: float) -> AsyncGenerator[Speaker]:
        """Who speaks the job, whose model stays loaded until the block ends.

        NotFound, Precondition, Exhausted, Unavailable or InvalidField when nobody can.
        """
        if isinstance(job.source, BuiltIn):
            engine, voice = await self._roster.find(job.source.name, job.style.language, job.model)
            _refuse_what_it_cannot(engine, job.style)
            async with self._models.use(engine):
                yield Speaker(engine, voice, None, job.style.language or voice.languages[0], None)
        else:
            engine, cloning = self._roster.follower(job.model)
            _refuse_what_it_cannot(engine, job.style)
            async with self._models.use(engine):
                yield await self._follow(job.source, job, engine, cloning, timeout_seconds)

    async def _follow(
        self, source: Profile | Recording, job: Job, engine: Engine, cloning: Capability, timeout_seconds: float
    ) -> Speaker:
        if isinstance(source, Profile):
            cached = await self._prompts.of_profile(source, engine, job.owner, timeout_seconds)
        else:
            cached = await self._prompts.of_recording(source, engine)
        base = await self._base(engine, cached.prompt)
        return Speaker(
            engine,
            base,
            cached.prompt,
            job.style.language or (base.languages[0] if base else ""),
            cloning,
            warnings=cached.warnings,
            defaults=_honoured(cached.defaults, engine),
        )

    async def _base(self, engine: Engine, prompt: VoicePrompt) -> Voice | None:
        """The built-in voice that a prompt moves; None when it has one of its own."""
        if not prompt.base_voice:
            return None
        voices = await self._roster.voices(engine)
        return next((voice for voice in voices if voice.name == prompt.base_voice), voices[0])


def _honoured(defaults: Defaults, engine: Engine) -> Defaults:
    """What the engine can do of a profile's defaults: they are wishes, and another engine may speak for the profile
    tomorrow.
    """
    return Defaults(
        speed=defaults.speed if Capability.SPEED in engine.capabilities else None,
        pitch_semitones=defaults.pitch_semitones if Capability.PITCH in engine.capabilities else None,
        seed=defaults.seed if Capability.SEED in engine.capabilities else None,
    )


def _refuse_what_it_cannot(engine: Engine, style: Style) -> None:
    asked = {
        "style.speed": (style.speed != NEUTRAL.speed, Capability.SPEED),
        "style.pitch_semitones": (style.pitch_semitones != NEUTRAL.pitch_semitones, Capability.PITCH),
        "style.instructions": (style.instructions != NEUTRAL.instructions, Capability.INSTRUCTIONS),
    }
    for field, (is_asked, capability) in asked.items():
        if is_asked and capability not in engine.capabilities:
            raise InvalidField(field, f"The engine {engine.name} cannot honour {field}.", "UNSUPPORTED_BY_ENGINE")
