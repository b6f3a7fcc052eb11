"""Reads a blocking generator from the event loop, one item at a time."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import Executor
from contextvars import copy_context
from typing import Any, TypeVar, cast

T = TypeVar("T")
_END = object()


async def in_thread(
    items: Generator[T, Any, Any], executor: Executor, interrupt: Callable[[], None] | None = None
) -> AsyncGenerator[T, None]:
    """Yield `items`, each made in `executor`, and close the generator there when the reader leaves.

    The next item is computed only when it is requested, so a slow reader slows the producer. Leaving waits for the step
    that runs, since a generator that runs cannot be closed; `interrupt` is called then, from the event loop, to make it
    end soon.
    """
    loop = asyncio.get_running_loop()
    context = copy_context()
    step: asyncio.Future[Any] | None = None
    try:
        while True:
            step = loop.run_in_executor(executor, context.run, _next, items)
            item = await asyncio.shield(step)  # a cancelled wait must not lose sight of the thread
            if item is _END:
                return
            yield cast(T, item)
    finally:
        if interrupt and step and not step.done():
            interrupt()
        await asyncio.shield(_close(items, step, executor))


def _next(items: Generator[Any, Any, Any]) -> Any:
    return next(items, _END)


async def _close(items: Generator[Any, Any, Any], step: asyncio.Future[Any] | None, executor: Executor) -> None:
    if step is not None:
        await asyncio.wait([step])
        if not step.cancelled():
            step.exception()  # the reader has left: asyncio must not log it as never retrieved
    await asyncio.get_running_loop().run_in_executor(executor, items.close)
