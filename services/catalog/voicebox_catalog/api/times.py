"""Times and durations in messages, which rows keep as whole microseconds."""

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from voicebox_kit.errors import InvalidField

MAX_TIME_US = 7_258_118_400_000_000
"""The year 2200."""


def to_timestamp(time_us: int) -> Timestamp:
    """The timestamp of microseconds since 1970."""
    return Timestamp(seconds=time_us // 1_000_000, nanos=time_us % 1_000_000 * 1000)


def to_duration(duration_us: int) -> Duration:
    """The duration of microseconds, not negative."""
    return Duration(seconds=duration_us // 1_000_000, nanos=duration_us % 1_000_000 * 1000)


def time_us(message: Timestamp, field: str) -> int:
    """Microseconds since 1970. InvalidField for a time before that, or after 2199."""
    value = message.seconds * 1_000_000 + message.nanos // 1000
    if not 0 <= value < MAX_TIME_US:
        raise InvalidField(field, f"{field} must be from 1970 to 2199.")
    return value


def duration_us(message: Duration, field: str) -> int:
    """Microseconds. InvalidField for a negative duration, or one of centuries."""
    value = message.seconds * 1_000_000 + message.nanos // 1000
    if not 0 <= value < MAX_TIME_US:
        raise InvalidField(field, f"{field} must not be negative.")
    return value
