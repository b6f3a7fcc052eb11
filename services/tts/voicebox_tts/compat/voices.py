"""Replaces voices of other servers by ours, and lists them as ignored."""

import re
import zlib
from collections.abc import Sequence

from voicebox_compat import openai_names
from voicebox_compat.openai import Diagnostics
from voicebox_kit import languages
from voicebox_kit.errors import InvalidField, NotFound

from voicebox_tts.engine import Engine, Voice
from voicebox_tts.text import ssml
from voicebox_tts.voices.registry import VoiceRegistry, speaks

from .openai.other_servers import is_other_servers

NVIDIA = re.compile(
    r"(magpie|chatterbox|english|spanish|mandarin|german|italian|french|portuguese|vietnamese|hindi|japanese)[-.].+",
    re.IGNORECASE,
)
"""Riva's: `English-US.Female-1`, `Magpie-Multilingual.EN-US.Aria`."""

REGION = re.compile(r"(?:^|[-._])([a-z]{2,3}[-_][a-z]{2})(?=[-._]|$)", re.IGNORECASE)


async def substitute_voice(
    registry: VoiceRegistry, name: str, language: str, field: str, diagnostics: Diagnostics
) -> str:
    """A voice of ours, `{engine}/{voice}`, that speaks the language: always the same one for the same name.

    Without a language it is the one in the name, where there is such a voice. Raises NotFound("voice") for a name that
    is no other server's, and as VoiceRegistry.find.
    """
    if not (is_other_servers(name) or NVIDIA.fullmatch(name) or name.lower() in openai_names.VOICES):
        raise NotFound("voice", name[:100])
    wanted = language or await _language_of(registry, name)
    engine, voice = await registry.find("", wanted)
    chosen = stand_in(engine, await registry.family_voices(engine), number_of(name), wanted or voice.languages[0])
    diagnostics.ignore(field)
    diagnostics.warn([f"There is no voice {name[:100]!r} here: {chosen} speaks."])
    return chosen


def stand_in(engine: Engine, voices: Sequence[Voice], number: int, language: str = "") -> str:
    """`{engine}/{voice}` of one of these voices that speaks the language, the first one's without one: by a number that
    stands for a name.
    """
    alike = [voice for voice in voices if speaks(voice, language or voices[0].languages[0])]
    return f"{engine.name}/{alike[number % len(alike)].name}"


def number_of(name: str) -> int:
    """A number that is always the same for a name."""
    return zlib.crc32(name.strip().lower().encode())


async def speakers_for(registry: VoiceRegistry, document: str) -> ssml.Known:
    """The voices and languages that a document of SSML may ask for; nobody where it asks for none."""
    if not ssml.names_speakers(document):
        return ssml.NOBODY
    offers = await registry.offers()
    names = {f"{offer.engine.name}/{voice.name}" for offer in offers for voice in offer.voices}
    short = {voice.name for offer in offers for voice in offer.voices if offer.engine.name == registry.default.name}
    spoken = {language for offer in offers for voice in offer.voices for language in voice.languages}
    return ssml.Known(frozenset(names | short), frozenset(spoken))


async def _language_of(registry: VoiceRegistry, name: str) -> str:
    """The language in a voice's name; empty where it names none that somebody here speaks."""
    match = REGION.search(name)
    language = languages.understood(match[1]) if match else None
    if not language:
        return ""
    try:
        await registry.find("", language)
    except InvalidField:
        return ""
    return language
