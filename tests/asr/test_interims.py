"""Interims with a clock that stands still unless a test moves it."""

from dataclasses import dataclass

import pytest
from voicebox_asr.engine import Hypothesis
from voicebox_asr.live.interims import Interims

pytestmark = pytest.mark.unit


@dataclass
class Recogniser:
    """Makes interims that all differ and take `cost_seconds`; it is the clock, too."""

    cost_seconds: float = 0.0
    now: float = 0.0
    made: int = 0

    def clock(self) -> float:
        return self.now

    def ask(self) -> Hypothesis:
        self.now += self.cost_seconds
        self.made += 1
        return Hypothesis(f"interim {self.made}", None, ())


def after(interims: Interims, recogniser: Recogniser, seconds: float, lag_seconds: float = 0.0) -> int:
    """How many interims so much audio brings, in pieces of 0.1 s."""
    before = recogniser.made
    for _ in range(round(seconds / 0.1)):
        interims.add(0.1)
        interims.next(recogniser.ask, lag_seconds)
    return recogniser.made - before


def test_an_interim_comes_every_fifth_of_a_second() -> None:
    recogniser = Recogniser()
    assert after(Interims(recogniser.clock), recogniser, 4.0) == 20


def test_quick_interims_leave_no_core_idle() -> None:
    recogniser = Recogniser(cost_seconds=0.4)
    assert after(Interims(recogniser.clock), recogniser, 8.0) >= 16


@pytest.mark.parametrize(("cost", "most"), [(0.05, 40), (1.0, 6), (2.0, 3)])
def test_interims_that_cost_much_come_less_often(cost: float, most: int) -> None:
    recogniser = Recogniser(cost_seconds=cost)
    interims = Interims(recogniser.clock)
    made = after(interims, recogniser, 8.0)
    assert 2 <= made <= most
    assert recogniser.now <= 0.75 * 8.0 + cost
    assert interims.dropped == 0


def test_behind_most_are_dropped_and_counted_and_then_they_come_again() -> None:
    recogniser = Recogniser()
    interims = Interims(recogniser.clock)
    assert after(interims, recogniser, 4.0, lag_seconds=1.1) == 4
    assert interims.dropped == 16
    assert after(interims, recogniser, 4.0, lag_seconds=0.9) == 20
    assert interims.dropped == 16


def test_behind_a_twentieth_of_the_time_goes_into_interims() -> None:
    recogniser = Recogniser(cost_seconds=0.5)
    assert after(Interims(recogniser.clock), recogniser, 40.0, lag_seconds=5.0) == 4
    assert recogniser.now == pytest.approx(0.05 * 40.0)


def test_the_same_interim_is_reported_once_and_anew_in_the_next_utterance() -> None:
    interims = Interims(lambda: 0.0)

    def reported() -> bool:
        interims.add(1.0)
        return interims.next(lambda: Hypothesis("yes", None, ()), 0.0) is not None

    assert [reported(), reported()] == [True, False]
    interims.begin()
    assert reported()


def test_nothing_is_stable_before_it_is_settled() -> None:
    interims = Interims(lambda: 0.0)

    def stable(text: str) -> str:
        interims.add(1.0)
        found = interims.next(lambda: Hypothesis(text, None, ()), 0.0)
        assert found
        return found[1]

    interims.begin()
    assert {stable("one"), stable("one two"), stable("one two three")} == {""}
