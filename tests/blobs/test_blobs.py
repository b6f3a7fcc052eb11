"""The two blob stores: whole or not at all, bounded, ranged, under names that contain their hash."""

import asyncio
import hashlib
import os
from contextlib import aclosing

import pytest
from voicebox_blobs.blobs import READ_BYTES, sha256_of
from voicebox_blobs.local import WRITE_BYTES, open_local_blobs
from voicebox_blobs.s3 import PART_BYTES
from voicebox_blobs.stores import open_blobs
from voicebox_kit.errors import Exhausted, InvalidField, StartError, Unavailable

SIZES = (0, 1, WRITE_BYTES, WRITE_BYTES + 1, 2 * WRITE_BYTES + READ_BYTES, PART_BYTES, 2 * PART_BYTES + 7)


async def blocks(*data):
    for block in data:
        yield block


async def in_blocks(data, size_bytes=100_000):
    for begin in range(0, len(data), size_bytes):
        yield data[begin : begin + size_bytes]


async def joined(stream):
    return b"".join([block async for block in stream])


async def names(blobs):
    return {file.name: file.size_bytes async for files in blobs.stored() for file in files}


@pytest.mark.parametrize("size_bytes", SIZES)
async def test_what_is_put_is_read_listed_and_deleted(blobs, size_bytes):
    data = os.urandom(size_bytes)
    kept = await blobs.put("samples", in_blocks(data), size_bytes)
    assert (kept.size_bytes, kept.sha256) == (size_bytes, hashlib.sha256(data).hexdigest())
    assert kept.name.startswith("samples/")
    assert sha256_of(kept.name) == kept.sha256
    assert await joined(blobs.read(kept.name)) == data
    assert await blobs.size_bytes(kept.name) == size_bytes
    assert await names(blobs) == {kept.name: size_bytes}
    await blobs.delete(kept.name, kept.name)
    assert await names(blobs) == {}
    with pytest.raises(FileNotFoundError):
        await joined(blobs.read(kept.name))
    with pytest.raises(FileNotFoundError):
        await blobs.size_bytes(kept.name)


@pytest.mark.parametrize(
    ("start", "end"), [(0, 1), (0, 0), (5, 5), (3, 700_000), (READ_BYTES - 1, READ_BYTES + 1), (999_999, None)]
)
async def test_a_range(blobs, start, end):
    data = os.urandom(1_000_000)
    kept = await blobs.put("samples", in_blocks(data), len(data))
    assert await joined(blobs.read(kept.name, start, end)) == data[start:end]


async def test_equal_contents_are_two_files(blobs):
    first, second = [await blobs.put("samples", blocks(b"same"), 4) for _ in range(2)]
    assert first.sha256 == second.sha256
    await blobs.delete(first.name)
    assert await joined(blobs.read(second.name)) == b"same"


async def test_a_name_of_another_store(blobs):
    kept = await blobs.put_as("samples/00/0123456789abcdef", blocks(b"abc", b"def"))
    assert (kept.name, kept.size_bytes) == ("samples/00/0123456789abcdef", 6)
    assert await joined(blobs.read(kept.name)) == b"abcdef"
    assert sha256_of(kept.name) is None


async def test_too_large_keeps_nothing(blobs):
    with pytest.raises(InvalidField) as caught:
        await blobs.put("samples", in_blocks(bytes(3 * WRITE_BYTES)), 2 * WRITE_BYTES)
    assert caught.value.reason == "AUDIO_TOO_LARGE"
    assert await names(blobs) == {}


async def test_a_stream_that_fails_keeps_nothing(blobs):
    async def failing():
        yield bytes(2 * PART_BYTES)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await blobs.put("samples", failing(), 10 * PART_BYTES)
    assert await names(blobs) == {}


async def test_a_cancelled_upload_keeps_nothing(blobs, tmp_path):
    waiting = asyncio.Event()

    async def endless():
        yield bytes(2 * PART_BYTES)
        waiting.set()
        await asyncio.Event().wait()

    upload = asyncio.create_task(blobs.put("samples", endless(), 10 * PART_BYTES))
    await waiting.wait()
    upload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upload
    assert await names(blobs) == {}
    assert not list(tmp_path.rglob("staged/*"))


async def test_a_reader_that_leaves_early(blobs):
    kept = await blobs.put("samples", in_blocks(bytes(4 * READ_BYTES)), 4 * READ_BYTES)
    async with aclosing(blobs.read(kept.name)) as stream:
        assert len(await anext(stream)) <= READ_BYTES


async def test_many_at_once(blobs):
    kept = await asyncio.gather(*(blobs.put("samples", blocks(b"%d" % number), 9) for number in range(100)))
    assert [await joined(blobs.read(blob.name)) for blob in kept] == [b"%d" % number for number in range(100)]


async def test_a_file_half_written_by_a_killed_process_is_swept_at_start(tmp_path):
    with open_local_blobs(tmp_path) as blobs:
        kept = await blobs.put("samples", blocks(b"abc"), 6)
    half = tmp_path / "staged" / "0123"
    half.write_bytes(b"ab")
    with open_local_blobs(tmp_path) as blobs:
        assert not half.exists()
        assert await names(blobs) == {kept.name: 3}


async def test_what_another_process_is_writing_is_left_alone(tmp_path):
    with open_local_blobs(tmp_path):
        pass
    being_written, left_behind = tmp_path / "staged" / "0123", tmp_path / "staged" / "4567"
    for path in (being_written, left_behind):
        path.write_bytes(b"ab")
    os.utime(left_behind, (0, 0))
    with open_local_blobs(tmp_path, alone=False):
        assert being_written.exists()
        assert not left_behind.exists()


async def test_a_name_that_is_there_already_is_replaced_as_a_whole(blobs):
    for content in (b"abcdef", b"xyz"):
        await blobs.put_as("ab/abcd.safetensors", blocks(content))
    assert await joined(blobs.read("ab/abcd.safetensors")) == b"xyz"
    assert await names(blobs) == {"ab/abcd.safetensors": 3}


@pytest.mark.parametrize("size_bytes", [1000, 3 * WRITE_BYTES])
async def test_a_full_disk_keeps_nothing(small_disk, size_bytes):
    with open_local_blobs(small_disk) as blobs:
        filler = small_disk / "filler"
        filler.write_bytes(bytes(3_000_000))
        with filler.open("ab", buffering=0) as file, pytest.raises(OSError, match="No space"):
            while True:
                file.write(bytes(4096))
        with pytest.raises(Exhausted) as caught:
            await blobs.put("samples", in_blocks(bytes(size_bytes)), size_bytes)
        assert caught.value.reason == "STORAGE_FULL"
        filler.unlink()
        assert await names(blobs) == {}
        await blobs.put("samples", blocks(b"abc"), 3)


@pytest.mark.parametrize("url", ["ftp://host/x", "s3://", "s3://bucket?nonsense=1", "file://host/path", "/dev/null/x"])
def test_a_store_that_cannot_be_used_is_a_start_error(url, tmp_path):
    with pytest.raises(StartError, match=r"SOME_BLOB_URL|/dev/null"), open_blobs(url, {}, tmp_path, "SOME_BLOB_URL"):
        pass


async def test_an_object_store_that_does_not_answer_is_unavailable(tmp_path, free_port, monkeypatch):
    monkeypatch.setattr("voicebox_blobs.s3.RETRY_SECONDS", 0.0)
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    with open_blobs(
        f"s3://bucket?endpoint=http://127.0.0.1:{free_port}&region=us-east-1", keys, tmp_path, "SOME_BLOB_URL"
    ) as blobs:
        for call in (
            blobs.put("samples", blocks(b"abc"), 3),
            joined(blobs.read("x")),
            names(blobs),
            blobs.size_bytes("x"),
        ):
            with pytest.raises(Unavailable) as caught:
                await call
            assert caught.value.reason == "BLOBS_UNAVAILABLE"
        await blobs.delete("x")


async def test_a_bucket_that_is_not_there_is_unavailable(s3_server, tmp_path):
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    url = f"s3://absent?endpoint={s3_server.endpoint}&region=us-east-1"
    with open_blobs(url, keys, tmp_path, "SOME_BLOB_URL") as blobs, pytest.raises(Unavailable):
        await blobs.put("samples", blocks(b"abc"), 3)
