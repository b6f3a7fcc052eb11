"""One line in the log for each call: what it was, how it ended and what it cost, and nothing that was said in it."""

import logging
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from . import principal

LOGGER = "voicebox.calls"
DETAILS = "call"
"""Where a record has the call's details, for formatters."""

log = logging.getLogger(LOGGER)

_details: ContextVar[dict[str, Any] | None] = ContextVar("voicebox_call_details", default=None)


def begin() -> None:
    """A call begins in the running task."""
    _details.set({})


def add(name: str, amount: float) -> None:
    """Adds to a figure of the running call, as in `audio_seconds`; does nothing outside of a call."""
    details = _details.get()
    if details is not None:
        details[name] = round(details.get(name, 0.0) + amount, 6)


def note(name: str, value: float | str) -> None:
    """Notes the first of a figure or a name of the running call, as in `first_audio_seconds` and `model`."""
    details = _details.get()
    if details is not None:
        details.setdefault(name, round(value, 6) if isinstance(value, float) else value)


def end(method: str, code: str, seconds: float) -> Mapping[str, Any]:
    """Write the line of the running call; returns what is in it."""
    caller = principal.current.get()
    details: Mapping[str, Any] = {
        "method": method.removeprefix("/"),
        "code": code,
        "seconds": round(seconds, 6),
        "key_id": caller.key if caller else "",
        **(_details.get() or {}),
    }
    log.info("%s %s", details["method"], code, extra={DETAILS: details})
    return details
