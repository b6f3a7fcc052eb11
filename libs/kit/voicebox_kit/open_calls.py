"""The calls that run now, by the key of their caller: those of a key that was revoked, and of a token that expires, are
ended.
"""

import asyncio
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .errors import Unauthenticated
from .principal import Principal


@dataclass(eq=False)
class OpenCall:
    """A call that runs in a task."""

    key: str
    task: "asyncio.Task[object]"
    is_ended: bool = False

    def end(self) -> None:
        """Cancel it."""
        self.is_ended = True
        self.task.cancel()


class OpenCalls:
    """The running calls of one service."""

    def __init__(self) -> None:
        self._calls: dict[str, set[OpenCall]] = {}

    @property
    def keys(self) -> Collection[str]:
        """The ids of all keys with running calls."""
        return [key for key in self._calls if key]

    @contextmanager
    def running(self, caller: Principal | None) -> Iterator[None]:
        """The block is a running call of `caller`. Raises Unauthenticated where `end` ended it."""
        task = asyncio.current_task()
        if caller is None or task is None or not (caller.key or caller.expires_at):
            yield
            return
        call = OpenCall(caller.key, task)
        self._calls.setdefault(call.key, set()).add(call)
        left = max(0.0, caller.expires_at - time.time()) if caller.expires_at else None
        timer = asyncio.get_running_loop().call_later(left, call.end) if left is not None else None
        try:
            yield
        except asyncio.CancelledError as error:
            if not call.is_ended:
                raise
            task.uncancel()
            raise Unauthenticated(
                "KEY_REVOKED", "The key is no longer valid: it was revoked, or has expired."
            ) from error
        finally:
            if timer:
                timer.cancel()
            self._forget(call)

    def end(self, keys: Collection[str]) -> int:
        """End all calls of these keys; how many there are."""
        ended = [call for key in keys for call in self._calls.get(key, ())]
        for call in ended:
            call.end()
        return len(ended)

    def _forget(self, call: OpenCall) -> None:
        calls = self._calls[call.key]
        calls.discard(call)
        if not calls:
            del self._calls[call.key]
