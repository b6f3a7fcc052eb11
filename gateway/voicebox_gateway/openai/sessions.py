"""The places that WebSockets take, which callers share."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from starlette.websockets import WebSocket
from voicebox_kit import caller, principal

from .errors import ApiError

FULL = ApiError(429, "All sessions are taken: try again soon.", "rate_limit_exceeded")
TRY_AGAIN_LATER = 1013
"""A close code, of the registry of RFC 6455."""


class Displaced(Exception):
    """The session has ended, so that another caller's can begin."""


class Place:
    """What a session holds. `touch` is called when the client sends something."""

    def __init__(self, own: str, timeout: asyncio.Timeout) -> None:
        self.caller, self._timeout = own, timeout
        self.touched_at = time.monotonic()

    def touch(self) -> None:
        self.touched_at = time.monotonic()

    def end(self) -> None:
        self._timeout.reschedule(asyncio.get_running_loop().time())


class Sessions:
    """At most `most` places. Where all are taken, the caller that has most loses the one that has been silent for
    longest to a caller that has at least two fewer.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._places: set[Place] = set()

    def has_room(self, own: str) -> bool:
        """Whether `place` would give one to this caller."""
        return len(self._places) < self._most or self._to_end(own) is not None

    @asynccontextmanager
    async def place(self, own: str) -> AsyncIterator[Place]:
        """Hold a place, for which there is room, until the block ends; Displaced when it is taken away."""
        if len(self._places) >= self._most and (displaced := self._to_end(own)):
            self._places.discard(displaced)
            displaced.end()
        try:
            async with asyncio.timeout(None) as timeout:
                place = Place(own, timeout)
                self._places.add(place)
                try:
                    yield place
                finally:
                    self._places.discard(place)
        except TimeoutError as error:
            if timeout.expired():
                raise Displaced from error
            raise

    def _to_end(self, own: str) -> Place | None:
        counts = Counter(place.caller for place in self._places)
        most = max(counts.values(), default=0)
        if most < counts[own] + 2:
            return None
        of_most = (place for place in self._places if counts[place.caller] == most)
        return min(of_most, key=lambda place: place.touched_at)


def caller_of(websocket: WebSocket) -> str:
    """Whose session it is."""
    if verified := principal.current.get():
        return verified.owner
    headers: Mapping[str, str] = websocket.headers
    peer = websocket.client.host if websocket.client else ""
    return headers.get(principal.HEADER) or caller.address(headers, peer)
