"""Wyoming's events on the wire: a line of JSON, then as many bytes of further data and of payload as the line says.

https://github.com/OHF-Voice/wyoming#format. The package `wyoming` reads any length that a peer names; here each has a
limit.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from voicebox_kit.errors import InvalidField

MAX_HEADER_BYTES = 64 * 1024
"""The line: what asyncio's own reader, and with it every client of the package `wyoming`, takes at most."""

MAX_DATA_BYTES = 256 * 1024
"""Further data: the longest text of one call is 10,000 characters."""

MAX_PAYLOAD_BYTES = 1024 * 1024
"""32 s of 16 kHz samples in one event."""

STALL_SECONDS = 30.0
"""How long the rest of an event may take, once its line is here."""


@dataclass(frozen=True)
class Event:
    """A type, its data, and audio as bytes."""

    type: str
    data: Mapping[str, Any] = field(default_factory=dict)
    payload: bytes = b""


async def read(reader: asyncio.StreamReader) -> Event | None:
    """The next event, None when the peer has left. `reader` must have the limit MAX_HEADER_BYTES.

    Raises InvalidField when it is no event or too large, TimeoutError when its bytes do not come.
    """
    try:
        line = await reader.readuntil(b"\n")
        header = _object(line, "header")
        async with asyncio.timeout(STALL_SECONDS):
            more = await reader.readexactly(_length(header, "data_length", MAX_DATA_BYTES))
            payload = await reader.readexactly(_length(header, "payload_length", MAX_PAYLOAD_BYTES))
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError:
        raise InvalidField("header", f"An event's line may have {MAX_HEADER_BYTES} bytes.", "EVENT_TOO_LARGE") from None
    kind, data = header.get("type"), header.get("data") or {}
    if not isinstance(kind, str) or not isinstance(data, dict):
        raise InvalidField("header", "An event needs a `type`, which is a string; `data` is an object.", "BAD_EVENT")
    return Event(kind, {**data, **(_object(more, "data") if more else {})}, payload)


def write(event: Event) -> bytes:
    """The event's bytes. Its data follow the line, since readers limit the line."""
    data = json.dumps(event.data, ensure_ascii=False).encode() if event.data else b""
    lengths = {"data_length": len(data), "payload_length": len(event.payload)}
    header = {"type": event.type, **{name: length for name, length in lengths.items() if length}}
    return json.dumps(header).encode() + b"\n" + data + event.payload


def _object(text: bytes, name: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InvalidField(
            name,
            f"The {name} of an event must be a JSON object, see https://github.com/OHF-Voice/wyoming.",
            "BAD_EVENT",
        )
    return value


def _length(header: Mapping[str, Any], name: str, maximum: int) -> int:
    value = header.get(name)
    length = 0 if value is None else value
    if type(length) is not int or length < 0:
        raise InvalidField(name, f"{name} must be a whole number of bytes.", "BAD_EVENT")
    if length > maximum:
        raise InvalidField(
            name, f"{name} may be {maximum} bytes, not {length}: send more and smaller events.", "EVENT_TOO_LARGE"
        )
    return length
