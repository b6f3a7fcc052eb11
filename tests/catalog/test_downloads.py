"""Parts of files, as HTTP asks for them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox_blobs.ranges import ByteRange, part_of

PARTS = [
    ("", ByteRange(0, 100)),
    ("bytes=0-", ByteRange(0, 100)),
    ("bytes=10-19", ByteRange(10, 20)),
    ("bytes=99-", ByteRange(99, 100)),
    ("bytes=90-1000", ByteRange(90, 100)),
    ("bytes=-30", ByteRange(70, 100)),
    ("bytes=-300", ByteRange(0, 100)),
    ("Bytes = 5-5", ByteRange(5, 6)),
    ("bytes=100-", None),
    ("bytes=100-200", None),
    ("bytes=-0", None),
    ("bytes=20-10", ByteRange(0, 100)),
    ("bytes=0-1,5-6", ByteRange(0, 100)),
    ("bytes=-", ByteRange(0, 100)),
    ("bytes=a-b", ByteRange(0, 100)),
    ("items=0-5", ByteRange(0, 100)),
    ("bytes=0-99999999999999999999999", ByteRange(0, 100)),
    ("bytes=٣-٥", ByteRange(0, 100)),
    ("bytes=99999999999999999999999-", None),
    (f"bytes={'9' * 150}-", None),
    ("bytes=-99999999999999999999999", ByteRange(0, 100)),
    (f"bytes=0-{'9' * 10_000}", ByteRange(0, 100)),
    (f"bytes={','.join(['0-1'] * 10_000)}", ByteRange(0, 100)),
    ("bytes=00000000000000000000000010-00000000000000000000000019", ByteRange(10, 20)),
    ("bytes=5 - 9", ByteRange(5, 10)),
    ("bytes=--5", ByteRange(0, 100)),
    ("bytes=1.5-2", ByteRange(0, 100)),
    ("bytes=0x1-0x5", ByteRange(0, 100)),
    ("bytes 0-5", ByteRange(0, 100)),
    ("=0-5", ByteRange(0, 100)),
]


@pytest.mark.parametrize(("requested", "expected"), PARTS)
def test_what_a_range_requests(requested, expected):
    assert part_of(requested, 100) == expected


@settings(database=None, deadline=None)
@given(st.text(max_size=40) | st.from_regex(r"bytes=\d*-\d*", fullmatch=True), st.integers(0, 10**6))
def test_no_range_leads_outside(requested, size):
    part = part_of(requested, size)
    assert part is None or 0 <= part.start <= part.end <= size


async def test_a_part_of_a_sample(catalog, upload, voice):
    profile = (await catalog.CreateProfile(pb.CreateProfileRequest(profile=pb.Profile(display_name="Ann")))).name
    data = voice(30)
    kept = await upload(catalog, profile, data)

    async def download(requested):
        metadata = (("range", requested),) if requested else ()
        call = catalog.DownloadSampleAudio(pb.DownloadSampleAudioRequest(name=kept.name), metadata=metadata)
        headers = dict(await call.initial_metadata())
        answers = [answer.body async for answer in call]
        assert headers["accept-ranges"] == "bytes"
        assert answers[0].content_type == "audio/wav"
        return headers.get("content-range"), b"".join(body.data for body in answers)

    size = len(data)
    assert await download("") == (None, data)
    assert await download("bytes=0-0") == (f"bytes 0-0/{size}", data[:1])
    assert await download("bytes=1000-700000") == (f"bytes 1000-700000/{size}", data[1000:700_001])
    assert await download("bytes=-5") == (f"bytes {size - 5}-{size - 1}/{size}", data[-5:])
    assert await download(f"bytes={size}-") == (f"bytes */{size}", b"")
    assert await download("bytes=0-1,3-4") == (None, data)
