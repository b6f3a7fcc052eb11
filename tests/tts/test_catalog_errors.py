"""What the catalog refuses is refused by tts, in the catalog's own words."""

import grpc
import pytest
from prometheus_client import CollectorRegistry
from voicebox.catalog.v1 import catalog_pb2_grpc
from voicebox_kit.errors import Precondition
from voicebox_kit.interceptor import RpcInterceptor
from voicebox_tts.peers.catalog import Catalog


class Refuses(catalog_pb2_grpc.CatalogServiceServicer):
    async def GetReference(self, request, context):
        raise Precondition("CONSENT_REQUIRED", request.profile, "Nobody says that the speaker agreed.")
        yield


async def test_that_consent_is_required_reaches_the_caller():
    server = grpc.aio.server(interceptors=[RpcInterceptor(CollectorRegistry())])
    catalog_pb2_grpc.add_CatalogServiceServicer_to_server(Refuses(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        with pytest.raises(Precondition) as refused:
            await Catalog(channel).reference("profiles/ann", "", "local", 10)
    assert (refused.value.reason, refused.value.sentence) == (
        "CONSENT_REQUIRED",
        "Nobody says that the speaker agreed.",
    )
    await server.stop(0)
