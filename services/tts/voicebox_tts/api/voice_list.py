"""The list of voices, made once for as long as no engine's voices change: 137 of them take 0.25 ms each time."""

from collections.abc import Callable, Sequence

from voicebox.tts.v1 import tts_pb2

from voicebox_tts.engine import Engine, Voice
from voicebox_tts.voices.registry import Offer, speaks

from . import messages

MAX_LISTS, MAX_CHARACTERS = 256, 64
"""One for each engine and language that is requested; what is longer is no name of either, and not cached."""


Offered = tuple[Offer, ...]


class VoiceLists:
    """Answers to ListVoices. They are shared: not to be changed."""

    def __init__(self, default: Callable[[], Engine]) -> None:
        self._default = default
        self._made: dict[tuple[str, str], tuple[Offered, tts_pb2.ListVoicesResponse]] = {}

    def get(self, engine: str, language: str, offered: Offered) -> tts_pb2.ListVoicesResponse:
        """The voices that speak a language, all where it is empty; `offered` are those of the requested engine."""
        kept = self._made.get((engine, language))
        if kept and kept[0] == offered:
            return kept[1]
        response = self._listed(language, offered)
        if len(engine) + len(language) <= MAX_CHARACTERS:
            if len(self._made) >= MAX_LISTS:
                self._made.clear()
            self._made[engine, language] = offered, response
        return response

    def _listed(self, language: str, offered: Offered) -> tts_pb2.ListVoicesResponse:
        found: dict[str, tts_pb2.Voice] = {}
        for offer in offered:
            for voice in offer.voices:
                name = f"{offer.engine.name}/{voice.name}"  # two models of an engine may have the same voices
                if name not in found and (not language or speaks(voice, language)):
                    is_default = self._is_default(offer.engine, voice)
                    found[name] = messages.voice(offer.engine, voice, offer.state, is_default=is_default)
        warnings = [offer.warning for offer in offered if offer.warning]
        return tts_pb2.ListVoicesResponse(voices=_sorted(list(found.values())), warnings=warnings)

    def _is_default(self, engine: Engine, voice: Voice) -> bool:
        return engine is self._default() and voice.name == engine.default_voice


def _sorted(voices: Sequence[tts_pb2.Voice]) -> list[tts_pb2.Voice]:
    return sorted(voices, key=lambda voice: (not voice.is_default, voice.name))
