"""Who may join the streams that are made."""

from dataclasses import dataclass

import pytest
from voicebox_tts.engines.codec_models.scheduler.admission import FRAME_SECONDS, STALE_SECONDS, Admission


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def run(admission: Admission, alone_seconds: float, each_more_seconds: float, most: int = 100) -> int:
    """How many streams are admitted one after the other, on a device whose frames take so long."""
    streams = 0
    while streams < most and admission.admits(streams):
        streams += 1
        for _ in range(50):
            admission.measured(streams, alone_seconds + (streams - 1) * each_more_seconds)
    return streams


def test_the_memory_bounds_a_fast_device(clock: Clock) -> None:
    assert run(Admission(64, clock), 0.002, 0.0001) == 64


@pytest.mark.parametrize("each_more_seconds", [0.001, 0.004, 0.02])
def test_as_many_join_as_keep_real_time_with_a_margin(clock: Clock, each_more_seconds: float) -> None:
    streams = run(Admission(64, clock), 0.005, each_more_seconds)
    assert 0.5 * FRAME_SECONDS < 0.005 + (streams - 1) * each_more_seconds < FRAME_SECONDS


def test_a_device_that_is_too_slow_for_one_takes_what_there_is_memory_for(clock: Clock) -> None:
    assert run(Admission(4, clock), 0.8, 0.1) == 4


def test_one_slow_frame_says_little(clock: Clock) -> None:
    admission = Admission(64, clock)
    for _ in range(20):
        admission.measured(1, 0.005)
    admission.measured(1, 0.15)
    assert admission.admits(1)


def test_a_batch_that_was_slow_is_tried_again_when_that_was_long_ago(clock: Clock) -> None:
    admission = Admission(64, clock)
    for streams, seconds in ((1, 0.01), (2, 0.02), (3, 0.2)):
        admission.measured(streams, seconds)
    assert not admission.admits(2)
    clock.now += STALE_SECONDS + 1
    assert admission.admits(2)


def test_the_first_is_always_admitted(clock: Clock) -> None:
    admission = Admission(1, clock)
    admission.measured(1, 10.0)
    assert admission.admits(0)
    assert not admission.admits(1)
