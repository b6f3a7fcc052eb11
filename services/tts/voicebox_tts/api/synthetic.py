"""The header that says of an answer that its speech is synthetic."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, TypeVar

import grpc

HEADER = "x-voicebox-synthetic"
HEADERS = ((HEADER, "1"),)

Context = grpc.aio.ServicerContext[Any, Any]
Message = TypeVar("Message")


async def announced(messages: AsyncGenerator[Message], context: Context) -> AsyncGenerator[Message]:
    """The messages of an answer, after the header. An error before the first one is sent without it."""
    is_sent = False
    async with aclosing(messages):
        async for message in messages:
            if not is_sent:
                await context.send_initial_metadata(HEADERS)
                is_sent = True
            yield message
