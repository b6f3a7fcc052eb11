"""The history as tests read it: on a busy machine a record may still be in the spool when its answer has come."""

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")

LONGEST_SECONDS = 60


def recorded(listing: Callable[[], Iterable[T]], count: int = 1) -> list[T]:
    """The records that `listing` returns, as soon as there are `count` of them; after a minute what there is."""
    give_up = time.monotonic() + LONGEST_SECONDS
    while len(records := list(listing())) < count and time.monotonic() < give_up:
        time.sleep(0.05)
    return records
