import pytest
from voicebox_blobs.stores import open_blobs

from bench.launch import free_ports
from tests.catalog.stores import object_store


@pytest.fixture(scope="session")
def s3_server():
    """An S3 of our own."""
    with object_store() as server:
        yield server


@pytest.fixture(name="free_port")
def _free_port():
    """A port where nobody listens."""
    return free_ports(1)[0]


@pytest.fixture(params=["folder", "s3"])
def blobs(request, tmp_path):
    """A place for blobs of its own, in a folder and in S3."""
    if request.param == "folder":
        with open_blobs(str(tmp_path / "blobs"), {}, tmp_path, "SOME_BLOB_URL") as blobs:
            yield blobs
        return
    server = request.getfixturevalue("s3_server")
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    with open_blobs(server.make_bucket(), keys, tmp_path, "SOME_BLOB_URL") as blobs:
        yield blobs
    server.forget()
