"""Parts of a file over HTTP, through a real Envoy: what a player asks for when somebody moves its slider."""

from voicebox.catalog.v1 import catalog_pb2, catalog_pb2_grpc

from tests.support.aio import aio_stub

from .conftest import BLOCK

PATH = "/v1/profiles/ann/samples/1:audio"


async def test_the_whole_file_contains_its_length(gateway):
    answer = await gateway.http.get(PATH)
    assert (answer.status_code, answer.content) == (200, BLOCK)
    assert (answer.headers["content-length"], answer.headers["accept-ranges"]) == ("4096", "bytes")
    assert "content-range" not in answer.headers
    assert "x-content-length" not in answer.headers


async def test_a_part_is_a_206(gateway):
    answer = await gateway.http.get(PATH, headers={"range": "bytes=10-109"})
    assert (answer.status_code, answer.content) == (206, BLOCK[10:110])
    assert (answer.headers["content-range"], answer.headers["content-length"]) == ("bytes 10-109/4096", "100")
    assert answer.headers["content-type"] == "audio/flac"


async def test_a_part_behind_the_end_is_a_416(gateway):
    answer = await gateway.http.get(PATH, headers={"range": "bytes=5000-6000"})
    assert (answer.status_code, answer.content) == (416, b"")
    assert (answer.headers["content-range"], answer.headers["content-length"]) == ("bytes */4096", "0")


async def test_a_grpc_client_gets_metadata_and_its_status_stays(gateway):
    stub = aio_stub(catalog_pb2_grpc.CatalogServiceStub, gateway.channel)
    request = catalog_pb2.DownloadSampleAudioRequest(name="profiles/ann/samples/1")
    call = stub.DownloadSampleAudio(request, metadata=(("range", "bytes=0-9"),))
    assert b"".join([answer.body.data async for answer in call]) == BLOCK[:10]
    assert dict(await call.initial_metadata())["content-range"] == "bytes 0-9/4096"
