"""Reads filters, such as `engine = "flite" AND labels.team = "games" AND duration_seconds > 2`, into typed
conditions.
"""

import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from voicebox_kit import languages
from voicebox_kit.errors import InvalidField

MAX_CHARACTERS = 2000
MAX_CONDITIONS = 16
STATUSES = {"COMPLETED": 1, "CANCELLED": 2, "FAILED": 3}
STATUS_PREFIX = "GENERATION_STATUS_"


class FilterField(StrEnum):
    """The fields of a filter, by their names in it. A label is written `labels.{key}`."""

    DISPLAY_NAME = "display_name"
    PROFILE = "profile"
    VOICE = "voice"
    ENGINE = "engine"
    MODEL = "model"
    LANGUAGE = "language"
    STATUS = "status"
    FAVORITE = "favorite"
    LABELS = "labels"
    CREATE_TIME = "create_time"
    DURATION = "duration_seconds"
    SAMPLE_COUNT = "sample_count"


ORDERED = frozenset({FilterField.CREATE_TIME, FilterField.DURATION, FilterField.SAMPLE_COUNT})
"""Fields that have more operators than `=`."""

_HISTORY_FIELDS = frozenset(
    {
        FilterField.ENGINE,
        FilterField.LANGUAGE,
        FilterField.FAVORITE,
        FilterField.LABELS,
        FilterField.CREATE_TIME,
        FilterField.DURATION,
    }
)
GENERATION_FIELDS = _HISTORY_FIELDS | {FilterField.PROFILE, FilterField.VOICE, FilterField.STATUS}
TRANSCRIPTION_FIELDS = _HISTORY_FIELDS | {FilterField.MODEL}
PROFILE_FIELDS = frozenset(
    {
        FilterField.DISPLAY_NAME,
        FilterField.LANGUAGE,
        FilterField.LABELS,
        FilterField.CREATE_TIME,
        FilterField.SAMPLE_COUNT,
    }
)


class Operator(StrEnum):
    """How a field is compared."""

    EQUAL = "="
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="


@dataclass(frozen=True)
class Condition:
    """`field operator value`, with the label's key in `key`.

    The value is a str, a bool for favorite, a status's number, a count, or microseconds for create_time and duration.
    """

    field: FilterField
    operator: Operator
    value: str | int
    key: str = ""


_CONDITION = re.compile(
    r"""\s*([a-z_]+)(?:\.([A-Za-z0-9_-]+|"(?:[^"\\]|\\["\\])*"))?  # engine, labels.team, labels."any key"
        \s*(<=|>=|=|<|>)\s*("(?:[^"\\]|\\["\\])*"|[A-Za-z0-9_.+-]+)""",
    re.VERBOSE,
)
_AND = re.compile(r"\s+AND(?=\s)")
_NUMBER = re.compile(r"\d{1,9}(\.\d{1,9})?", re.ASCII)
_COUNT = re.compile(r"\d{1,9}", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse(text: str, fields: Collection[FilterField] = GENERATION_FIELDS) -> tuple[Condition, ...]:
    """The conditions of a filter over these fields, all of which must hold; none for an empty one.

    InvalidField("filter") says what is wrong.
    """
    if len(text) > MAX_CHARACTERS or "\0" in text:
        raise _wrong(f"must have at most {MAX_CHARACTERS} characters, and no NUL")
    if not text.strip():
        return ()
    conditions: list[Condition] = []
    position = 0
    while True:
        found = _CONDITION.match(text, position)
        if not found:
            raise _wrong(f'has no condition like engine = "flite" at character {position + 1}')
        conditions.append(_condition(fields, *found.groups()))
        position = found.end()
        if not text[position:].strip():
            break
        joint = _AND.match(text, position)
        if not joint:
            raise _wrong(f"needs AND at character {position + 1}")
        position = joint.end()
    if len(conditions) > MAX_CONDITIONS:
        raise _wrong(f"must have at most {MAX_CONDITIONS} conditions")
    return tuple(conditions)


def _condition(fields: Collection[FilterField], name: str, key: str | None, sign: str, literal: str) -> Condition:
    if name not in fields:
        raise _wrong(f"asks of {name}; it may ask of {', '.join(sorted(fields))}")
    field, operator = FilterField(name), Operator(sign)
    if (field is FilterField.LABELS) != (key is not None):
        raise _wrong(
            f'asks of {name} without a key, as in labels.team = "games"'
            if key is None
            else f"asks of {name}, which has no keys"
        )
    if operator is not Operator.EQUAL and field not in ORDERED:
        raise _wrong(f"may compare {field} with = only")
    return Condition(field, operator, _value(field, literal), _unquoted(key or ""))


def _value(field: FilterField, literal: str) -> str | int:
    plain = _unquoted(literal)
    match field:
        case FilterField.DURATION:
            return _microseconds(plain)
        case FilterField.SAMPLE_COUNT:
            return _count(plain)
        case FilterField.STATUS:
            return _status(plain)
        case FilterField.FAVORITE:
            return _bool(plain)
        case FilterField.CREATE_TIME:
            return _time(plain)
    if not literal.startswith('"'):
        raise _wrong(f"needs quotes around the value of {field}")
    return languages.tag(plain, "filter") if field is FilterField.LANGUAGE else plain


def _unquoted(literal: str) -> str:
    return re.sub(r"\\(.)", r"\1", literal[1:-1], flags=re.DOTALL) if literal.startswith('"') else literal


def _microseconds(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise _wrong("compares duration_seconds with a number, such as 2.5")
    return math.floor(float(text) * 1e6 + 0.5)


def _count(text: str) -> int:
    if not _COUNT.fullmatch(text):
        raise _wrong("compares sample_count with a whole number, such as 3")
    return int(text)


def _bool(text: str) -> bool:
    if text not in ("true", "false"):
        raise _wrong("compares favorite with true or false")
    return text == "true"


def _status(text: str) -> int:
    number = STATUSES.get(text.upper().removeprefix(STATUS_PREFIX))
    if number is None:
        raise _wrong(f"knows the statuses {', '.join(STATUSES)}")
    return number


def _time(text: str) -> int:
    try:
        time = datetime.fromisoformat(text) if _TIME.fullmatch(text) else None
        if time:
            return (time - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        pass
    raise _wrong('compares create_time with an RFC 3339 time, such as "2026-01-01T00:00:00Z"')


def _wrong(what: str) -> InvalidField:
    return InvalidField("filter", f"The filter {what}.")
