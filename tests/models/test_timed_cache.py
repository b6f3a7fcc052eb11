"""The models whose files are here: looked up rarely, and never out of date by what the service did itself."""

import pytest
from voicebox_models.timed_cache import TTL_SECONDS, TimedCache

from .conftest import FakeEngine

pytestmark = pytest.mark.unit


@pytest.fixture
def default():
    return FakeEngine("zeta", loaded=True)


@pytest.fixture
def other():
    return FakeEngine("beta", present=True)


class Clock:
    """Time that the test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Counted:
    """Makes another list at each call."""

    made = 0

    def __call__(self) -> int:
        self.made += 1
        return self.made


def test_a_list_is_made_once_while_it_is_young():
    clock = Clock()
    listing = TimedCache(Counted(), clock)
    assert [listing.get() for _ in range(5)] == [1] * 5
    clock.now += TTL_SECONDS
    assert [listing.get() for _ in range(5)] == [2] * 5


def test_a_forgotten_list_is_made_anew_at_once():
    listing = TimedCache(Counted(), Clock())
    assert listing.get() == 1
    listing.forget()
    assert listing.get() == 2


async def test_a_model_that_was_fetched_is_here_at_once(make_models, default, other):
    models = make_models(default, other)
    other.present = False
    assert models.here == (default,)
    async for _ in models.download(other):
        pass
    assert models.here == (default, other)


async def test_a_folder_that_comes_or_goes_is_seen_soon(make_models, default, other, clock):
    models = make_models(default, other)
    assert models.here == (default, other)
    other.present = False
    clock.now += TTL_SECONDS
    assert models.here == (default,)
