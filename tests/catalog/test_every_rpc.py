"""Every RPC of the catalog, called with whatever its request may hold, ends in OK or in a status that is documented."""

import asyncio

import grpc
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from voicebox.catalog.v1 import catalog_pb2 as pb

from tests.support.proto_strategies import messages

SERVICE = pb.DESCRIPTOR.services_by_name["CatalogService"]
DOCUMENTED = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.ABORTED,
}
EXAMPLES = 13


async def call(catalog, method, requests):
    """The status in which a call ends, and its sentence."""
    arguments = aiter_of(requests) if method.client_streaming else requests[0]
    try:
        answer = getattr(catalog, method.name)(arguments, timeout=60)
        if method.server_streaming:
            [_ async for _ in answer]
        else:
            await answer
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details()
    return grpc.StatusCode.OK, ""


async def aiter_of(requests):
    for request in requests:
        yield request


@pytest.mark.parametrize("method", list(SERVICE.methods), ids=lambda method: method.name)
async def test_it_is_ok_or_a_documented_status(method, catalog):
    await catalog.CreateProfile(pb.CreateProfileRequest(profile=pb.Profile(display_name="Ann"), profile_id="ann"))
    loop = asyncio.get_running_loop()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(messages(method.input_type), min_size=1, max_size=3 if method.client_streaming else 1))
    def calls(requests):
        code, sentence = asyncio.run_coroutine_threadsafe(call(catalog, method, requests), loop).result()
        assert code in DOCUMENTED | {grpc.StatusCode.OK}, (code, sentence)

    await asyncio.to_thread(calls)
