import asyncio

import numpy as np
import pytest
from voicebox_asr.engine import SAMPLE_RATE_HZ
from voicebox_asr.live.backlog import JOINED_SAMPLES, MAX_PIECES, MAX_SECONDS, Backlog, Control

from .conftest import silence

pytestmark = pytest.mark.unit

END = Control.END_UTTERANCE


async def test_audio_and_controls_keep_their_places_and_pieces_are_joined() -> None:
    backlog = Backlog()
    stream = np.arange(1000, dtype=np.float32)
    for piece in (stream[:10], stream[10:200], END, END, stream[200:999], stream[999:]):
        await backlog.put(piece)
    await backlog.end()
    items = []
    while (item := await backlog.get()) is not None:
        items.append(item)
    assert items[1] is items[2] is END
    np.testing.assert_array_equal(items[0], stream[:200])
    np.testing.assert_array_equal(items[3], stream[200:])
    assert await backlog.get() is None


async def test_channels_side_by_side_are_joined_in_time() -> None:
    backlog = Backlog()
    await backlog.put(np.zeros((3, 2), np.float32))
    await backlog.put(np.ones((2, 2), np.float32))
    joined = await backlog.get()
    assert joined.shape == (5, 2)
    assert backlog.seconds == pytest.approx(5 / SAMPLE_RATE_HZ)


async def test_the_lag_is_what_arrived_and_was_not_recognised() -> None:
    backlog = Backlog()
    await backlog.put(silence(2))
    await backlog.put(END)
    assert backlog.seconds == 2.0
    await backlog.get()
    assert backlog.seconds == 2.0
    backlog.consumed(SAMPLE_RATE_HZ)
    assert backlog.seconds == 1.0


async def test_who_sends_too_much_waits_until_some_of_it_was_recognised() -> None:
    backlog = Backlog()
    await backlog.put(silence(MAX_SECONDS))
    sending = asyncio.create_task(backlog.put(silence(1)))
    item = await backlog.get()
    await asyncio.sleep(0)
    assert not sending.done()
    backlog.consumed(len(item))
    assert len(await backlog.get()) == SAMPLE_RATE_HZ
    await sending


async def test_tiny_pieces_are_bounded_by_their_number() -> None:
    backlog = Backlog()

    async def send() -> None:
        for _ in range(2 * MAX_PIECES):
            await backlog.put(silence(0.001))
        await backlog.end()

    sending = asyncio.create_task(send())
    sizes = []
    while (item := await backlog.get()) is not None:
        sizes.append(len(item))
        backlog.consumed(len(item))
        assert backlog.seconds <= (MAX_PIECES + 1) * 0.001
    await sending
    assert sum(sizes) == 2 * MAX_PIECES * 16
    assert max(sizes) <= JOINED_SAMPLES + 16
