"""Seconds to google.protobuf.Duration."""

from google.protobuf.duration_pb2 import Duration


def to_duration(seconds: float) -> Duration:
    """The duration, rounded to a microsecond."""
    duration = Duration()
    duration.FromMicroseconds(round(seconds * 1_000_000))
    return duration
