"""The voices of this server's engines: whose is whose, and who speaks a language."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor

from voicebox_kit.errors import InvalidField, NotFound, Unavailable
from voicebox_models.models import Models

from .engine import Engine, Voice
from .languages import covers


class Roster:
    """All engines' voices. An engine is loaded when its voices are first asked for."""

    def __init__(self, models: Models[Engine], executor: Executor) -> None:
        self._models = models
        self._executor = executor
        self.default = models.default
        self.engines = models.engines

    async def voices(self, engine: Engine) -> Sequence[Voice]:
        """An engine's voices, default first."""
        await self._models.load(engine)
        return await asyncio.get_running_loop().run_in_executor(self._executor, engine.voices)

    async def find(self, name: str, language: str) -> tuple[Engine, Voice]:
        """The voice of that name, `{engine}/{voice}` or `{voice}` of the default engine; without a name, one that speaks the language.

        Raises NotFound("voice") for an unknown name, InvalidField("style.language") when nobody, or not that voice, speaks the language.
        """
        if not name:
            return await self._speaker_of(language)
        engine_name, slash, voice_name = name.rpartition("/")
        engine = self._engine(engine_name) if slash else self.default
        for voice in await self.voices(engine) if engine else ():
            if engine and voice.name == voice_name:
                if language and not speaks(voice, language):
                    raise InvalidField("style.language", f"The voice {name} does not speak {language}.", "LANGUAGE_NOT_SPOKEN")
                return engine, voice
        raise NotFound("voice", name)

    def _engine(self, name: str) -> Engine | None:
        return next((engine for engine in self.engines if engine.name == name), None)

    async def _speaker_of(self, language: str) -> tuple[Engine, Voice]:
        for engine in self.engines:
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
