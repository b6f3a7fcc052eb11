"""Replaces voices of other servers by ours, and lists them as ignored."""

import re
import zlib

from voicebox_compat.openai import Diagnostics
from voicebox_kit import languages
from voicebox_kit.errors import InvalidField, NotFound

from voicebox_tts.text import ssml
from voicebox_tts.voices.registry import VoiceRegistry, speaks

from .openai.other_servers import is_other_servers
from .openai.voices import OPENAI_VOICES

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
    if not (is_other_servers(name) or NVIDIA.fullmatch(name) or name.lower() in OPENAI_VOICES):
        raise NotFound("voice", name[:100])
    wanted = language or await _language_of(registry, name)
    engine, voice = await registry.find("", wanted)
    alike = [each for each in await registry.family_voices(engine) if speaks(each, wanted or voice.languages[0])]
    chosen = f"{engine.name}/{alike[zlib.crc32(name.lower().encode()) % len(alike)].name}"
    diagnostics.ignore(field)
    diagnostics.warn([f"There is no voice {name[:100]!r} here: {chosen} speaks."])
    return chosen


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
