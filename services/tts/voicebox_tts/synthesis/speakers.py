"""Who speaks an utterance: one speaker, or several that take turns, each with a session of an engine."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import partial

from voicebox_kit.errors import InvalidField, NotFound, Unavailable

from voicebox_tts.engine import Capability, Session, Style
from voicebox_tts.history.turns import SpokenTurn
from voicebox_tts.job import MAX_SEMITONES, MAX_SPEED, MIN_SPEED, BuiltIn, Job, StoredProfile, VoiceOverride
from voicebox_tts.lexicons.lexicon import Lexicon
from voicebox_tts.lexicons.resolver import LexiconResolver
from voicebox_tts.text.directions import Section
from voicebox_tts.voices.resolver import Resolver, Speaker

from .preparation import TextPreparation


@dataclass(frozen=True)
class Part:
    """One speaker in one style. `job` has a profile's defaults filled in, and not the override's speed and pitch."""

    job: Job
    speaker: Speaker
    session: Session
    preparation: TextPreparation

    @property
    def profile(self) -> str:
        """The stored profile that speaks, or empty."""
        return self.job.source.name if isinstance(self.job.source, StoredProfile) else ""

    @property
    def who(self) -> tuple[str, str, str]:
        """What a listener may tell parts apart by: voice, profile and language."""
        return self.speaker.voice_name, self.profile, self.speaker.language


class Speakers:
    """The parts of an utterance by their overrides, the first one first."""

    def __init__(self, parts: Mapping[VoiceOverride, Part], warnings: Sequence[str] = ()) -> None:
        self._parts, self._warnings = parts, warnings

    @property
    def lead(self) -> Part:
        """Who speaks first."""
        return next(iter(self._parts.values()))

    @property
    def has_several(self) -> bool:
        """Whether more than one voice or language is heard."""
        return len({part.who for part in self._parts.values()}) > 1

    @property
    def follow_a_recording(self) -> bool:
        """Whether any of them speaks in the voice of a recording."""
        return any(part.speaker.cloning for part in self._parts.values())

    @property
    def voices(self) -> tuple[str, ...]:
        """The voices and profiles of all, where there are several."""
        names = dict.fromkeys(part.profile or part.speaker.voice_name for part in self._parts.values())
        return tuple(names) if len(names) > 1 else ()

    def turns(self, sections: Sequence[Section]) -> tuple[SpokenTurn, ...]:
        """The sections with who spoke them and how; none where there is but one."""
        return tuple(self._turn(each) for each in sections) if len(sections) > 1 else ()

    def _turn(self, section: Section) -> SpokenTurn:
        override, part = section.override, self._parts[section.override]
        speed = part.job.style.speed * override.speed
        pitch_semitones = part.job.style.pitch_semitones + override.pitch_semitones
        style = replace(part.job.style, language=part.speaker.language, speed=speed, pitch_semitones=pitch_semitones)
        return SpokenTurn(section.characters, part.profile or part.speaker.voice_name, style, section.pause_seconds)

    def part(self, override: VoiceOverride) -> Part:
        """Who speaks in an override."""
        return self._parts[override]

    @property
    def is_only_signs(self) -> bool:
        """Whether there was text, without a letter or digit."""
        preparations = [part.preparation for part in self._parts.values()]
        return any(each.has_text for each in preparations) and not any(each.has_letters for each in preparations)

    @property
    def warnings(self) -> list[str]:
        """Sentences on what is not said, or not as it was asked for: each once."""
        speakers = (warning for part in list(self._parts.values())[1:] for warning in part.speaker.warnings)
        prepared = (warning for part in self._parts.values() for warning in part.preparation.warnings)
        return list(dict.fromkeys([*self._warnings, *speakers, *prepared]))


class Casting:
    """Finds the speakers of an utterance, and the lexicons that they read with."""

    def __init__(self, resolver: Resolver, lexicons: LexiconResolver, executor: Executor) -> None:
        self._resolver, self._lexicons, self._executor = resolver, lexicons, executor

    @asynccontextmanager
    async def open(
        self, overrides: Sequence[VoiceOverride], job: Job, timeout_seconds: float
    ) -> AsyncGenerator[Speakers]:
        """The speakers for these overrides of a job, whose models stay loaded and sessions open until the block ends.

        Raises as Resolver.resolve, LexiconResolver.resolve and Engine.open; what an override asks for is named by its
        place. InvalidField("lexicons") for one that is of use nowhere.
        """
        lexicons, warnings = await self._lexicons.resolve(job.lexicons, job.owner, timeout_seconds)
        async with AsyncExitStack() as stack:
            parts = dict[VoiceOverride, Part]()
            for override in overrides:
                with _placed(override):
                    resolve = partial(self._resolver.resolve, timeout_seconds=timeout_seconds)
                    wanted, speaker = await _resolved(stack, resolve, job.overridden(override), override, warnings)
                    wanted = wanted.with_defaults(speaker.defaults)
                    session = await _opened(speaker, wanted, override, warnings, self._executor)
                stack.callback(session.close)
                own = lexicons if job.lexicons else await self._of_profile(wanted, timeout_seconds, warnings)
                preparation = TextPreparation(
                    speaker.engine,
                    speaker.language,
                    verbatim=job.verbatim,
                    lexicons=[lexicon for lexicon in own if lexicon.suits(speaker.language)],
                )
                parts[override] = Part(wanted, speaker, session, preparation)
            _refuse_useless(lexicons, parts.values())
            yield Speakers(parts, warnings)

    async def _of_profile(self, job: Job, timeout_seconds: float, warnings: list[str]) -> list[Lexicon]:
        """The lexicons that a profile names; one that is gone, or cannot be had now, is left out with a warning."""
        found = list[Lexicon]()
        for name in job.lexicons:
            try:
                lexicons, notes = await self._lexicons.resolve([name], job.owner, timeout_seconds)
            except (NotFound, Unavailable) as error:
                warnings.append(f"A lexicon of the profile is left out: {error.sentence}")
            else:
                found += lexicons
                warnings += notes
        return found


def _refuse_useless(lexicons: Sequence[Lexicon], parts: Iterable[Part]) -> None:
    spoken = list(dict.fromkeys(part.speaker.language for part in parts))
    for lexicon in lexicons:
        if not any(map(lexicon.suits, spoken)):
            sentence = f"lexicons: {lexicon.name} is for {lexicon.language}, and the text is in {', '.join(spoken)}."
            raise InvalidField("lexicons", sentence, "LEXICON_LANGUAGE")


Resolve = Callable[[Job], AbstractAsyncContextManager[Speaker]]


@contextmanager
def _placed(override: VoiceOverride) -> Iterator[None]:
    """An error about what an override asks for leaves the block with its place in the request."""
    try:
        yield
    except (InvalidField, NotFound) as error:
        if not override.place:
            raise
        field = override.place.partition(",")[0]
        raise InvalidField(field, f"{override.place}: {error.sentence}", error.reason) from error


async def _resolved(
    stack: AsyncExitStack, resolve: Resolve, job: Job, override: VoiceOverride, warnings: list[str]
) -> tuple[Job, Speaker]:
    """Who speaks, and the job in that voice; for a language that the voice does not speak, another one, with a
    warning.
    """
    try:
        return job, await stack.enter_async_context(resolve(job))
    except InvalidField as error:
        if error.reason != "LANGUAGE_NOT_SPOKEN" or not override.language or job.source == BuiltIn():
            raise
        refused = error
    other = replace(job, source=BuiltIn(), model="")
    speaker = await stack.enter_async_context(resolve(other))
    warnings.append(f"{refused.sentence} {speaker.voice_name} speaks instead.")
    return other, speaker


async def _opened(
    speaker: Speaker, job: Job, override: VoiceOverride, warnings: list[str], executor: Executor
) -> Session:
    """The session of an override. A speed or pitch that the engine or the voice cannot follow is a warning."""
    style = _in_manner(job.style, override, speaker, warnings)
    try:
        return await _open(speaker, style, job.seed, executor)
    except InvalidField as error:
        if style == job.style or error.reason != "UNSUPPORTED_BY_ENGINE":
            raise
        warnings.append(f"What the text asks for is left out: {error.sentence}")
    return await _open(speaker, job.style, job.seed, executor)


def _in_manner(style: Style, override: VoiceOverride, speaker: Speaker, warnings: list[str]) -> Style:
    engine, can = speaker.engine.name, speaker.engine.capabilities
    speed, pitch = style.speed * override.speed, style.pitch_semitones + override.pitch_semitones
    if override.speed != 1.0 and Capability.SPEED not in can:
        warnings.append(f"The engine {engine} cannot change its speed: the rate in the text is left out.")
        speed = style.speed
    if override.pitch_semitones and Capability.PITCH not in can:
        warnings.append(f"The engine {engine} cannot change its pitch: the pitch in the text is left out.")
        pitch = style.pitch_semitones
    within = (min(max(speed, MIN_SPEED), MAX_SPEED), min(max(pitch, -MAX_SEMITONES), MAX_SEMITONES))
    if within != (speed, pitch):
        limits = f"{MIN_SPEED:g} to {MAX_SPEED:g} and {MAX_SEMITONES:g} semitones"
        warnings.append(f"With the request's own speed and pitch the text's are beyond {limits}: spoken at the limit.")
    return replace(style, speed=within[0], pitch_semitones=within[1])


async def _open(speaker: Speaker, style: Style, seed: int, executor: Executor) -> Session:
    opening = asyncio.get_running_loop().run_in_executor(executor, speaker.open, style, seed)
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        await asyncio.wait([opening])  # a thread cannot be stopped
        if not opening.exception():
            opening.result().close()
        raise
