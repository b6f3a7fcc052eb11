"""Profiles as messages and as rows."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox_kit.errors import InvalidField
from voicebox_sql.keys import time_us_of

from voicebox_catalog.store.tables import Profile

from . import checks
from .times import time_us, to_timestamp

PROFILE_FIELDS = ("display_name", "language", "description", "labels", "consent", "default_voice_settings")
"""What a caller may set in a profile."""

SPEEDS = (0.5, 2.0)
PITCHES = (-12.0, 12.0)
MAX_LEXICONS = 8


def profile_columns(message: pb.Profile, fields: Iterable[str], now_us: int) -> dict[str, Any]:
    """The checked values of these fields, by the names of their columns."""
    checked: dict[str, Callable[[], dict[str, Any]]] = {
        "display_name": lambda: {"display_name": checks.display_name(message.display_name, "profile.display_name")},
        "language": lambda: {"language": checks.language(message.language, "profile.language")},
        "description": lambda: {"description": checks.text(message.description, "profile.description", 2000)},
        "labels": lambda: {"labels": checks.labels(message.labels, "profile.labels")},
        "consent": lambda: _consent_columns(message.consent, now_us),
        "default_voice_settings": lambda: {"voice_settings": _settings_column(message.default_voice_settings)},
    }
    return {column: value for field in fields for column, value in checked[field]().items()}


def to_profile(row: Profile) -> pb.Profile:
    """The message of a profile."""
    return pb.Profile(
        name=f"profiles/{row.id}",
        display_name=row.display_name,
        language=row.language,
        description=row.description,
        labels=row.labels,
        consent=_to_consent(row),
        default_voice_settings=to_settings(row),
        avatar_etag=avatar_etag(row),
        sample_count=row.sample_count,
        create_time=to_timestamp(time_us_of(row.key)),
        update_time=to_timestamp(row.update_time_us),
        delete_time=None if row.delete_time_us is None else to_timestamp(row.delete_time_us),
        purge_time=None if row.purge_time_us is None else to_timestamp(row.purge_time_us),
        etag=row.etag,
        owner=row.owner,
    )


def to_settings(row: Profile) -> pb.VoiceSettings | None:
    """How a profile speaks by default; None when it does not say."""
    if not row.voice_settings:
        return None
    stored = row.voice_settings
    seed = stored.get("seed")
    return pb.VoiceSettings(
        speed=stored.get("speed"),
        pitch_semitones=stored.get("pitch_semitones"),
        seed=None if seed is None else int(seed),
        lexicons=stored.get("lexicons", ()),
    )


def avatar_etag(row: Profile) -> str:
    """The last part of the picture's name, which no two pictures share."""
    return row.avatar_blob.rpartition("/")[2][-16:]


def _to_consent(row: Profile) -> pb.Consent | None:
    if not row.consent_statement:
        return None
    return pb.Consent(
        statement=row.consent_statement,
        speaker=row.consent_speaker,
        scope=row.consent_scope,
        time=None if row.consent_time_us is None else to_timestamp(row.consent_time_us),
    )


def _consent_columns(message: pb.Consent, now_us: int) -> dict[str, Any]:
    field = "profile.consent"
    statement = checks.text(message.statement, f"{field}.statement", 2000)
    if not statement.strip() and message.ListFields():
        raise InvalidField(f"{field}.statement", f"{field}.statement must say what was agreed.")
    given_us = time_us(message.time, f"{field}.time") if message.HasField("time") else now_us
    return {
        "consent_statement": statement,
        "consent_speaker": checks.text(message.speaker, f"{field}.speaker", 200),
        "consent_scope": checks.text(message.scope, f"{field}.scope", 200),
        "consent_time_us": given_us if statement else None,
    }


def _settings_column(message: pb.VoiceSettings) -> dict[str, Any]:
    bounds = {"speed": SPEEDS, "pitch_semitones": PITCHES, "seed": (0, 2**32)}
    stored: dict[str, Any] = {}
    for name, (minimum, maximum) in bounds.items():
        if message.HasField(name):  # type: ignore[arg-type]  # the stubs want a literal
            value = getattr(message, name)
            field = f"profile.default_voice_settings.{name}"
            if not (math.isfinite(value) and minimum <= value <= maximum):
                raise InvalidField(field, f"{field} must be {minimum:g} to {maximum:g}, not {value:g}.")
            stored[name] = value
    if message.lexicons:
        stored["lexicons"] = _lexicons(message.lexicons, "profile.default_voice_settings.lexicons")
    return stored


def _lexicons(names: Sequence[str], field: str) -> list[str]:
    """Names of lexicons, which need not be there: they may be deleted at any time."""
    if len(names) > MAX_LEXICONS:
        raise InvalidField(field, f"{field} may name {MAX_LEXICONS} lexicons, not {len(names)}.")
    for number, name in enumerate(names):
        checks.lexicon_name(name, f"{field}[{number}]")
    return list(names)
