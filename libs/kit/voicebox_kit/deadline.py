"""How much of a call's time is left to hand on: deadlines do not travel by themselves."""

from typing import Any

import grpc


def remaining(context: "grpc.aio.ServicerContext[Any, Any]", at_most_seconds: float) -> float:
    """Seconds until the caller's deadline, and never more than `at_most_seconds`."""
    left = context.time_remaining()
    return at_most_seconds if left is None else max(0.0, min(left, at_most_seconds))
