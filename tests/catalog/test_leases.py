"""Leases: never two holders."""

import asyncio
import random

from voicebox_catalog.store.tables import Lease
from voicebox_sql.leases import Leases

MINUTE_US = 60_000_000


class Time:
    def __init__(self):
        self.us = 1_767_225_600_000_000

    def __call__(self):
        return self.us


def two(database, time):
    return [Leases(database, Lease, name, 60, time) for name in ("a", "b")]


async def test_one_has_it_until_its_time_is_over(database):
    time = Time()
    first, second = two(database, time)
    assert await first.acquire("x")
    assert not await second.acquire("x")
    assert await second.acquire("y")
    time.us += MINUTE_US - 1
    assert not await second.acquire("x")
    assert await first.acquire("x")
    time.us += MINUTE_US
    assert await second.acquire("x")
    assert not await first.acquire("x")


async def test_what_is_given_back_is_free(database):
    first, second = two(database, Time())
    assert await first.acquire("x")
    await second.release("x")
    assert not await second.acquire("x")
    await first.release("x")
    assert await second.acquire("x")


async def test_one_of_many_who_ask_at_once_gets_it(database):
    time = Time()
    for _ in range(5):
        taken = await asyncio.gather(
            *(Leases(database, Lease, f"{number}", 60, time).acquire("x") for number in range(8))
        )
        assert sum(taken) == 1
        time.us += MINUTE_US


async def test_a_lease_of_a_clock_that_was_far_ahead_is_taken(database):
    time = Time()
    first, second = two(database, time)
    time.us += 1_000 * MINUTE_US
    assert await first.acquire("x")
    time.us -= 1_000 * MINUTE_US
    assert await second.acquire("x")
    assert not await first.acquire("x")


async def test_a_clock_that_goes_backwards_makes_no_second_holder(database):
    """Whoever takes it holds it until it is over by every clock, or lies too far ahead for any, or until they learn
    that they lost it.
    """
    draw = random.Random(5)
    time = Time()
    leases = two(database, time)
    holder, until_us = None, 0
    for _ in range(200):
        time.us += draw.randrange(-2 * MINUTE_US, 2 * MINUTE_US)
        asking = draw.randrange(2)
        if await leases[asking].acquire("x"):
            assert holder in (None, asking) or time.us >= until_us or until_us > time.us + 2 * MINUTE_US
            holder, until_us = asking, time.us + MINUTE_US
        else:
            assert holder == 1 - asking
            assert time.us < until_us <= time.us + 2 * MINUTE_US
