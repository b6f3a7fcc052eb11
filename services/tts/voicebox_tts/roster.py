"""The engines of this server: which there are, whose voice is whose, and what is loaded."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from enum import StrEnum

from voicebox_kit.errors import InvalidField, NotFound, Precondition, StartError, Unavailable

from .engine import Engine, Voice
from .languages import covers

log = logging.getLogger(__name__)


class State(StrEnum):
    """What an engine's model is doing."""

    AVAILABLE = "AVAILABLE"
    LOADING = "LOADING"
    LOADED = "LOADED"
    FAILED = "FAILED"


class Roster:
    """The default engine, first, and the others, which are loaded when they are first used."""

    def __init__(self, engines: Sequence[Engine], executor: Executor) -> None:
        self.default = engines[0]
        self.engines: Mapping[str, Engine] = {engine.name: engine for engine in engines}
        self._executor = executor
        self._loading = {name: asyncio.Lock() for name in self.engines}
        self._failures: dict[str, str] = {}

    async def load(self, engine: Engine) -> None:
        """Load an engine if it is not loaded; Unavailable("ENGINE_NOT_LOADED") when it cannot be."""
        if engine.loaded:
            return
        async with self._loading[engine.name]:
            try:
                await asyncio.get_running_loop().run_in_executor(self._executor, engine.load)
            except StartError as error:
                self._failures[engine.name] = str(error)
                raise Unavailable("ENGINE_NOT_LOADED", f"The engine {engine.name} cannot be loaded: {error}", retry_seconds=60.0) from error
            self._failures.pop(engine.name, None)
        log.info("engine %s is loaded: %s", engine.name, engine.model.name)

    async def unload(self, engine: Engine) -> None:
        """Unload an engine; Precondition("MODEL_IS_DEFAULT") for the default one."""
        if engine is self.default:
            raise Precondition("MODEL_IS_DEFAULT", f"models/{engine.model.name}", "The default model cannot be unloaded.")
        async with self._loading[engine.name]:
            await asyncio.get_running_loop().run_in_executor(self._executor, engine.unload)

    def state(self, engine: Engine) -> tuple[State, str]:
        """What the engine is doing, and a sentence on it."""
        if engine.loaded:
            return State.LOADED, "It speaks when no voice is named." if engine is self.default else "It is ready."
        if self._loading[engine.name].locked():
            return State.LOADING, "It is being loaded."
        if failure := self._failures.get(engine.name):
            return State.FAILED, failure
        return State.AVAILABLE, "It is loaded when it is first used."

    async def voices(self, engine: Engine) -> Sequence[Voice]:
        """An engine's voices, default first."""
        await self.load(engine)
        return await asyncio.get_running_loop().run_in_executor(self._executor, engine.voices)

    async def find(self, name: str, language: str) -> tuple[Engine, Voice]:
        """The voice of that name, `{engine}/{voice}` or `{voice}` of the default engine; without a name, one that speaks the language.

        Raises NotFound("voice") for an unknown name, InvalidField("style.language") when nobody, or not that voice, speaks the language.
        """
        if not name:
            return await self._speaker_of(language)
        engine_name, slash, voice_name = name.rpartition("/")
        engine = self.engines.get(engine_name) if slash else self.default
        for voice in await self.voices(engine) if engine else ():
            if engine and voice.name == voice_name:
                if language and not speaks(voice, language):
                    raise InvalidField("style.language", f"The voice {name} does not speak {language}.", "LANGUAGE_NOT_SPOKEN")
                return engine, voice
        raise NotFound("voice", name)

    async def _speaker_of(self, language: str) -> tuple[Engine, Voice]:
        for engine in self.engines.values():
            try:
                voices = await self.voices(engine)
            except Unavailable:
                if engine is self.default:
                    raise
                continue
            if not language:
                return engine, voices[0]
            speakers = [voice for voice in voices if speaks(voice, language)]
            exact = (voice for voice in speakers if language.lower() in map(str.lower, voice.languages))
            if voice := next(exact, speakers[0] if speakers else None):
                return engine, voice
        raise InvalidField("style.language", f"No engine here speaks {language}.", "LANGUAGE_NOT_SPOKEN")


def speaks(voice: Voice, language: str) -> bool:
    """Whether a voice will do for a language."""
    return any(covers(language, own) for own in voice.languages)
