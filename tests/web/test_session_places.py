"""How callers share the places of WebSockets."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from voicebox_gateway.openai.sessions import Displaced, Place, Sessions


async def hold(places: Sessions, own: str, held: list[Place]) -> None:
    async with places.place(own) as place:
        held.append(place)
        await asyncio.Event().wait()


async def test_the_caller_with_most_loses_what_was_silent_longest():
    places, held = Sessions(3), list[Place]()
    tasks = [asyncio.create_task(hold(places, "ann", held)) for _ in range(3)]
    await asyncio.sleep(0)
    held[0].touch()
    assert not places.has_room("ann")
    assert places.has_room("bob")
    async with places.place("bob"):
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        [ended] = done
        assert isinstance(ended.exception(), Displaced)
        assert ended is tasks[1]
        assert places.has_room("bob") is False  # ann has two, bob one
        assert places.has_room("cid") is True
    assert places.has_room("ann")
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(places.place("ann"))
        assert not places.has_room("ann")
    assert places.has_room("ann")


async def test_a_timeout_of_the_session_itself_is_no_displacement():
    places = Sessions(1)
    with pytest.raises(TimeoutError):
        async with places.place("ann"):
            raise TimeoutError
    assert places.has_room("bob")
