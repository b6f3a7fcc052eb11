"""Finds who speaks a job: engine, voice or prompt, and whether they can do what is asked."""

from dataclasses import dataclass

from voicebox_kit.errors import InvalidField

from .engine import Capability, Engine, Session, Style, Voice, VoicePrompt
from .job import NO_DEFAULTS, BuiltIn, Defaults, Job, Profile
from .prompts import Prompts
from .roster import Roster

NEUTRAL = Style()


@dataclass(frozen=True)
class Speaker:
    """Who speaks: a built-in voice of an engine, or a prompt that follows a profile or recording."""

    engine: Engine
    voice: Voice
    prompt: VoicePrompt | None
    language: str
    cloning: Capability | None
    warnings: tuple[str, ...] = ()
    defaults: Defaults = NO_DEFAULTS

    @property
    def voice_name(self) -> str:
        return f"{self.engine.name}/{self.voice.name}"

    def open(self, style: Style, seed: int) -> Session:
        """Begin a stream of the engine."""
        return self.engine.open(self.prompt or self.voice.name, style, seed)


class Casting:
    """Resolves a job's source by the roster and the prompts."""

    def __init__(self, roster: Roster, prompts: Prompts) -> None:
        self._roster, self._prompts = roster, prompts

    async def cast(self, job: Job, timeout_seconds: float) -> Speaker:
        """Who speaks the job; NotFound, Precondition, Unavailable or InvalidField when nobody can."""
        if isinstance(job.source, BuiltIn):
            engine, voice = await self._roster.find(job.source.name, job.style.language)
            speaker = Speaker(engine, voice, None, job.style.language or voice.languages[0], None)
        else:
            speaker = await self._follow(job, timeout_seconds)
        _refuse_what_it_cannot(speaker.engine, job.style)
        return speaker

    async def _follow(self, job: Job, timeout_seconds: float) -> Speaker:
        engine, _ = await self._roster.find("", job.style.language)
        cloning = next((c for c in (Capability.CLONING, Capability.CLONING_APPROXIMATE) if c in engine.capabilities), None)
        if cloning is None:
            raise InvalidField("voice", f"The engine {engine.name} cannot follow a recording.", "CLONING_UNSUPPORTED")
        warning = ""
        if isinstance(job.source, Profile):
            cached, warning = await self._prompts.of_profile(job.source, engine, job.owner, timeout_seconds)
        else:
            assert not isinstance(job.source, BuiltIn)
            cached = await self._prompts.of_recording(job.source, engine)
        voices = await self._roster.voices(engine)
        base = next((voice for voice in voices if voice.name == cached.prompt.base_voice), voices[0])
        return Speaker(
            engine,
            base,
            cached.prompt,
            job.style.language or base.languages[0],
            cloning,
            warnings=(warning,) if warning else (),
            defaults=_honoured(cached.defaults, engine),
        )


def _honoured(defaults: Defaults, engine: Engine) -> Defaults:
    """What the engine can do of a profile's defaults: they are wishes, and another engine may speak for the profile tomorrow."""
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
