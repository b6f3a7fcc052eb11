"""A copy of a call's audio is complete and exact, or fails with a reason and leaves no file."""

import asyncio
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from voicebox_asr.audio.source import Pcm
from voicebox_asr.records.audio_copy import audio_copy
from voicebox_kit.errors import Exhausted

PCM = Pcm(16_000, 1)


def test_headerless_samples_of_any_rate_and_channels_are_copied_exactly(tmp_path: Path) -> None:
    sent = np.random.default_rng(7).integers(-32768, 32767, (5000, 3)).astype("<i2")
    with audio_copy(lambda: tmp_path / "copy", Pcm(44_100, 3)) as copy:
        for start in range(0, sent.nbytes, 1001):
            copy.write(sent.tobytes()[start : start + 1001])
        path, container = copy.finish()
        data = path.read_bytes()
    assert container == "flac"
    samples, rate = soundfile.read(io.BytesIO(data), dtype="int16")
    assert rate == 44_100
    assert np.array_equal(samples, sent)


@pytest.mark.parametrize("pcm", [None, PCM])
def test_a_copy_is_removed_unless_it_is_handed_over(tmp_path: Path, pcm: Pcm | None) -> None:
    for name in ("left", "kept"):
        with audio_copy(lambda name=name: tmp_path / name, pcm) as copy:
            copy.write(bytes(1000))
            copy.finish()
            if name == "kept":
                copy.hand_over()
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


@pytest.mark.parametrize("pcm", [None, PCM])
def test_a_copy_that_gets_too_large_fails_at_its_end_and_gives_the_disk_back_at_once(
    tmp_path: Path, pcm: Pcm | None
) -> None:
    noise = np.random.default_rng(7).integers(-32768, 32767, 50_000).astype("<i2").tobytes()
    with audio_copy(lambda: tmp_path / "copy", pcm, max_bytes=10_000) as copy:
        for _ in range(20):
            copy.write(noise)
        assert not list(tmp_path.iterdir())
        with pytest.raises(OSError, match="more than 10000 bytes"):
            copy.finish()


@pytest.mark.parametrize("pcm", [None, PCM])
def test_a_folder_that_is_gone_fails_at_the_end(tmp_path: Path, pcm: Pcm | None) -> None:
    with audio_copy(lambda: tmp_path / "absent" / "copy", pcm) as copy:
        assert copy.write(b"xx") == 0
        with pytest.raises(OSError, match="absent is gone"):
            copy.finish()


def test_a_full_spool_fails_at_the_end() -> None:
    def full() -> Path:
        raise Exhausted("SPOOL_FULL", "The spool is full.")

    with audio_copy(full, None) as copy:
        assert copy.write(b"xx") == 0
        with pytest.raises(OSError, match="The spool is full"):
            copy.finish()


@pytest.mark.parametrize("pcm", [None, PCM])
def test_a_full_disk_says_so_and_leaves_nothing(small_disk: Path, pcm: Pcm | None) -> None:
    noise = np.random.default_rng(7).integers(-32768, 32767, 50_000).astype("<i2").tobytes()
    with audio_copy(lambda: small_disk / "copy", pcm) as copy:
        sizes = [copy.write(noise) for _ in range(60)]
        assert (sizes[0] > 0, sizes[-1]) == (True, 0)
        with pytest.raises(OSError, match="The disk is full"):
            copy.finish()
        assert not (small_disk / "copy").exists()


async def test_a_copy_may_be_discarded_while_a_thread_writes(tmp_path: Path) -> None:
    with audio_copy(lambda: tmp_path / "copy", PCM) as copy:
        writing = [asyncio.create_task(asyncio.to_thread(copy.write, bytes(100_000))) for _ in range(20)]
        await asyncio.sleep(0)
    await asyncio.gather(*writing)
    assert not list(tmp_path.iterdir())
