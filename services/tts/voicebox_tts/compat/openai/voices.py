"""Finds the models and voices in requests of OpenAI's clients: ours by their names; those of other servers are
replaced.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from voicebox.tts.v1 import tts_pb2
from voicebox_compat import openai_names
from voicebox_compat.openai import Diagnostics
from voicebox_kit.errors import InvalidField, NotFound

from voicebox_tts.compat.voices import number_of, stand_in
from voicebox_tts.engine import Engine, Voice
from voicebox_tts.text.names import PROFILE_NAME
from voicebox_tts.voices.registry import VoiceRegistry

from .other_servers import is_other_servers

OWN_ENGINES = ("flite", "espeak", "pocket", "qwen3")
"""A name `{engine}/{model}` of one of these is ours, also where it is not installed."""


@dataclass(frozen=True)
class ChosenVoice:
    """The voice for a name. `is_free`: it was not named itself, so that another may be used where this one cannot
    speak.
    """

    voice: tts_pb2.VoiceSelection
    is_free: bool


def find_model(registry: VoiceRegistry, model: str, diagnostics: Diagnostics) -> str:
    """The `models/{engine}/{model}` of `{engine}/{model}` or `{engine}`, with `models/` before it or not; empty for the
    default.

    That answers for OpenAI's names, and for those of other servers, which are noted.
    """
    name = model.removeprefix("models/")
    if not name or openai_names.SPEECH.fullmatch(name):
        return ""
    for engine in registry.engines:
        if name.lower() in (engine.name.lower(), engine.model.name.lower()):
            return f"models/{engine.model.name}"
    if name.partition("/")[0] not in OWN_ENGINES and openai_names.OTHER_SPEECH.fullmatch(name):
        diagnostics.ignore("model")
        return ""
    raise NotFound("model", model[:100])


async def find_voice(registry: VoiceRegistry, model: str, name: str) -> ChosenVoice:
    """Who is meant by a name: an alias's voice, else a built-in one, else one of OpenAI's, else a profile;
    `profiles/...` and `{engine}/{voice}` are plain.

    OpenAI's voices stand for those of the engine that speak its default voice's language: alloy for the first of them,
    ash for the second, and round again, so that a program with several voices has several. `model` is as
    `find_model` gives it.
    """
    if registry.aliases.of(name) is not None:
        return await _aliased(registry, registry.aliases.of(name) or "", is_free=False)
    engine_name, slash, _ = name.partition("/")
    if slash and model and engine_name not in ("profiles", registry.named(model).name):
        raise InvalidField("voice", f"The voice {name[:100]!r} is none of {model}.", "VOICE_OF_OTHER_MODEL")
    if slash and engine_name != "profiles":
        return ChosenVoice(tts_pb2.VoiceSelection(voice=name), is_free=False)
    engine = await _engine(registry, model)
    voices = await registry.voices(engine) if model else await registry.family_voices(engine)
    if not name:
        return ChosenVoice(
            tts_pb2.VoiceSelection(voice=f"{engine.name}/{engine.default_voice}" if voices else ""), is_free=True
        )
    built_in = None if slash else await _built_in(registry, model, engine, voices, name.strip().lower())
    return built_in or ChosenVoice(_profile(name), is_free=False)


async def _built_in(
    registry: VoiceRegistry, model: str, engine: Engine, voices: Sequence[Voice], name: str
) -> ChosenVoice | None:
    """The engine's own voice of that name, else OpenAI's stand-in, else another engine's; None where there is none."""
    for voice in voices:
        if voice.name.lower() == name:
            return ChosenVoice(tts_pb2.VoiceSelection(voice=f"{engine.name}/{voice.name}"), is_free=False)
    if name in openai_names.VOICES and voices:
        chosen = stand_in(engine, voices, openai_names.VOICES.index(name))
        return ChosenVoice(tts_pb2.VoiceSelection(voice=chosen), is_free=True)
    other = await _of_other_engines(registry, model, name)
    return ChosenVoice(tts_pb2.VoiceSelection(voice=other), is_free=False) if other else None


async def _of_other_engines(registry: VoiceRegistry, model: str, name: str) -> str:
    """`{engine}/{voice}` of another engine that has the voice; empty for none."""
    try:
        engine, voice = await registry.called(name, "", model)
    except NotFound:
        return ""
    return f"{engine.name}/{voice.name}"


async def find_stand_in(registry: VoiceRegistry, model: str, name: str) -> ChosenVoice:
    """A voice of ours for another server's, always the same for the same name. NotFound("voice") for a name that is no
    other server's, unless there is an alias for any name.
    """
    if registry.aliases.of_any is not None:
        return await _aliased(registry, registry.aliases.of_any, is_free=True)
    if not is_other_servers(name):
        raise NotFound("voice", name[:100])
    engine = await _engine(registry, model)
    voices = await registry.voices(engine) if model else await registry.family_voices(engine)
    chosen = stand_in(engine, voices, number_of(name)) if voices else ""
    return ChosenVoice(tts_pb2.VoiceSelection(voice=chosen), is_free=True)


async def _aliased(registry: VoiceRegistry, target: str, *, is_free: bool) -> ChosenVoice:
    engine, voice = await registry.find(target, "")
    return ChosenVoice(tts_pb2.VoiceSelection(voice=f"{engine.name}/{voice.name}"), is_free)


async def _engine(registry: VoiceRegistry, model: str) -> Engine:
    return registry.named(model) if model else (await registry.find("", ""))[0]


def _profile(name: str) -> tts_pb2.VoiceSelection:
    profile = name if name.startswith("profiles/") else f"profiles/{name.strip().lower()}"
    if not PROFILE_NAME.fullmatch(profile):
        raise NotFound("voice", name[:100])
    return tts_pb2.VoiceSelection(profile=profile)
