"""Finds the models and voices that OpenAI's clients name: ours by their names, OpenAI's own by what stands in for them."""

import re

from voicebox.tts.v1 import tts_pb2
from voicebox_kit.errors import InvalidField, NotFound

from .requests import PROFILE_NAME
from .roster import Roster, speaks

OPENAI_MODELS = re.compile(r"(tts-1|tts-1-hd|gpt-4o-mini-tts)(-[0-9-]+)?")
OPENAI_VOICES = ("alloy", "ash", "ballad", "coral", "echo", "fable", "onyx", "nova", "sage", "shimmer", "verse", "marin", "cedar")


def find_model(roster: Roster, model: str) -> str:
    """The `models/{engine}/{model}` of `{engine}/{model}` or `{engine}`, with `models/` before it or not; empty for OpenAI's names."""
    name = model.removeprefix("models/")
    if not name or OPENAI_MODELS.fullmatch(name):
        return ""
    for engine in roster.engines:
        if name in (engine.name, engine.model.name):
            return f"models/{engine.model.name}"
    raise NotFound("model", model[:100])


async def find_voice(roster: Roster, model: str, name: str) -> tts_pb2.VoiceSelection:
    """Who is meant by a name: a built-in voice, else one of OpenAI's, else a profile; `profiles/...` and `{engine}/{voice}` are plain.

    OpenAI's voices stand for those of the engine that speak its default voice's language: alloy for the first of them, ash for the
    second, and round again, so that a program with several voices is heard to have several. `model` is as `find_model` gives it.
    """
    engine_name, slash, _ = name.partition("/")
    if slash and model and engine_name not in ("profiles", roster.named(model).name):
        raise InvalidField("voice", f"The voice {name[:100]!r} is none of {model}.", "VOICE_OF_OTHER_MODEL")
    if slash and engine_name != "profiles":
        return tts_pb2.VoiceSelection(voice=name)
    if not slash:
        engine = roster.named(model) if model else (await roster.find("", ""))[0]
        voices = await roster.voices(engine)
        if not name or any(voice.name == name for voice in voices):
            return tts_pb2.VoiceSelection(voice=f"{engine.name}/{name or engine.default_voice}" if voices else "")
        if name in OPENAI_VOICES and voices:
            alike = [voice for voice in voices if speaks(voice, voices[0].languages[0])]
            return tts_pb2.VoiceSelection(voice=f"{engine.name}/{alike[OPENAI_VOICES.index(name) % len(alike)].name}")
    return _profile(name)


def _profile(name: str) -> tts_pb2.VoiceSelection:
    profile = name if name.startswith("profiles/") else f"profiles/{name}"
    if not PROFILE_NAME.fullmatch(profile):
        raise NotFound("voice", name[:100])
    return tts_pb2.VoiceSelection(profile=profile)
