"""Reads filters of generations, such as `engine = "flite" AND duration_seconds > 2`, into typed conditions."""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from voicebox_kit.errors import InvalidField

MAX_CHARACTERS = 2000
MAX_CONDITIONS = 16
STATUSES = {"COMPLETED": 1, "CANCELLED": 2, "FAILED": 3}
STATUS_PREFIX = "GENERATION_STATUS_"


class Field(StrEnum):
    """What a filter may ask of; the values are the names in the filter."""

    PROFILE = "profile"
    VOICE = "voice"
    ENGINE = "engine"
    LANGUAGE = "language"
    STATUS = "status"
    CREATE_TIME = "create_time"
    DURATION = "duration_seconds"


ORDERED = frozenset({Field.CREATE_TIME, Field.DURATION})
"""Fields that have more operators than `=`."""


class Operator(StrEnum):
    """How a field is compared."""

    EQUAL = "="
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="


@dataclass(frozen=True)
class Condition:
    """`field operator value`. The value is a str, a status's number, or microseconds for create_time and duration."""

    field: Field
    operator: Operator
    value: str | int


_CONDITION = re.compile(r'\s*([a-z_]+)\s*(<=|>=|=|<|>)\s*("(?:[^"\\]|\\["\\])*"|[A-Za-z0-9_.+-]+)')
_AND = re.compile(r"\s+AND(?=\s)")
_NUMBER = re.compile(r"\d{1,9}(\.\d{1,9})?")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse(text: str) -> tuple[Condition, ...]:
    """The conditions of a filter, all of which must hold; none for an empty one. InvalidField("filter") says what is wrong."""
    if len(text) > MAX_CHARACTERS:
        raise _wrong(f"must have at most {MAX_CHARACTERS} characters")
    if not text.strip():
        return ()
    conditions: list[Condition] = []
    position = 0
    while True:
        found = _CONDITION.match(text, position)
        if not found:
            raise _wrong(f'has no condition like engine = "flite" at character {position + 1}')
        conditions.append(_condition(*found.groups()))
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


def _condition(name: str, sign: str, literal: str) -> Condition:
    try:
        field = Field(name)
    except ValueError:
        raise _wrong(f"asks of {name}; it may ask of {', '.join(Field)}") from None
    operator = Operator(sign)
    if operator is not Operator.EQUAL and field not in ORDERED:
        raise _wrong(f"may compare {field} with = only")
    return Condition(field, operator, _value(field, literal))


def _value(field: Field, literal: str) -> str | int:
    quoted = literal.startswith('"')
    plain = re.sub(r"\\(.)", r"\1", literal[1:-1]) if quoted else literal
    match field:
        case Field.DURATION:
            return _microseconds(plain)
        case Field.STATUS:
            return _status(plain)
        case Field.CREATE_TIME:
            return _time(plain)
    if not quoted:
        raise _wrong(f"needs quotes around the value of {field}")
    return plain


def _microseconds(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise _wrong("compares duration_seconds with a number, such as 2.5")
    return math.floor(float(text) * 1e6 + 0.5)


def _status(text: str) -> int:
    number = STATUSES.get(text.removeprefix(STATUS_PREFIX))
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
