"""Hints of other APIs, which are only about better results: followed where the model can, else named as ignored."""

from collections.abc import Iterable

from voicebox.asr.v1 import asr_pb2
from voicebox_compat import openai_names
from voicebox_compat.openai import Diagnostics
from voicebox_kit.errors import NotFound
from voicebox_models.models import Models

from voicebox_asr.api.options import MAX_HOTWORD_CHARACTERS, MAX_HOTWORDS
from voicebox_asr.api.requests import MAX_SPEAKERS
from voicebox_asr.engine import Engine

OWN_ENGINES = ("whisper", "pocketsphinx")
"""A name `{engine}/{model}` of one of these is ours, also where it is not here."""


def find_model(models: Models[Engine], name: str, field: str, diagnostics: Diagnostics) -> Engine:
    """The model of a name, with or without `models/`; the default one without a name.

    For the name of another server's model it is the default one too, with a note. Raises NotFound("model").
    """
    plain = name.removeprefix("models/")
    if not plain:
        return models.default
    try:
        return models.find(f"models/{plain}")
    except NotFound:
        if plain.partition("/")[0] in OWN_ENGINES or not openai_names.OTHER_TRANSCRIPTION.fullmatch(plain):
            raise
    diagnostics.ignore(field)
    diagnostics.warn([f"There is no model {plain[:100]!r} here: {models.default.model.name} is used."])
    return models.default


def set_hotwords(
    native: asr_pb2.RecognitionConfig,
    phrases: Iterable[tuple[str, float]],
    engine: Engine,
    field: str,
    diagnostics: Diagnostics,
) -> None:
    """Set phrases as hotwords; every boost has the same effect."""
    given = [(phrase.strip(), boost) for phrase, boost in phrases]
    likelier = list(dict.fromkeys(phrase for phrase, boost in given if phrase and boost >= 0))
    fitting = [phrase for phrase in likelier if len(phrase) <= MAX_HOTWORD_CHARACTERS][:MAX_HOTWORDS]
    if fitting and not engine.capabilities.hotwords:
        diagnostics.ignore(field)
        diagnostics.warn([f"The model {engine.model.name} cannot make phrases likelier: {field} is ignored."])
        return
    native.hotwords.extend(fitting)
    if any(boost < 0 for _, boost in given):
        diagnostics.ignore(field)
        diagnostics.warn(
            [f"Phrases of {field} can be made likelier, not less likely: those with a negative boost are ignored."]
        )
    if left_out := len(likelier) - len(fitting):
        diagnostics.ignore(field)
        maximum = f"at most {MAX_HOTWORDS} of {MAX_HOTWORD_CHARACTERS} characters"
        diagnostics.warn([f"{left_out} phrases of {field} are ignored: {maximum}."])


def speakers_at_most(count: int, default: int, field: str, diagnostics: Diagnostics) -> int:
    """The most speakers that diarization may find."""
    if count > MAX_SPEAKERS:
        diagnostics.ignore(field)
        diagnostics.warn([f"{field} is at most {MAX_SPEAKERS} here, not {count}."])
    return min(count, MAX_SPEAKERS) if count > 0 else default


def warn_of(result: asr_pb2.RecognizeResponse | asr_pb2.StreamFinished, diagnostics: Diagnostics) -> None:
    """Pass the warnings of a result on."""
    diagnostics.warn(warning.message for warning in result.warnings)
