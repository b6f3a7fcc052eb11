"""Finds voices, by name or by language, and the engines that clone and design voices."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from voicebox_kit import languages
from voicebox_kit.errors import InvalidField, NotFound, Precondition, Unavailable
from voicebox_models.models import Models, State

from voicebox_tts.engine import CLONING, BlendsVoices, Capability, CloningEngine, Engine, Voice, can_clone

from .aliases import VoiceAliases

NO_ALIASES = VoiceAliases()


@dataclass(frozen=True)
class Offer:
    """An engine's voices, and its model's state. Where they cannot be known, `warning` is a sentence on why."""

    engine: Engine
    voices: tuple[Voice, ...]
    state: State = State.LOADED
    warning: str = ""


class VoiceRegistry:
    """The voices of all models. A model that does not know its voices before is loaded when they are first needed."""

    def __init__(self, models: Models[Engine], aliases: VoiceAliases = NO_ALIASES) -> None:
        self._models, self.aliases = models, aliases

    @property
    def default(self) -> Engine:
        """The engine that speaks when no model is named."""
        return self._models.default

    @property
    def engines(self) -> Sequence[Engine]:
        """Those whose files are here, the default first, then by name."""
        return self._models.here

    def named(self, model: str) -> Engine:
        """The engine of `models/{engine}/{model}`; NotFound("model") when there can be none, Precondition when its
        files are not here.
        """
        engine = self._models.find(model)
        self._models.require_files(engine)
        return engine

    async def voices(self, engine: Engine) -> Sequence[Voice]:
        """An engine's voices, default first; raises as Models.load when it must be loaded first."""
        known = engine.voices()
        if known is None:
            await self._models.load(engine)
            known = engine.voices()
        return known or ()

    async def family_voices(self, engine: Engine) -> Sequence[Voice]:
        """An engine's voices, then those of the other models of its name that are here."""
        others = [other for other in self.engines if other.name == engine.name and other is not engine]
        more = [voice for other in others for voice in await self._loadable_voices(other)]
        return [*await self.voices(engine), *more]

    async def offers(self) -> list[Offer]:
        """The voices of each engine here, with a warning for one that cannot be loaded."""
        return [await self._offer(engine) for engine in self.engines]

    async def _offer(self, engine: Engine) -> Offer:
        try:
            voices, warning = tuple(await self.voices(engine)), ""
        except (Unavailable, Precondition) as error:
            voices, warning = (), f"The voices of models/{engine.model.name} are missing: {error.sentence}"
        return Offer(engine, voices, self._models.state(engine)[0], warning)

    async def find(self, name: str, language: str, model: str = "") -> tuple[Engine, Voice]:
        """The voice of that name, or that the name is an alias of: `{engine}/{voice}`, or `{voice}` of the default
        engine, else of the first that has it; without a name, one that speaks the language.

        Only voices of `model`, when one is named. Raises NotFound("voice") for an unknown name,
        InvalidField("style.language") when no voice, or not that one, speaks the language, InvalidField("model") when
        the model has no built-in voice, and as `named`.
        """
        engines = (self.named(model),) if model else self.engines
        alias = self.aliases.of(name)
        name = name if alias is None else alias
        if not name:
            return await self._speaker_of(language, engines, model)
        try:
            return await self.called(name, language, model)
        except NotFound:
            if self.aliases.of_any is None or alias is not None:
                raise
        if not self.aliases.of_any:
            return await self._speaker_of(language, engines, model)
        return await self.called(self.aliases.of_any, language, model)

    async def called(self, name: str, language: str, model: str = "") -> tuple[Engine, Voice]:
        """The voice of that very name; raises as `find`."""
        engines = (self.named(model),) if model else self.engines
        engine_name, slash, voice_name = name.rpartition("/")
        family = engine_name if slash else (engines[0] if model else self.default).name
        own = [engine for engine in engines if engine.name == family]
        others = [] if slash else [engine for engine in engines if engine.name != family]
        for engine in (*own, *others):
            for voice in await self._known_voices(voice_name, engine, must_load=engine.name == family):
                if voice.name == voice_name:
                    if language and not speaks(voice, language):
                        raise InvalidField(
                            "style.language", f"The voice {name} does not speak {language}.", "LANGUAGE_NOT_SPOKEN"
                        )
                    return engine, voice
        raise NotFound("voice", name, self._hint(family, voice_name, own) if slash else "")

    def _hint(self, family: str, voice_name: str, own: Sequence[Engine]) -> str:
        """Why an engine that was named does not have that voice; empty where unknown. `own` are its models here."""
        absent = (engine.model.name for engine in self._models.engines if engine not in self.engines)
        if not own or f"{family}/{voice_name}" in absent:
            return self._models.hint(family)
        is_blend = "+" in voice_name or "*" in voice_name
        return next((each.blend_rules for each in own if is_blend and isinstance(each, BlendsVoices)), "")

    async def _known_voices(self, name: str, engine: Engine, *, must_load: bool) -> Sequence[Voice]:
        """An engine's voices, and the blend that a name may be; an engine that cannot be loaded has none, or raises."""
        listed = await (self.voices(engine) if must_load else self._loadable_voices(engine))
        blend = engine.blended(name) if listed and isinstance(engine, BlendsVoices) else None
        return (*listed, blend) if blend else listed

    async def _loadable_voices(self, engine: Engine) -> Sequence[Voice]:
        """An engine's voices; none of one that cannot be loaded."""
        try:
            return await self.voices(engine)
        except (Unavailable, Precondition):
            return ()

    def follower(self, model: str) -> tuple[CloningEngine, Capability]:
        """The engine that follows a recording, and how: the model that is named, else the default, else the best one
        here.

        Raises InvalidField("voice", reason CLONING_UNSUPPORTED) when it cannot, and as `named`.
        """
        for engine in [self.named(model)] if model else self._followers():
            if can_clone(engine):
                return engine, next(way for way in CLONING if way in engine.capabilities)
        who = f"models/{model.removeprefix('models/')}" if model else f"The engine {self.default.name}"
        raise InvalidField("voice", f"{who} cannot follow a recording.", "CLONING_UNSUPPORTED")

    def designer(self, model: str) -> Engine:
        """The engine that designs a voice from a description; as `named`, and Precondition("VOICE_DESIGN_UNAVAILABLE")
        when no model here can.
        """
        for engine in [self.named(model)] if model else self.engines:
            if Capability.VOICE_DESIGN in engine.capabilities:
                return engine
        sentence = "No model here makes a voice of a description; models/qwen3/1.7b-voice-design does, on a GPU."
        raise Precondition("VOICE_DESIGN_UNAVAILABLE", model or "models", sentence)

    def _followers(self) -> list[Engine]:
        """The default, then those that clone, its own family first, then the others."""
        others = [engine for engine in self.engines if engine is not self.default]
        others.sort(
            key=lambda engine: (Capability.CLONING not in engine.capabilities, engine.name != self.default.name)
        )
        return [self.default, *others]

    async def _speaker_of(self, language: str, engines: Iterable[Engine], model: str) -> tuple[Engine, Voice]:
        for engine in engines:
            try:
                voices = await self.voices(engine)
            except (Unavailable, Precondition):
                if engine is self.default or model:
                    raise
                continue
            if voices and not language:
                return engine, voices[0]
            speakers = [voice for voice in voices if speaks(voice, language)]
            exact = (voice for voice in speakers if any(languages.same(language, own) for own in voice.languages))
            if voice := next(exact, speakers[0] if speakers else None):
                return engine, voice
        if model and not voices:
            raise InvalidField(
                "model",
                f"{model} has no built-in voice: name a profile, or give a reference.",
                "MODEL_WITHOUT_VOICES",
            )
        raise InvalidField("style.language", f"No engine here speaks {language}.", "LANGUAGE_NOT_SPOKEN")


def speaks(voice: Voice, language: str) -> bool:
    """Whether a voice will do for a language."""
    return any(languages.covers(language, own) for own in voice.languages)
