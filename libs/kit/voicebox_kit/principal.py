"""Who calls: the gateway authenticates and says so in a header."""

from typing import Any

import grpc

HEADER = "x-voicebox-principal"
LOCAL = "local"
"""The owner of everything where nobody authenticates."""


def owner(context: "grpc.aio.ServicerContext[Any, Any]") -> str:
    """The authenticated caller, or LOCAL."""
    for key, value in context.invocation_metadata() or ():
        if key == HEADER and isinstance(value, str) and value:
            return value
    return LOCAL
