"""Operations on files are timed by their kinds, and files are the same as without that."""

import pytest
from prometheus_client import CollectorRegistry
from voicebox_blobs.stores import open_blobs


async def pieces(*blocks):
    for block in blocks:
        yield block


async def test_operations_are_timed_and_change_nothing(tmp_path):
    registry = CollectorRegistry()
    with open_blobs(str(tmp_path / "blobs"), {}, tmp_path, "SOME_BLOB_URL", registry=registry) as blobs:
        blob = await blobs.put("audio", pieces(b"some ", b"bytes"), 100)
        assert b"".join([block async for block in blobs.read(blob.name)]) == b"some bytes"
        assert await blobs.size_bytes(blob.name) == 10
        assert [file.name async for files in blobs.stored() for file in files] == [blob.name]
        await blobs.delete(blob.name)
        with pytest.raises(FileNotFoundError):
            [block async for block in blobs.read(blob.name)]
    counted = {
        operation: registry.get_sample_value("voicebox_blob_seconds_count", {"store": "local", "operation": operation})
        for operation in ("put", "read", "size", "delete")
    }
    assert counted == {"put": 1, "read": 2, "size": 1, "delete": 1}
