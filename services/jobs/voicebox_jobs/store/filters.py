"""Reads filters of jobs, such as `state = "FAILED" AND labels.team = "games"`, into conditions of SQL."""

import re
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement
from sqlmodel import col
from voicebox_kit.errors import InvalidField
from voicebox_sql.keys import first_key

from voicebox_jobs.state import State

from .tables import Job

MAX_CHARACTERS = 2000
MAX_CONDITIONS = 16
STATE_PREFIX = "JOB_STATE_"

_CONDITION = re.compile(
    r"""\s*(type|state|create_time|labels)(?:\.([A-Za-z0-9_-]+))?\s*(<=|>=|=|<|>)\s*("(?:[^"\\]|\\["\\])*")\s*"""
)
_AND = re.compile(r"AND(?=\s)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def conditions(text: str) -> list[ColumnElement[bool]]:
    """The conditions of a filter, all of which must hold; none for an empty one. InvalidField("filter")."""
    if len(text) > MAX_CHARACTERS or "\0" in text:
        raise _wrong(f"must have at most {MAX_CHARACTERS} characters, and no NUL")
    found: list[ColumnElement[bool]] = []
    position = 0
    while text[position:].strip():
        if found:
            joint = _AND.match(text, position)
            if not joint:
                raise _wrong(f"needs AND at character {position + 1}")
            position = joint.end()
        match = _CONDITION.match(text, position)
        if not match:
            raise _wrong(f'has no condition like state = "FAILED" at character {position + 1}')
        name, key, operator, literal = match.groups()
        found.append(_condition(name, key, operator, re.sub(r"\\(.)", r"\1", literal[1:-1])))
        position = match.end()
    if len(found) > MAX_CONDITIONS:
        raise _wrong(f"must have at most {MAX_CONDITIONS} conditions")
    return found


def _condition(name: str, key: str | None, operator: str, value: str) -> ColumnElement[bool]:
    if (name == "labels") != (key is not None):
        raise _wrong('writes labels as in labels.team = "games", and other fields without a key')
    if name == "create_time":
        return _time(operator, value)
    if operator != "=":
        raise _wrong(f"may compare {name} with = only")
    match name:
        case "type":
            return col(Job.type) == value
        case "state":
            try:
                return col(Job.state) == State[value.upper().removeprefix(STATE_PREFIX)]
            except KeyError:
                raise _wrong(f"knows the states {', '.join(state.name for state in State)}") from None
        case _:
            matches: ColumnElement[bool] = col(Job.labels)[key].as_string() == value
            return matches


def _time(operator: str, value: str) -> ColumnElement[bool]:
    try:
        time = datetime.fromisoformat(value)
        time_us = (time - _EPOCH) // timedelta(microseconds=1)
    except (TypeError, ValueError, OverflowError):
        raise _wrong('compares create_time with an RFC 3339 time, such as "2026-01-01T00:00:00Z"') from None
    key = col(Job.key)
    match operator:
        case "<":
            return key < first_key(time_us)
        case "<=":
            return key < first_key(time_us + 1)
        case ">":
            return key >= first_key(time_us + 1)
        case ">=":
            return key >= first_key(time_us)
        case _:
            raise _wrong("compares create_time with <, <=, > and >=")


def _wrong(what: str) -> InvalidField:
    return InvalidField("filter", f"The filter {what}.")
