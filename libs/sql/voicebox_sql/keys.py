"""Creation keys: one 64-bit number that is a row's identity, its place in time order, and its creation time."""

import secrets

SLOTS = 1024
"""Keys in one microsecond; with 53 bits of microseconds above them, the last one is in the year 2255."""

LATEST_US = (1 << 53) - 1


def first_key(time_us: int) -> int:
    """The smallest key of a microsecond since 1970; a time beyond the keys' range gives its nearest end."""
    return min(max(time_us, 0), LATEST_US) * SLOTS


def draw_key(time_us: int, attempt: int = 0) -> int:
    """A key for a row that was created at `time_us`.

    When it is taken, draw again with the next attempt: the range doubles each time, so that thousands of rows that
    claim one same microsecond spread over the few that follow it.
    """
    return first_key(time_us) + secrets.randbelow(SLOTS << attempt)


def time_us_of(key: int) -> int:
    """Microseconds since 1970 at which a key's row was created."""
    return key // SLOTS
