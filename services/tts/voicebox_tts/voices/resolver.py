"""Decides which engine, model and voice speak a job, and refuses what they cannot do."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from voicebox_kit.errors import InvalidField
from voicebox_models.models import Models

from voicebox_tts.engine import Capability, CloningEngine, Engine, Session, Style, Voice, VoicePrompt
from voicebox_tts.job import NO_DEFAULTS, BuiltIn, Defaults, Job, Recording, StoredProfile
from voicebox_tts.prompts.resolver import PromptResolver

from .registry import VoiceRegistry

NEUTRAL = Style()


@dataclass(frozen=True)
class Speaker:
    """Who speaks: a built-in voice of an engine, or a voice prompt of a profile or a recording. A prompt may modify a
    built-in voice, which is `voice` then.
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
        """`{engine}/{voice}`; empty without a built-in voice."""
        return f"{self.engine.name}/{self.voice.name}" if self.voice else ""

    def open(self, style: Style, seed: int) -> Session:
        """Open a session of the engine."""
        return self.engine.open(self.prompt or self.voice_name.rpartition("/")[2], style, seed)


class Resolver:
    """Resolves a job's source to a speaker."""

    def __init__(self, models: Models[Engine], voices: VoiceRegistry, prompts: PromptResolver) -> None:
        self._models, self._voices, self._prompts = models, voices, prompts

    @asynccontextmanager
    async def resolve(self, job: Job, timeout_seconds: float) -> AsyncGenerator[Speaker]:
        """The job's speaker, whose model stays loaded until the block ends.

        Raises NotFound, Precondition, Exhausted, Unavailable or InvalidField when there is none.
        """
        if isinstance(job.source, BuiltIn):
            engine, voice = await self._voices.find(job.source.name, job.style.language, job.model)
            _refuse_unsupported(engine, job.style)
            async with self._models.use(engine):
                yield Speaker(engine, voice, None, job.style.language or voice.languages[0], None)
        else:
            engine, cloning = self._voices.follower(job.model)
            _refuse_unsupported(engine, job.style)
            async with self._models.use(engine):
                yield await self._follow(job.source, job, engine, cloning, timeout_seconds)

    async def _follow(
        self,
        source: StoredProfile | Recording,
        job: Job,
        engine: CloningEngine,
        cloning: Capability,
        timeout_seconds: float,
    ) -> Speaker:
        if isinstance(source, StoredProfile):
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
            defaults=_supported(cached.defaults, engine),
        )

    async def _base(self, engine: Engine, prompt: VoicePrompt) -> Voice | None:
        """The built-in voice that a prompt modifies; None when it modifies none."""
        if not prompt.base_voice:
            return None
        voices = await self._voices.voices(engine)
        return next((voice for voice in voices if voice.name == prompt.base_voice), voices[0])


def _supported(defaults: Defaults, engine: Engine) -> Defaults:
    """Those of a profile's defaults that the engine supports; the others are left out, for the profile may be spoken by
    another engine.
    """
    return Defaults(
        speed=defaults.speed if Capability.SPEED in engine.capabilities else None,
        pitch_semitones=defaults.pitch_semitones if Capability.PITCH in engine.capabilities else None,
        seed=defaults.seed if Capability.SEED in engine.capabilities else None,
        lexicons=defaults.lexicons,
    )


def _refuse_unsupported(engine: Engine, style: Style) -> None:
    requested = {
        "style.speed": (style.speed != NEUTRAL.speed, Capability.SPEED),
        "style.pitch_semitones": (style.pitch_semitones != NEUTRAL.pitch_semitones, Capability.PITCH),
        "style.instructions": (style.instructions != NEUTRAL.instructions, Capability.INSTRUCTIONS),
    }
    for field, (is_requested, capability) in requested.items():
        if is_requested and capability not in engine.capabilities:
            raise InvalidField(field, f"The engine {engine.name} cannot honour {field}.", "UNSUPPORTED_BY_ENGINE")
