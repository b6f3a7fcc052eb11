"""How many frames a chunk has."""

import pytest
from voicebox_kit.errors import StartError
from voicebox_tts.engines.codec_models.scheduler.chunk_sizes import ChunkSizes


def test_the_last_size_stays() -> None:
    schedule = ChunkSizes.read("1, 2,6")
    assert [schedule.size(chunk) for chunk in range(5)] == [1, 2, 6, 6, 6]


def test_the_default_begins_with_one_frame_and_grows() -> None:
    schedule = ChunkSizes.read("")
    sizes = [schedule.size(chunk) for chunk in range(8)]
    assert sizes[0] == 1
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("text", ["0", "1,,2", "a", "1;2", "-1", "1,65", "1.5", ",", "²"])
def test_what_is_no_schedule_is_named(text: str) -> None:
    with pytest.raises(StartError, match="frames of chunks"):
        ChunkSizes.read(text)
