"""Finds voices for Google's clients, and lists ours in Google's form."""

from collections.abc import Sequence

from voicebox.compat.google import texttospeech_v1_pb2 as google
from voicebox.tts.v1 import tts_pb2
from voicebox_compat.openai import Diagnostics
from voicebox_kit.errors import NotFound

from voicebox_tts.api.requests import spoken
from voicebox_tts.compat.voices import substitute_voice
from voicebox_tts.engine import Engine, Gender, Voice
from voicebox_tts.voices.registry import VoiceRegistry, speaks

GENDERS = {Gender.FEMALE: google.FEMALE, Gender.MALE: google.MALE}
MAX_NAMED = 10


async def find_voice(
    registry: VoiceRegistry, params: google.VoiceSelectionParams, field: str, diagnostics: Diagnostics
) -> tts_pb2.VoiceSelection:
    """Who is meant: by name, as `flite/slt` or `profiles/ann`; else one who speaks the language, of that gender if
    there is one.

    A gender is a preference, as with Google. Each of Google's own voices is replaced by one of ours, which is noted.
    Raises NotFound("voice"), and InvalidField("style.language") when nobody speaks the language.
    """
    if params.name.startswith("profiles/"):
        return tts_pb2.VoiceSelection(profile=params.name)
    language = spoken(params.language_code, "style.language")
    try:
        engine, voice = await registry.find(params.name, language)
    except NotFound as error:
        try:
            return tts_pb2.VoiceSelection(
                voice=await substitute_voice(registry, params.name, language, f"{field}.name", diagnostics)
            )
        except NotFound:
            raise NotFound("voice", params.name[:100], await _some(registry)) from error
    if not params.name:
        alike = [each for each in await registry.voices(engine) if speaks(each, language or voice.languages[0])]
        voice = preferred(voice, alike, params.ssml_gender)
    return tts_pb2.VoiceSelection(voice=f"{engine.name}/{voice.name}")


def preferred(voice: Voice, others: Sequence[Voice], gender: int) -> Voice:
    """The first of that gender, beginning with `voice`; `voice` when there is none."""
    return next((each for each in (voice, *others) if each.gender and GENDERS[each.gender] == gender), voice)


async def listed(registry: VoiceRegistry, language: str, diagnostics: Diagnostics) -> list[google.Voice]:
    """All voices, or those that speak a language; models whose voices cannot be known are noted."""
    wanted = spoken(language, "language_code")
    offers = await registry.offers()
    diagnostics.warn([offer.warning for offer in offers if offer.warning])
    return [
        _listed(offer.engine, voice)
        for offer in offers
        for voice in offer.voices
        if not wanted or speaks(voice, wanted)
    ]


def _listed(engine: Engine, voice: Voice) -> google.Voice:
    return google.Voice(
        language_codes=voice.languages,
        name=f"{engine.name}/{voice.name}",
        ssml_gender=GENDERS[voice.gender] if voice.gender else google.SSML_VOICE_GENDER_UNSPECIFIED,
        natural_sample_rate_hertz=voice.sample_rate_hz,
    )


async def _some(registry: VoiceRegistry) -> str:
    engine, _ = await registry.find("", "")
    voices = await registry.voices(engine)
    names = ", ".join(f"{engine.name}/{voice.name}" for voice in voices[:MAX_NAMED])
    return f"There are {names}; ListVoices lists them all, and a profile is named profiles/..."
