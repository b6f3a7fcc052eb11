"""Zip files that are written while they are sent."""

import io
import zipfile
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from voicebox_blobs.archives.zip_writer import PIECE_BYTES, Entry, zipped

NOON = datetime(2026, 1, 2, 12, 30, 8, tzinfo=UTC)


async def stream(items):
    for item in items:
        yield item


async def archive(*files):
    entries = stream([Entry(name, stream(blocks), NOON, compress=compress) for name, blocks, compress in files])
    pieces = [piece async for piece in zipped(entries)]
    return pieces, zipfile.ZipFile(io.BytesIO(b"".join(pieces)))


async def test_an_archive_without_files_is_an_archive():
    assert (await archive())[1].namelist() == []


@settings(max_examples=30, deadline=None)
@given(
    st.dictionaries(
        st.text("abü/", min_size=1, max_size=9),
        st.tuples(st.lists(st.binary(max_size=999), max_size=4), st.booleans()),
        max_size=6,
    )
)
async def test_what_goes_in_comes_out(files):
    _, read = await archive(*((name, blocks, compress) for name, (blocks, compress) in files.items()))
    assert read.testzip() is None
    assert read.namelist() == list(files)
    for name, (blocks, _) in files.items():
        assert read.read(name) == b"".join(blocks)
        assert read.getinfo(name).date_time == (2026, 1, 2, 12, 30, 8)


async def test_text_is_compressed_and_small_files_are_sent_together():
    _, read = await archive(("text", [b"again and " * 1000], True), ("audio", [b"again and " * 1000], False))
    assert [one.compress_size < 200 for one in read.infolist()] == [True, False]
    pieces, _ = await archive(*((f"{number}", [bytes(1000)], False) for number in range(1000)))
    assert all(PIECE_BYTES <= len(piece) < 2 * PIECE_BYTES for piece in pieces[:-1])
    assert len(pieces) < 10


async def test_times_before_1980_are_1980():
    entries = stream([Entry("a", stream([b"x"]), datetime(1970, 1, 1, tzinfo=UTC))])
    read = zipfile.ZipFile(io.BytesIO(b"".join([piece async for piece in zipped(entries)])))
    assert read.getinfo("a").date_time == (1980, 1, 1, 0, 0, 0)
