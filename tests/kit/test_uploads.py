"""How slowly a client may upload."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from voicebox.asr.v1 import asr_pb2
from voicebox_kit import uploads
from voicebox_kit.errors import TooSlow
from voicebox_kit.uploads import steady


async def sent(pieces: int, size: int, seconds: float) -> AsyncIterator[asr_pb2.RecognizeUploadRequest]:
    for _ in range(pieces):
        await asyncio.sleep(seconds)
        yield asr_pb2.RecognizeUploadRequest(audio={"data": bytes(size)})


async def count(requests: AsyncIterator[asr_pb2.RecognizeUploadRequest]) -> int:
    return len([request async for request in steady(requests)])


async def test_a_trickle_of_bytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "FREE_SECONDS", 0.1)
    with pytest.raises(TooSlow, match="bytes came while"):
        await count(sent(100, 2, 0.02))


async def test_a_client_that_stops_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "STALL_SECONDS", 0.1)
    with pytest.raises(TooSlow):
        await count(sent(2, 1_000_000, 60))


async def test_who_sends_enough_may_take_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "FREE_SECONDS", 0.2)
    assert await count(sent(20, 100_000, 0.02)) == 20


async def test_the_time_in_which_we_work_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "FREE_SECONDS", 0.2)
    received = 0
    async for _ in steady(sent(5, 2, 0)):
        await asyncio.sleep(0.1)
        received += 1
    assert received == 5
