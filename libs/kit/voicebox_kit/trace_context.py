"""The trace that the running call is part of, as W3C Trace Context has it: it goes on to other services, whether spans
are sent from here or not.

https://www.w3.org/TR/trace-context/
"""

import re
from collections.abc import Iterable
from contextvars import ContextVar

HEADER = "traceparent"
_FORM = re.compile("00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

current: ContextVar[str] = ContextVar("voicebox_traceparent", default="")


def from_metadata(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    """The caller's; empty where it sent none, or none that is well formed."""
    for key, value in metadata:
        if key == HEADER and isinstance(value, str) and _FORM.fullmatch(value):
            return value
    return ""


def metadata() -> tuple[tuple[str, str], ...]:
    """What a call of another service carries."""
    return ((HEADER, current.get()),) if current.get() else ()
